"""Notices: which events are sent to whom, when, and with which text.

Rules kept here:
- a notice says what happened and where to look; it contains no reason, no evidence and no secret;
- nobody is notified of their own actions;
- quiet hours and digests delay a notice but never drop it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from services.domain.identity.people import Permission, Role, permissions_of
from services.domain.identity.sessions import Identity


class Topic(StrEnum):
    """A kind of event to which a channel can subscribe."""

    REQUESTS = "requests"
    DECISIONS = "decisions"
    REVIEWS = "reviews"
    """Re-reviews of live versions, and findings."""
    RELEASES = "releases"
    INCIDENTS = "incidents"
    ACCESS = "access"


class Rhythm(StrEnum):
    """How often a channel is notified."""

    AT_ONCE = "at_once"
    HOURLY = "hourly"
    DAILY = "daily"


DIGEST_HOUR = 8
"""Local hour of the daily digest."""

WORDS: Mapping[str, tuple[Topic, str]] = {
    "promotion:request:opened": (Topic.REQUESTS, "{who} requests the promotion of {what}"),
    "promotion:request:sealed": (
        Topic.REQUESTS,
        "{who} resealed the request for {what}; earlier signatures are void",
    ),
    "promotion:request:suspended": (Topic.REQUESTS, "The request for {what} is suspended: something changed"),
    "promotion:request:withdrawn": (Topic.REQUESTS, "{who} withdrew the request for {what}"),
    "promotion:request:expired": (Topic.REQUESTS, "The request for {what} expired without a decision"),
    "promotion:request:expiring": (Topic.REQUESTS, "The request for {what} expires soon"),
    "promotion:request:reassigned": (Topic.REQUESTS, "{who} reassigned the decision on {what}"),
    "promotion:request:delegated": (Topic.REQUESTS, "{who} delegated a signature for {what}"),
    "promotion:comment:added": (Topic.REQUESTS, "{who} commented on the request for {what}"),
    "promotion:decision:approved": (Topic.DECISIONS, "{who} approved {what}"),
    "promotion:decision:reviewed": (Topic.DECISIONS, "{who} signed {what} as reviewed"),
    "promotion:decision:rejected": (Topic.DECISIONS, "{who} rejected {what}"),
    "promotion:decision:changes_requested": (Topic.DECISIONS, "{who} requested changes to {what}"),
    "promotion:request:promoted": (Topic.RELEASES, "{what} is live"),
    "promotion:request:failed": (Topic.RELEASES, "The release of {what} failed; the previous version is live again"),
    "rollout:run:stopped": (Topic.RELEASES, "The release of {what} needs a person"),
    "registry:version:review_due": (Topic.REVIEWS, "{what} is live and due for re-review"),
    "registry:version:reviewed": (Topic.REVIEWS, "{who} re-reviewed {what}, which is live"),
    "watch:finding:opened": (Topic.REVIEWS, "{who} opened a finding about {what}"),
    "watch:finding:due": (Topic.REVIEWS, "A finding about {what} must be fixed"),
    "watch:finding:closed": (Topic.REVIEWS, "{who} closed a finding about {what}"),
    "watch:incident:opened": (Topic.INCIDENTS, "Incident: {what}"),
    "watch:incident:closed": (Topic.INCIDENTS, "Incident over: {what}"),
    "access:token:issued": (Topic.ACCESS, "{who} issued a service token"),
    "access:token:revoked": (Topic.ACCESS, "{who} revoked a service token"),
    "access:role:granted": (Topic.ACCESS, "A role was granted to {what}"),
    "access:role:revoked": (Topic.ACCESS, "A role was revoked from {what}"),
    "policy:file:changed": (Topic.INCIDENTS, "The active policy changed"),
    "access:break_glass:used": (Topic.INCIDENTS, "{who} broke the glass for {what}"),
}
"""Topic and sentence by ledger action."""

_TO_REVIEWERS = frozenset(
    {"promotion:request:opened", "promotion:request:sealed", "registry:version:review_due", "access:break_glass:used"}
)

_PASSES_ON = frozenset({"promotion:decision:approved", "promotion:decision:reviewed"})
"""For policies with ordered slots, these actions name who is next."""


@dataclass(frozen=True)
class Event:
    """The parts of a ledger entry that a notice needs."""

    seq: int
    action: str
    at: str
    actor_id: str
    actor_name: str
    subject: str
    request_id: str | None = None
    named: tuple[str, ...] = ()
    """Ids of the people concerned: asked, mentioned, or owner of a finding."""

    @property
    def topic(self) -> Topic | None:
        """None for events without notifications."""
        return WORDS[self.action][0] if self.action in WORDS else None

    def sentence(self) -> str:
        """What happened, on one line: names come from outside and may contain anything."""
        name, _, version = self.subject.rpartition("/")
        what = f"{name} v{version}" if name and version.isdigit() else self.subject
        text = " ".join(WORDS[self.action][1].format(who=self.actor_name, what=what).split())
        return f"{text}; the next discipline can sign now" if self.action in _PASSES_ON and self.named else text


@dataclass(frozen=True)
class Schedule:
    """When a channel may be notified."""

    rhythm: Rhythm = Rhythm.AT_ONCE
    quiet: tuple[time, time] | None = None
    zone: str = "UTC"

    def next_after(self, now: datetime) -> datetime:
        """The first moment at or after `now` at which this channel may be notified."""
        local = now.astimezone(ZoneInfo(self.zone))
        if self.rhythm is Rhythm.HOURLY:
            local = local.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        elif self.rhythm is Rhythm.DAILY:
            today = local.replace(hour=DIGEST_HOUR, minute=0, second=0, microsecond=0)
            local = today if local < today else today + timedelta(days=1)
        return self._after_quiet(local).astimezone(now.tzinfo)

    def _after_quiet(self, local: datetime) -> datetime:
        if self.quiet is None:
            return local
        start, end = self.quiet
        clock = local.time()
        is_quiet = start <= clock < end if start <= end else (clock >= start or clock < end)
        if not is_quiet:
            return local
        day = local if clock < end else local + timedelta(days=1)
        return day.replace(hour=end.hour, minute=end.minute, second=0, microsecond=0)


OPTIONAL_TOPICS = frozenset({Topic.REQUESTS, Topic.DECISIONS, Topic.RELEASES, Topic.REVIEWS})
"""Topics that a person may mute. Incidents cannot be muted, nor can events that name the person."""


@dataclass(frozen=True)
class Preferences:
    """One person's e-mail preferences."""

    schedule: Schedule | None = None
    """None: use the channel's setting."""
    muted: frozenset[Topic] = frozenset()

    def wants(self, event: Event, person_id: str) -> bool:
        """False for muted topics; never for events that name the person."""
        return event.topic not in self.muted or person_id in event.named


def recipients(event: Event, people: Sequence[Identity], requester_id: str | None) -> list[Identity]:
    """Recipients of an event: reviewers for new work, the people concerned, and the requester for everything."""
    found = [
        person
        for person in people
        if person.email
        and person.person.id != event.actor_id
        and (person.person.id in {requester_id, *event.named} or (event.action in _TO_REVIEWERS and _decides(person)))
    ]
    return sorted(found, key=lambda person: person.person.id)


def _decides(person: Identity) -> bool:
    return Permission.DECIDE in permissions_of(person.roles) and Role.SERVICE not in person.roles
