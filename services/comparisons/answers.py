"""Answers of the comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from services.domain.catalogue import (
    VersionRow,
)
from services.domain.identity.people import Actor
from services.domain.registry import VersionKey

if TYPE_CHECKING:
    from services.comparisons.live_inputs import LiveDrift
    from services.evidence.record import Comparison, DriftLine


@dataclass(frozen=True)
class Curve:
    """Points of one curve of one version; x and y have the same length, at most 500."""

    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class ScoreShares:
    """How many rows got which score, by what really happened: `edges` has one entry more than the counts."""

    edges: tuple[float, ...]
    positive: tuple[int, ...]
    negative: tuple[int, ...]


@dataclass(frozen=True)
class ErrorShares:
    """How many rows were missed by how much (prediction less truth): `edges` has one entry more than `rows`."""

    edges: tuple[float, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True)
class VersionCurves:
    """Curves of one version on the held-out rows; `problem` says why there are none."""

    key: VersionKey
    roc: Curve | None = None
    precision_recall: Curve | None = None
    calibration: Curve | None = None
    scores: ScoreShares | None = None
    errors: ErrorShares | None = None
    """Of a regression, which has none of the others."""
    problem: str = ""


@dataclass(frozen=True)
class CellRow:
    """One metric or parameter over the versions compared; None is unknown."""

    name: str
    values: tuple[str | float | None, ...]
    differs: bool


@dataclass(frozen=True)
class VersionComparison:
    """Two or more versions side by side. The first is the baseline."""

    details: tuple[VersionRow, ...]
    metrics: tuple[CellRow, ...]
    parameters: tuple[CellRow, ...]
    datasets: tuple[CellRow, ...]
    tags: tuple[CellRow, ...]
    curves: tuple[VersionCurves, ...]
    evidence: Mapping[VersionKey, Comparison] = field(default_factory=dict)
    """Paired comparison with the baseline, by candidate."""
    problems: tuple[str, ...] = ()
    drift: Mapping[VersionKey, tuple[DriftLine, ...]] = field(default_factory=dict)
    """Drift of the training data against the baseline's."""
    notes: tuple[str, ...] = ()
    """Origin of predictions that no run kept."""
    live: Mapping[VersionKey, LiveDrift] = field(default_factory=dict)
    """Live inputs of the model against each version's training data."""
    live_problem: str = ""
    metrics_unknown: tuple[str, ...] = ()
    """Metrics that cannot be attributed to a version, and why."""


class Comparisons(Protocol):
    """Compares versions; predictions are fetched with a time limit and kept by digest."""

    def compare(
        self, actor: Actor, keys: Sequence[VersionKey], *, progress: Callable[[int, int, str], None] | None = None
    ) -> VersionComparison:
        """Two to eight versions; the ledger records the read. Raises NotAllowedError, InvalidInputError."""
