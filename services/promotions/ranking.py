"""The part of the portal's face that picks the best of many candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.domain.identity.people import Actor
from services.domain.promotions.promotion import PromotionRequest
from services.domain.registry import VersionKey


@dataclass(frozen=True)
class CandidateLine:
    """One candidate, best first."""

    key: VersionKey | None
    """None for a run without a version."""
    run_id: str
    verdict: str
    """better, not_worse, worse, cannot_tell; empty where it could not be compared."""
    difference: float | None
    low: float | None
    high: float | None
    p_adjusted: float | None
    """One-sided, Holm over all candidates."""
    may_win: bool
    reason: str
    recommendation: str = ""
    """promote, hold or reject: harm to some rejects, whatever the verdict on all rows is."""

    @property
    def name(self) -> str:
        """As people call it."""
        return f"v{self.key.version}" if self.key else f"run {self.run_id[:8]}, not registered"


@dataclass(frozen=True)
class CandidateRanking:
    """All candidates of a model for an environment."""

    model: str
    environment: str
    current: int
    metric: str
    lines: tuple[CandidateLine, ...]
    winner: VersionKey | None
    """What can be asked for; None also where the best is a run that is not registered."""
    sentence: str


@dataclass(frozen=True)
class Picked:
    """The request for the winner, and what became of the others' tags."""

    request: PromotionRequest
    ranking: CandidateRanking
    cleared: tuple[str, ...]
    """Names of the candidates whose tag was removed."""
    problems: tuple[str, ...] = ()


class Candidates(Protocol):
    """The best of many versions tagged as candidates."""

    def tagged(self, model: str) -> Sequence[VersionKey]:
        """Versions tagged as candidates, oldest first. Raises UpstreamError."""

    def rank(self, actor: Actor, model: str, environment: str, *, earlier_looks: int = 0) -> CandidateRanking:
        """All of them against what is live, best first; the look is recorded.

        Raises NotAllowedError, NotFoundError, RefusedError, UpstreamError.
        """

    def open_best(self, actor: Actor, model: str, environment: str, *, reason: str, earlier_looks: int = 0) -> Picked:
        """Open the request for the best one and clear the others' tags. Raises NotAllowedError, RefusedError."""
