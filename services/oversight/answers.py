"""The part of the portal's interface for oversight: assignments, emergencies, findings, coverage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.domain.coverage import CoverageRow
from services.domain.identity.people import Actor, Person
from services.domain.promotions.oversight import Finding, NewFinding, ReviewDue
from services.domain.promotions.promotion import PromotionRequest
from services.domain.registry import VersionKey


class Assigning(Protocol):
    """Reassign, delegate, snooze."""

    def colleagues(self, actor: Actor, request_id: str) -> Sequence[Person]:
        """People who could decide on this request instead of the actor."""

    def reassign(
        self, actor: Actor, request_id: str, *, to: str, reason: str, idempotency_key: str
    ) -> PromotionRequest:
        """Reassign to another reviewer."""

    def delegate(
        self, actor: Actor, request_id: str, *, to: str, reason: str, idempotency_key: str
    ) -> PromotionRequest:
        """Delegate: another reviewer signs for the actor's discipline."""

    def defer(
        self, actor: Actor, request_id: str, *, until: datetime, reason: str, idempotency_key: str
    ) -> PromotionRequest:
        """Snooze the request for the actor."""


class Emergency(Protocol):
    """Break-glass: promotion without quorum and checks."""

    def break_glass(
        self, actor: Actor, request_id: str, *, seen: str, reason: str, idempotency_key: str
    ) -> PromotionRequest:
        """Promote immediately without signatures; a review is due afterwards."""


class Findings(Protocol):
    """Findings and re-reviews."""

    def people(self) -> Sequence[Person]:
        """Who can own a finding."""

    def findings(self, *, model: str | None = None, open_only: bool = True) -> Sequence[Finding]:
        """Findings, earliest due date first."""

    def raise_finding(self, actor: Actor, key: VersionKey, wanted: NewFinding, *, idempotency_key: str) -> Finding:
        """Open a finding against a version."""

    def close_finding(self, actor: Actor, finding_id: str, *, resolution: str) -> Finding:
        """Close a finding as fixed; its owner cannot do this."""

    def reviews_due(self) -> Sequence[ReviewDue]:
        """Live versions whose policy requires re-reviews, earliest due date first."""

    def record_review(self, actor: Actor, deployment_id: str, *, reason: str, idempotency_key: str) -> None:
        """Record a re-review of a live version."""


class Coverage(Protocol):
    """Live versions and their governance gaps."""

    def rows(self) -> Sequence[CoverageRow]:
        """All live versions, most gaps first."""
