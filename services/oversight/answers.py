"""The part of the portal's face that people oversee each other with: assignments, emergencies, findings, coverage."""

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
    """Hand on, stand in, put off."""

    def colleagues(self, actor: Actor, request_id: str) -> Sequence[Person]:
        """People who could decide on this request in the actor's place."""

    def reassign(
        self, actor: Actor, request_id: str, *, to: str, reason: str, idempotency_key: str
    ) -> PromotionRequest:
        """Another reviewer is asked instead."""

    def delegate(
        self, actor: Actor, request_id: str, *, to: str, reason: str, idempotency_key: str
    ) -> PromotionRequest:
        """Another reviewer signs for the actor's discipline."""

    def defer(
        self, actor: Actor, request_id: str, *, until: datetime, reason: str, idempotency_key: str
    ) -> PromotionRequest:
        """The actor looks at it later."""


class Emergency(Protocol):
    """The way past quorum and checks."""

    def break_glass(
        self, actor: Actor, request_id: str, *, seen: str, reason: str, idempotency_key: str
    ) -> PromotionRequest:
        """Promote what was seen at once, without signatures; a review is owed afterwards."""


class Findings(Protocol):
    """Findings and re-reviews."""

    def people(self) -> Sequence[Person]:
        """Who can own a finding."""

    def findings(self, *, model: str | None = None, open_only: bool = True) -> Sequence[Finding]:
        """Findings, the earliest date first."""

    def raise_finding(self, actor: Actor, key: VersionKey, wanted: NewFinding, *, idempotency_key: str) -> Finding:
        """Open a finding against a version."""

    def close_finding(self, actor: Actor, finding_id: str, *, resolution: str) -> Finding:
        """Say that it is mended; never by the person who was to mend it."""

    def reviews_due(self) -> Sequence[ReviewDue]:
        """Everything live whose policy asks for re-reviews, the earliest date first."""

    def record_review(self, actor: Actor, deployment_id: str, *, reason: str, idempotency_key: str) -> None:
        """Somebody has looked again at what is live."""


class Coverage(Protocol):
    """What is live and not governed."""

    def rows(self) -> Sequence[CoverageRow]:
        """All that is live anywhere, most gaps first."""
