"""Assignments, findings and re-reviews.

Rules kept here:
- a finding blocks while it is open; its owner cannot close it;
- a delegate signs for one discipline, and the four-eyes rule applies to them as well;
- snoozing hides a request from one person's list, and neither extends nor blocks it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.domain.identity.people import Actor, Permission, Person
from services.domain.promotions.promotion import Deployment
from services.domain.registry import VersionKey


class Severity(StrEnum):
    """Severity of a finding; low ones do not block."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class FindingKind(StrEnum):
    """Origin of a finding."""

    FINDING = "finding"
    BREAK_GLASS = "break_glass"
    """The review that is due after every break-glass."""


@dataclass(frozen=True)
class Finding:
    """A problem that must be fixed, with its owner and due date."""

    id: str
    kind: FindingKind
    model: str
    version: int | None
    """None: it applies to every version of the model."""
    environment: str | None
    """None: it applies to every environment."""
    severity: Severity
    title: str
    owner: Person
    due: datetime
    opener: Person
    opened: datetime
    request_id: str | None = None
    closed: datetime | None = None
    closer: Person | None = None
    resolution: str = ""

    def stands_against(self, key: VersionKey, environment: str) -> bool:
        """True while it blocks this version in this environment."""
        is_about = self.model == key.model and self.version in {None, key.version}
        is_there = self.environment in {None, environment}
        return self.closed is None and self.severity is not Severity.LOW and is_about and is_there

    def is_overdue(self, now: datetime) -> bool:
        """True if it is open past its due date."""
        return self.closed is None and now > self.due


def why_not_close(actor: Actor, finding: Finding) -> str | None:
    """None if the person may close it; otherwise the reason."""
    if finding.closed is not None:
        return "It is already closed."
    if actor.is_service or not actor.may(Permission.DECIDE):
        return "Only reviewers can close findings."
    if actor.is_known_as(finding.owner.id):
        return "You own this finding, so another person must verify the fix."
    if finding.kind is FindingKind.BREAK_GLASS and actor.is_known_as(finding.opener.id):
        return "You broke the glass, so another person must review it."
    return None


class AssignmentKind(StrEnum):
    """Kind of an assignment."""

    REASSIGN = "reassign"
    """The review goes to another person."""
    DELEGATE = "delegate"
    """Another person signs for the discipline."""
    DEFER = "defer"
    """One person snoozes the request."""


@dataclass(frozen=True)
class Assignment:
    """One assignment. Assignments never change: a person's latest one counts."""

    id: str
    kind: AssignmentKind
    by: Person
    to: Person
    """The same person for a snooze."""
    reason: str
    at: datetime
    slot: str = ""
    """The discipline that a delegate signs for."""
    until: datetime | None = None
    """When a snooze ends."""


def delegated_slots(person_id: str, assignments: Iterable[Assignment]) -> frozenset[str]:
    """Disciplines delegated to this person."""
    return frozenset(
        a.slot for a in assignments if a.kind is AssignmentKind.DELEGATE and a.to.id == person_id and a.slot
    )


def asked_people(assignments: Sequence[Assignment]) -> dict[str, Person]:
    """People who are currently asked by name."""
    asked: dict[str, Person] = {}
    for a in assignments:
        if a.kind in {AssignmentKind.REASSIGN, AssignmentKind.DELEGATE}:
            asked.pop(a.by.id, None)
            asked[a.to.id] = a.to
    return asked


def is_asked_by_name(person_id: str, assignments: Sequence[Assignment]) -> bool:
    """True while the request is assigned to this person, or a discipline is delegated to them."""
    return person_id in asked_people(assignments)


def waits_for(person_id: str, assignments: Sequence[Assignment], now: datetime) -> bool:
    """False while the person has snoozed the request or passed their part to somebody else."""
    own = [a for a in assignments if person_id in {a.by.id, a.to.id}]
    last = own[-1] if own else None
    if last is None or (last.to.id == person_id and last.kind is not AssignmentKind.DEFER):
        return True
    if last.kind is AssignmentKind.DEFER:
        return last.until is None or now >= last.until
    return False


@dataclass(frozen=True)
class ReReview:
    """A re-review of a live version."""

    id: str
    deployment_id: str
    person: Person
    reason: str
    at: datetime


@dataclass(frozen=True)
class NewFinding:
    """A new finding."""

    title: str
    severity: Severity
    owner: str
    """Id of the owner."""
    due: datetime
    request_id: str | None = None
    environment: str | None = None
    """None: it applies to every environment."""


@dataclass(frozen=True)
class ReviewDue:
    """A live version that is due for re-review."""

    deployment: Deployment
    due: datetime
    last: ReReview | None

    def is_overdue(self, now: datetime) -> bool:
        """True if the date has passed."""
        return now > self.due
