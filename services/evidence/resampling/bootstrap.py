"""The paired bootstrap: both versions on the same resamples, fast, exact with ties, repeatable by seed.

The AUC is recomputed on every resample from row counts in an order that is sorted once (see `lanes`); metrics made
of means are recomputed from sums, and where rows fall into few kinds (hit or miss) from one multinomial draw a
resample. Without numba, or when it refuses, numpy does the same work more slowly with its own random stream; the
record says which engine ran.
"""

from __future__ import annotations

import functools
import logging
import os
from types import ModuleType

from services.errors import InvalidInputError
from services.evidence.arrays import FloatArray
from services.evidence.measures.sums import SumMetric
from services.evidence.resampling import fallback
from services.evidence.resampling.draws import Draw, Resampled

_log = logging.getLogger(__name__)
NO_NUMBA = "COUNTERSIGN_NO_NUMBA"
"""Environment variable: set to 1, numpy does the work."""


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
    scores = candidate, current
    engine = compiled_engine()
    found: Resampled
    if weights is None:
        found = (engine or fallback).auc(labels, scores, draw)
    else:
        found = (engine or fallback).weighted_auc(labels, scores, draw, weights)
    return found


def paired_sums(
    metric: SumMetric, candidate: FloatArray, current: FloatArray, draw: Draw, *, weights: FloatArray | None = None
) -> Resampled:
    """A metric of means on each resample; columns of shape [n, k] as the metric defines them."""
    _refuse_nonsense(len(candidate), draw)
    width = candidate.shape[1]
    stacked = fallback.stacked_columns((candidate, current), weights)
    totals = fallback.cell_totals(stacked, draw)
    if totals is not None:
        return fallback.from_totals(metric, totals, width, "numpy")
    found: Resampled = (compiled_engine() or fallback).sums(metric, stacked, width, draw)
    return found


def _refuse_nonsense(rows: int, draw: Draw) -> None:
    if rows == 0 or draw.resamples < 1:
        raise InvalidInputError("A bootstrap needs at least one row and one resample.", hint="Provide more.")
    if draw.groups is not None and draw.strata is not None:
        raise InvalidInputError(
            "Groups and strata cannot be resampled together.", hint="Choose one; use groups if rows belong together."
        )


@functools.cache
def compiled_engine() -> ModuleType | None:
    """The compiled engine, compiled and tried once; None when numba is missing, refuses, or is switched off."""
    if os.environ.get(NO_NUMBA) == "1":
        return None
    try:
        from services.evidence.resampling import engine

        engine.try_out()
    except Exception as error:  # noqa: BLE001 - whatever numba or LLVM cannot do here, numpy can
        _log.warning("The compiled bootstrap is not available, numpy is used: %s", error)
        return None
    return engine


def warm_up() -> str:
    """Load and compile in advance; for a background thread at server start. Gives the engine's name."""
    engine = compiled_engine()
    if engine is None:
        return "numpy"
    engine.warm()
    return "numba"


__all__ = ["Draw", "Resampled", "compiled_engine", "paired_auc", "paired_sums", "warm_up"]
