"""Answers of the health use case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.domain.catalogue import (
    SourceHealth,
)
from services.domain.promotions.promotion import Incident
from services.domain.promotions.rollout import Rollout


@dataclass(frozen=True)
class Figures:
    """Counts for a monitoring system."""

    requests: Mapping[str, int]
    """By state."""
    rollouts: Mapping[str, int]
    """By state."""
    incidents: Mapping[str, int]
    """Open ones by kind."""
    notices: Mapping[str, int]
    """Deliveries by state."""
    live: Mapping[str, int]
    """Versions by environment."""
    entries: int
    """Of the ledger."""
    waiting: int = 0
    """Rollouts that no worker takes."""
    waits_seconds: float = 0.0
    """How long the first of them has waited."""


class Health(Protocol):
    """Freshness of the displayed data."""

    def waiting_for_worker(self) -> Sequence[Rollout]:
        """Rollouts that are due and that no worker takes, the longest first: no worker runs, or all are busy."""

    def sources(self) -> Sequence[SourceHealth]:
        """One line per system (MLflow, Azure DevOps), as last seen by the worker; makes no network call."""

    def incidents(self) -> Sequence[Incident]:
        """Open incidents."""

    def figures(self) -> Figures:
        """Counts for alerting; makes no network call."""
