"""What people are asked, what they found, and what must be looked at again.

Rules kept here:
- a finding blocks while it is open; who must mend it does not close it;
- a delegate signs in the place of one discipline, and four eyes hold for the delegate as for anybody;
- putting a request off hides it from one person's list, and neither extends nor blocks it.
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
    """How bad a finding is; low ones do not block."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class FindingKind(StrEnum):
    """Where a finding comes from."""

    FINDING = "finding"
    BREAK_GLASS = "break_glass"
    """The review that every use of break-glass owes."""


@dataclass(frozen=True)
class Finding:
    """Something that must be mended, with who does it and until when."""

    id: str
    kind: FindingKind
    model: str
    version: int | None
    """None: it stands against every version of the model."""
    environment: str | None
    """None: it stands against every environment."""
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
        """True while it blocks this version there."""
        is_about = self.model == key.model and self.version in {None, key.version}
        is_there = self.environment in {None, environment}
        return self.closed is None and self.severity is not Severity.LOW and is_about and is_there

    def is_overdue(self, now: datetime) -> bool:
        """True once its date has passed and it is still open."""
        return self.closed is None and now > self.due


def why_not_close(actor: Actor, finding: Finding) -> str | None:
    """None when the person may close it; otherwise the reason."""
    if finding.closed is not None:
        return "It is closed already."
    if actor.is_service or not actor.may(Permission.DECIDE):
        return "Only reviewers close findings."
    if actor.is_known_as(finding.owner.id):
        return "You are to mend it, so another person looks whether it is mended."
    if finding.kind is FindingKind.BREAK_GLASS and actor.is_known_as(finding.opener.id):
        return "You broke the glass, so another person reviews it."
    return None


class AssignmentKind(StrEnum):
    """What was done with somebody's part in a request."""

    REASSIGN = "reassign"
    """The ask goes to another person."""
    DELEGATE = "delegate"
    """Another person signs in the place of the discipline."""
    DEFER = "defer"
    """One person looks at it later."""


@dataclass(frozen=True)
class Assignment:
    """One such step. They are never changed: the latest of a person counts."""

    id: str
    kind: AssignmentKind
    by: Person
    to: Person
    """For a deferral the same person."""
    reason: str
    at: datetime
    slot: str = ""
    """The discipline that a delegate signs for."""
    until: datetime | None = None
    """When a deferral ends."""


def delegated_slots(person_id: str, assignments: Iterable[Assignment]) -> frozenset[str]:
    """Disciplines that were handed to this person."""
    return frozenset(
        a.slot for a in assignments if a.kind is AssignmentKind.DELEGATE and a.to.id == person_id and a.slot
    )


def asked_people(assignments: Sequence[Assignment]) -> dict[str, Person]:
    """Who is asked by name now."""
    asked: dict[str, Person] = {}
    for a in assignments:
        if a.kind in {AssignmentKind.REASSIGN, AssignmentKind.DELEGATE}:
            asked.pop(a.by.id, None)
            asked[a.to.id] = a.to
    return asked


def is_asked_by_name(person_id: str, assignments: Sequence[Assignment]) -> bool:
    """True while somebody has asked this very person, or lets them sign in the place of a discipline."""
    return person_id in asked_people(assignments)


def waits_for(person_id: str, assignments: Sequence[Assignment], now: datetime) -> bool:
    """False while the person has put the request off, or has handed their part to somebody else."""
    own = [a for a in assignments if person_id in {a.by.id, a.to.id}]
    last = own[-1] if own else None
    if last is None or (last.to.id == person_id and last.kind is not AssignmentKind.DEFER):
        return True
    if last.kind is AssignmentKind.DEFER:
        return last.until is None or now >= last.until
    return False


@dataclass(frozen=True)
class ReReview:
    """Somebody has looked again at a version that is live."""

    id: str
    deployment_id: str
    person: Person
    reason: str
    at: datetime


@dataclass(frozen=True)
class NewFinding:
    """What somebody has found."""

    title: str
    severity: Severity
    owner: str
    """Id of the person who is to mend it."""
    due: datetime
    request_id: str | None = None
    environment: str | None = None
    """None: it stands against every environment."""


@dataclass(frozen=True)
class ReviewDue:
    """Something live that must be looked at again."""

    deployment: Deployment
    due: datetime
    last: ReReview | None

    def is_overdue(self, now: datetime) -> bool:
        """True once the date has passed."""
        return now > self.due
