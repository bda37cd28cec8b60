"""What a paired bootstrap is asked to do, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.evidence.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class Draw:
    """How to resample: n rows with replacement, the same rows for both versions.

    With `groups` (codes 0..G-1, shape [n]) whole groups are drawn, G of them. With `strata` (codes, shape [n]) each
    stratum keeps its size. Both together are refused.
    """

    resamples: int = 1000
    seed: int = 0
    groups: IntArray | None = None
    strata: IntArray | None = None
    threads: int = 2


@dataclass(frozen=True)
class Resampled:
    """The metric of both versions on each resample, shape [resamples]; NaN where a class was not drawn."""

    candidate: FloatArray
    current: FloatArray
    engine: str
    """`numba`, `numpy` or `reference`: each has its own random stream; the same seed repeats within one."""

    @property
    def not_computable(self) -> int:
        """Resamples in which the metric does not exist (one class only)."""
        return int(np.isnan(self.candidate - self.current).sum())

    def score(self, *, higher_is_better: bool) -> tuple[int, int, int]:
        """Wins, ties and losses of the candidate; resamples without a value belong to none of them."""
        gain = self.candidate - self.current if higher_is_better else self.current - self.candidate
        return int((gain > 0).sum()), int((gain == 0).sum()), int((gain < 0).sum())

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Percentile interval of candidate minus current."""
        gap = self.candidate - self.current
        gap = gap[np.isfinite(gap)]
        if len(gap) == 0:
            return float("nan"), float("nan")
        low, high = np.quantile(gap, [0.5 - level / 2, 0.5 + level / 2])
        return float(low), float(high)
