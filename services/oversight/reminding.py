"""Reminders before requests expire, and before and after re-reviews and findings are due; called by the worker.

A reminder is a ledger entry, so that it is sent through the channels of `services.notices` like any other event. Each
step of each date is sent once, whatever the number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.database.unit import Unit, Units
from services.domain.identity.people import SYSTEM, Actor
from services.domain.promotions.oversight import Finding, ReviewDue
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.requests import RequestState
from services.domain.promotions.rights import Outline, waits_for_person
from services.domain.registry import VersionKey
from services.domain.reminders import BEFORE_EXPIRY, BEFORE_FINDING, BEFORE_REVIEW, step_reached
from services.ledger.actions import Action
from services.ledger.subjects import version_subject
from services.ledger.tree.canonical import Json
from services.ledger.tree.entry import Subject
from services.oversight.findings import FindingDesk
from services.ports.time import Clock
from services.promotions.sealed_request import outlines_of

WAITING = (RequestState.OPEN, RequestState.CHANGES_REQUESTED)


@dataclass(frozen=True)
class _Reminder:
    key: str
    """The item and its date; the value is the last step sent."""
    step: str
    action: Action
    subject: Subject
    after: dict[str, Json]
    request_id: str | None


class ReminderDesk:
    """Checks the dates and writes the reminders that are due."""

    def __init__(
        self, units: Units, findings: FindingDesk, people: Callable[[], Sequence[Actor]], *, clock: Clock
    ) -> None:
        self._units = units
        self._findings = findings
        self._people = people
        self._clock = clock

    def beat(self) -> int:
        """Check once; returns how many reminders were written."""
        now = self._clock.now()
        reviews = self._findings.reviews_due()
        people = self._people()
        with self._units.read() as unit:
            found = [*_expiring(unit, people, now), *_reviews(reviews, now), *_findings(unit, now)]
            new = [reminder for reminder in found if unit.marks.get(reminder.key) != reminder.step]
        return sum(self._tell(reminder, now) for reminder in new)

    def _tell(self, reminder: _Reminder, now: datetime) -> bool:
        with self._units.begin() as unit:
            before = unit.marks.get(reminder.key)
            if before == reminder.step or not unit.marks.exchange(reminder.key, reminder.step, now, before=before):
                return False
            unit.ledger.append(
                SYSTEM, reminder.action, reminder.subject, after=dict(reminder.after), request_id=reminder.request_id
            )
        return True


def _expiring(unit: Unit, people: Sequence[Actor], now: datetime) -> Iterator[_Reminder]:
    """Reviewers are looked up only for requests without a reminder yet."""
    due = [(request, step) for request in unit.requests.in_states(WAITING) if (step := _expiry_step(request, now))]
    new = [(request, step) for request, step in due if unit.marks.get(_expiry_key(request)) != step]
    outlines = outlines_of(unit, [request for request, _ in new], now)
    for (request, step), outline in zip(new, outlines, strict=True):
        yield _Reminder(
            _expiry_key(request), step, Action.REQUEST_EXPIRING, version_subject(request.key),
            {"expires": request.expires.isoformat(), "waits_for": list(_waits_for(outline, people))},
            request.id,
        )  # fmt: skip


def _expiry_key(request: PromotionRequest) -> str:
    return f"expiring:{request.id}:{request.expires.isoformat()}"


def _expiry_step(request: PromotionRequest, now: datetime) -> str | None:
    step = step_reached(request.expires, now, since=request.created, before=BEFORE_EXPIRY)
    return step if now < request.expires else None


def _waits_for(outline: Outline, people: Sequence[Actor]) -> list[str]:
    return sorted(person.person.id for person in people if waits_for_person(person, outline))


def _reviews(due: Sequence[ReviewDue], now: datetime) -> Iterator[_Reminder]:
    for item in due:
        live = item.deployment
        since = item.last.at if item.last else live.live_from
        step = step_reached(item.due, now, since=since, before=BEFORE_REVIEW)
        if step is not None:
            yield _Reminder(
                f"review:{live.id}:{item.due.isoformat()}", step, Action.VERSION_REVIEW_DUE, version_subject(live.key),
                {"due": item.due.isoformat(), "environment": live.environment}, live.request_id,
            )  # fmt: skip


def _findings(unit: Unit, now: datetime) -> Iterator[_Reminder]:
    for found in unit.oversight.findings():
        step = step_reached(found.due, now, since=found.opened, before=BEFORE_FINDING)
        if step is not None:
            yield _Reminder(
                f"finding:{found.id}:{found.due.isoformat()}", step, Action.FINDING_DUE, _subject(unit, found),
                {"finding": found.id, "due": found.due.isoformat(), "owner": found.owner.id}, found.request_id,
            )  # fmt: skip


def _subject(unit: Unit, found: Finding) -> Subject:
    """A finding against every version of a model was opened with a request."""
    if found.version is not None:
        return version_subject(VersionKey(found.model, found.version))
    return version_subject(unit.requests.get(str(found.request_id)).key)
