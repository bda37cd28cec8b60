"""Estimates with their influence, paired differences, verdicts and power: closed form, no random numbers.

An estimate carries one influence value per row: the row's share in the estimate's error (first order). The variance
of any difference of two estimates on the same rows follows by squaring and adding, over rows or over groups of rows
that belong together. For the AUC this is DeLong, DeLong and Clarke-Pearson 1988 (Biometrics 44:837), with groups it
is Obuchowski 1997 (Biometrics 53:567); for metrics made of means it is the delta method.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from services.evidence.arrays import FloatArray, IntArray

NAN = float("nan")
_NORMAL = NormalDist()


class Outcome(StrEnum):
    """The four words of a comparison."""

    BETTER = "better"
    NOT_WORSE = "not_worse"
    WORSE = "worse"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True)
class Estimate:
    """A metric's value on n rows, and each row's influence on it (shape [n], adding up to about 0)."""

    value: float
    influence: FloatArray


@dataclass(frozen=True)
class Design:
    """How the rows were drawn: independent (optionally per class), or in groups that belong together.

    `strata` are class codes for metrics that compare classes with each other; `groups` are group codes, shape [n].
    """

    strata: IntArray | None = None
    groups: IntArray | None = None

    def take(self, rows: npt.NDArray[np.bool_]) -> Design:
        """The same design on a part of the rows."""
        return Design(
            None if self.strata is None else self.strata[rows],
            None if self.groups is None else np.unique(self.groups[rows], return_inverse=True)[1],
        )


@dataclass(frozen=True)
class Difference:
    """Candidate minus current in the metric's own unit, with its confidence interval; NaN where not estimable."""

    value: float
    low: float
    high: float
    standard_error: float
    p_value: float
    level: float = 0.95
    method: str = "delong"

    @property
    def is_estimable(self) -> bool:
        """False when the rows cannot tell how uncertain the difference is."""
        return math.isfinite(self.low) and math.isfinite(self.high)


@dataclass(frozen=True)
class Power:
    """What this number of rows can see: differences in the metric's unit."""

    detectable_difference: float
    """Smallest true gain that is found with 80 % probability (one-sided 5 %)."""
    rows_needed: int | None
    """Rows needed to find a difference of the size of `target`; None when no target is set."""
    target: float | None


def variance(influence: FloatArray, design: Design) -> float:
    """Variance of the estimate whose influence is given, with the small-sample factor per class or over groups."""
    if design.groups is not None:
        totals: FloatArray = np.bincount(design.groups, weights=influence).astype(np.float64)
        return _spread(totals[np.bincount(design.groups) > 0])
    if design.strata is None:
        return _spread(influence)
    return sum(_spread(influence[design.strata == code]) for code in np.unique(design.strata))


def _spread(parts: FloatArray) -> float:
    if len(parts) < 2:
        return NAN
    return float(parts @ parts) * len(parts) / (len(parts) - 1)


def paired_difference(candidate: Estimate, current: Estimate, design: Design, *, method: str = "delong") -> Difference:
    """Candidate minus current on the same rows, with a 95 % interval (normal) and a two-sided p-value."""
    return difference_from(
        candidate.value - current.value, variance(candidate.influence - current.influence, design), method=method
    )


def difference_from(value: float, variance_: float, *, method: str = "delong", level: float = 0.95) -> Difference:
    """The difference with its interval from its variance; without spread there is no interval and no p-value."""
    error = math.sqrt(variance_) if variance_ >= 0 else NAN
    if not math.isfinite(value) or not math.isfinite(error):
        return Difference(value, NAN, NAN, NAN, NAN, level, method)
    if error == 0:
        certain = value == 0
        return Difference(
            value, 0.0 if certain else NAN, 0.0 if certain else NAN, 0.0, 1.0 if certain else NAN, level, method
        )
    reach = _NORMAL.inv_cdf(0.5 + level / 2) * error
    p_value = math.erfc(abs(value) / error / math.sqrt(2))
    return Difference(value, value - reach, value + reach, error, p_value, level, method)


def harm_p_value(difference: Difference, *, margin: float, higher_is_better: bool) -> float:
    """One-sided p-value of "worse by more than the margin"; NaN where not estimable."""
    gain = difference.value if higher_is_better else -difference.value
    if not math.isfinite(difference.standard_error):
        return NAN
    if difference.standard_error == 0:
        return 0.0 if gain < -margin else 1.0
    return 0.5 * math.erfc(-(gain + margin) / difference.standard_error / math.sqrt(2))


def outcome_of(difference: Difference, *, margin: float, higher_is_better: bool = True) -> Outcome:
    """Better: the whole interval above +margin. Not worse: above -margin. Worse: below -margin. Else: cannot tell."""
    if not difference.is_estimable:
        return Outcome.CANNOT_TELL
    sign = 1.0 if higher_is_better else -1.0
    low, high = sorted((sign * difference.low, sign * difference.high))
    if low > margin:
        return Outcome.BETTER
    if high < -margin:
        return Outcome.WORSE
    same = difference.standard_error == 0 and difference.value == 0
    return Outcome.NOT_WORSE if low > -margin or same else Outcome.CANNOT_TELL


def win_probability(difference: Difference, *, higher_is_better: bool = True) -> float:
    """Probability that the candidate is the better one: Phi(gain / standard error)."""
    gain = difference.value if higher_is_better else -difference.value
    if not math.isfinite(difference.standard_error):
        return NAN
    if difference.standard_error == 0:
        return 0.5 if gain == 0 else float(gain > 0)
    return _NORMAL.cdf(gain / difference.standard_error)


def power_of(difference: Difference, rows: int, *, margin: float) -> Power:
    """Minimum detectable difference at 80 % power, and rows needed to see the margin (or the difference seen)."""
    factor = _NORMAL.inv_cdf(0.95) + _NORMAL.inv_cdf(0.80)
    detectable = factor * difference.standard_error
    target = margin if margin > 0 else abs(difference.value)
    if not math.isfinite(detectable) or detectable == 0 or not target > 0:
        return Power(detectable, None, target if math.isfinite(target) and target > 0 else None)
    return Power(detectable, math.ceil(rows * (detectable / target) ** 2), target)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values (1979, Scand. J. Statist. 6:65) in the given order; NaN stays NaN and does not count."""
    known = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    adjusted = [NAN] * len(p_values)
    running = 0.0
    for rank, (p, place) in enumerate(known):
        running = max(running, min(1.0, p * (len(known) - rank)))
        adjusted[place] = running
    return adjusted
