"""Assignments, findings and re-reviews, in the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from services.domain.oversight import Assignment, Finding, ReReview
from services.domain.people import Person


class OversightStore(Protocol):
    """All statements about findings, assignments and re-reviews."""

    def add_finding(self, found: Finding, *, idempotency_key: str) -> bool:
        """Open a finding; False when this key has been written before."""

    def finding(self, finding_id: str) -> Finding:
        """One finding. Raises NotFoundError."""

    def findings(self, *, model: str | None = None, open_only: bool = True) -> Sequence[Finding]:
        """Findings, the earliest date first."""

    def close_finding(self, finding_id: str, *, by: Person, at: datetime, resolution: str) -> None:
        """Close an open finding. Raises ConflictError when somebody was faster."""

    def add_assignment(self, request_id: str, made: Assignment, *, idempotency_key: str) -> bool:
        """Keep a step; False when this key has been written before."""

    def assignments(self, request_id: str) -> tuple[Assignment, ...]:
        """All steps of a request in their order."""

    def assignments_of(self, request_ids: Iterable[str]) -> Mapping[str, tuple[Assignment, ...]]:
        """The same for many requests; those without any are left out."""

    def add_review(self, made: ReReview, *, idempotency_key: str) -> bool:
        """Keep a re-review; False when this key has been written before."""

    def reviews(self, deployment_ids: Sequence[str]) -> Sequence[ReReview]:
        """Re-reviews of these deployments, oldest first."""
