"""What health answers with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.domain.catalogue import (
    SourceHealth,
)
from services.domain.promotions.promotion import Incident


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


class Health(Protocol):
    """How fresh what is shown is."""

    def sources(self) -> Sequence[SourceHealth]:
        """One line a system (MLflow, Azure DevOps), from what the worker last saw: no network call."""

    def incidents(self) -> Sequence[Incident]:
        """Open incidents."""

    def figures(self) -> Figures:
        """Counts of everything that somebody may want to be woken for: no network call."""
