"""The paired bootstrap: both versions on the same resamples, fast, exact with ties, repeatable by seed.

The AUC is recomputed on every resample from row counts in an order that is sorted once (see `kernels`); metrics made
of means are recomputed from sums, and where rows fall into few kinds (hit or miss) from one multinomial draw a
resample. Without numba, or when it refuses, numpy does the same work more slowly with its own random stream.
"""

from __future__ import annotations

import numpy as np

from services.errors import InvalidInputError
from services.evidence import fallback
from services.evidence.draws import Draw, Resampled
from services.evidence.estimates import FloatArray
from services.evidence.sums import SumMetric


def paired_auc(
    labels: FloatArray,
    candidate: FloatArray,
    current: FloatArray,
    draw: Draw,
    *,
    weights: FloatArray | None = None,
) -> Resampled:
    """AUC of both versions on each resample; labels 0/1 and finite scores, shape [n]."""
    _refuse_nonsense(len(labels), draw)
    if weights is not None:
        return fallback.weighted_auc(labels, (candidate, current), draw, weights)
    return fallback.auc(labels, (candidate, current), draw)


def paired_sums(
    metric: SumMetric, candidate: FloatArray, current: FloatArray, draw: Draw, *, weights: FloatArray | None = None
) -> Resampled:
    """A metric of means on each resample; columns of shape [n, k] as the metric defines them."""
    _refuse_nonsense(len(candidate), draw)
    return fallback.sums(metric, (candidate, current), draw, weights)


def _refuse_nonsense(rows: int, draw: Draw) -> None:
    if rows == 0 or draw.resamples < 1:
        raise InvalidInputError("A bootstrap needs at least one row and one resample.", hint="Give more.")
    if draw.groups is not None and draw.strata is not None:
        raise InvalidInputError(
            "Groups and strata cannot be resampled together.", hint="Choose one: groups when rows belong together."
        )


__all__ = ["Draw", "Resampled", "paired_auc", "paired_sums"]
