"""The record of a comparison: plain values, JSON in and out, safe to seal by digest."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from services.errors import InvalidInputError
from services.evidence.findings import Finding
from services.evidence.measures.estimates import Difference, Outcome
from services.evidence.rows.coverage import Coverage

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Curves = dict[str, dict[str, dict[str, list[int | float]]]]
"""Kind of curve (roc, precision_recall, scores, errors), side (candidate, current), axis: the values."""
SCHEMA = "countersign.evidence.comparison/3"


class Recommendation(StrEnum):
    """What the numbers alone advise; people decide."""

    PROMOTE = "promote"
    HOLD = "hold"
    REJECT = "reject"


@dataclass(frozen=True)
class Gap:
    """Candidate minus current with its interval; None where not estimable."""

    value: float | None
    low: float | None
    high: float | None
    standard_error: float | None = None
    level: float = 0.95
    method: str = ""


@dataclass(frozen=True)
class MetricLine:
    """One metric of both versions."""

    name: str
    higher_is_better: bool
    candidate: float | None
    current: float | None
    difference: Gap
    p_value: float | None


@dataclass(frozen=True)
class SliceLine:
    """One segment of the rows: `column` = `value`."""

    column: str
    value: str
    rows: int
    positives: int | None
    metric: str
    candidate: float | None
    current: float | None
    difference: Gap
    p_value: float | None
    """One-sided: worse at all."""
    p_adjusted: float | None
    """Holm over all segments and guards."""
    brier_candidate: float | None = None
    brier_current: float | None = None
    brier_p_adjusted: float | None = None
    harmed: bool = False
    note: str = ""
    loses: bool = False
    """Harmed by its metric: significantly, and by more than the segments' margin."""
    p_beyond: float | None = None
    """Holm: loses more than all rows together certainly do."""


@dataclass(frozen=True)
class GroupRates:
    """Rates of one group under both versions; None where there are no such rows."""

    group: str
    rows: int
    candidate_selected: float | None
    current_selected: float | None
    candidate_true_positive: float | None
    current_true_positive: float | None
    candidate_false_positive: float | None
    current_false_positive: float | None


@dataclass(frozen=True)
class FairnessGap:
    """Largest minus smallest rate over the groups, and their ratio, for both versions."""

    rate: str
    candidate_difference: float | None
    current_difference: float | None
    candidate_ratio: float | None
    current_ratio: float | None


@dataclass(frozen=True)
class FairnessTable:
    """Fairness by one column."""

    column: str
    threshold: float
    groups: tuple[GroupRates, ...]
    gaps: tuple[FairnessGap, ...]


@dataclass(frozen=True)
class DriftLine:
    """One column's drift; shares from 0 to 1."""

    column: str
    kind: str
    psi: float | None
    """None where the column cannot be measured; `note` says why."""
    wasserstein: float | None
    ks: float | None
    missing_reference: float
    missing_now: float
    verdict: str
    """`little`, `some` or `much` by PSI beyond `noise`, or `unknown`."""
    noise: float = 0.0
    """The PSI that two samples of this size have on average without any drift: (cells - 1) (1/n + 1/m)."""
    infinite_reference: float = 0.0
    infinite_now: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows of about equal score: mean score, share of positives, and its 95 % binomial (Wilson) interval."""

    rows: int
    mean_score: float
    observed: float
    low: float
    high: float


@dataclass(frozen=True)
class Calibration:
    """Do scores mean what they say? Expected calibration error (ECE) over equal-count bins."""

    bins: int
    candidate_ece: float
    current_ece: float
    candidate_reliability: float
    """Mean squared gap between score and observed share, corrected for the bins' sampling noise."""
    current_reliability: float
    candidate_curve: tuple[ReliabilityBin, ...]
    current_curve: tuple[ReliabilityBin, ...]


@dataclass(frozen=True)
class PublishedRule:
    """The published win-rate rule: promote when the candidate is at least as good on this share of the resamples."""

    passes: bool
    win_rate: float
    """Share of resamples with candidate >= current; a tie is a win, a resample with one class is a loss."""
    bar: float
    resamples: int
    seed: int
    stream: str
    """Which random stream drew the resamples: `reference` replays the published loop bit for bit."""


@dataclass(frozen=True)
class Bootstrap:
    """The paired bootstrap of the primary metric."""

    resamples: int
    seed: int
    engine: str
    unit: str
    """What is drawn: `rows`, `rows within classes` or `groups`."""
    low: float | None
    high: float | None
    not_computable: int


@dataclass(frozen=True)
class PowerLine:
    """What the rows can see, in the metric's unit."""

    detectable_difference: float | None
    rows_needed: int | None
    target: float | None


@dataclass(frozen=True)
class Inputs:
    """What was compared. `digest` is the SHA-256 of the aligned rows in canonical form."""

    digest: str
    candidate_rows: int
    current_rows: int
    rate: float
    columns: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """The whole comparison. `difference` is candidate minus current in the metric's unit."""

    task: str
    metric: str
    higher_is_better: bool
    rows: int
    positives: int | None
    candidate: float | None
    current: float | None
    verdict: Outcome
    recommendation: Recommendation
    reason: str
    margin: float
    difference: Gap
    p_value: float | None
    win_probability: float | None
    win_rate: float | None
    """Share of the computable resamples that the candidate strictly wins."""
    wins: int
    ties: int
    losses: int
    published_rule: PublishedRule
    bootstrap: Bootstrap
    power: PowerLine
    seed: int
    resamples: int
    findings: tuple[Finding, ...]
    metrics: tuple[MetricLine, ...]
    slices: tuple[SliceLine, ...]
    fairness: tuple[FairnessTable, ...]
    calibration: Calibration | None
    inputs: Inputs
    curves: Curves = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    slice_margin: float | None = None
    """What a segment may lose in the metric's unit before it counts as harmed."""
    coverage: Coverage | None = None
    """None in records of an engine that did not keep it."""
    schema: str = SCHEMA

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: dicts, lists, texts, finite numbers, None."""
        plain: dict[str, Any] = _plain(self)
        return plain

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Comparison:
        """The record back from `to_json` of this or an earlier schema; raises InvalidInputError if it is invalid."""
        from pydantic import ValidationError

        try:
            return _reader().validate_python(document)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise InvalidInputError(
                f"This is not a comparison record: {place}: {first['msg']}.", hint="Compare again.", code="record"
            ) from error


@cache
def _reader() -> TypeAdapter[Comparison]:
    from pydantic import TypeAdapter

    return TypeAdapter(Comparison)


def finite(value: float) -> float | None:
    """The number, or None for NaN and infinities, which JSON has no word for."""
    return float(value) if math.isfinite(value) else None


def gap_of(difference: Difference) -> Gap:
    """A difference as it is recorded."""
    return Gap(
        finite(difference.value),
        finite(difference.low),
        finite(difference.high),
        finite(difference.standard_error),
        difference.level,
        difference.method,
    )


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {part.name: _plain(getattr(value, part.name)) for part in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, StrEnum):
        return value.value
    return finite(value) if isinstance(value, float) else value
