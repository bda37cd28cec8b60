"""The published win-rate rule, as it is and nothing else.

The rule (Databricks, champion against challenger on bootstrap samples): draw n resamples of the test rows, score both
models' AUC on each, promote when the candidate is at least as good (>=) on the bar's share of them (default 0.9).
A tie is a win; a resample with one class has no AUC, NaN >= NaN is false, so it is a loss. Known defects are why the
comparison shows it only beside the interval: see docs/evidence.md.

`replay` repeats the published loop, win for win: `numpy.random.RandomState(seed)`, then per resample
`randint(0, n, n)` for the row indices, and scikit-learn's `roc_auc_score` of both models on the same indices.
"""

from __future__ import annotations

import numpy as np

from services.evidence.arrays import FloatArray
from services.evidence.measures.ranking import rank_order
from services.evidence.record import PublishedRule
from services.evidence.resampling.draws import Resampled
from services.evidence.resampling.fallback import auc_from_counts

DEFAULT_BAR = 0.9


def rule_of(resampled: Resampled, *, bar: float, seed: int, higher_is_better: bool = True) -> PublishedRule:
    """The rule's verdict on resamples that were drawn anyway."""
    first, second = resampled.candidate, resampled.current
    level_or_better = first >= second if higher_is_better else first <= second
    rate = float(level_or_better.mean())
    return PublishedRule(rate >= bar, rate, bar, len(first), seed, resampled.engine)


_NEAR = 1e-9


def _reference_pair(labels: FloatArray, candidate: FloatArray, current: FloatArray) -> tuple[float, float]:
    """Where both are level, the reference's own rounding decides who wins: ask it."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, candidate)), float(roc_auc_score(labels, current))


def replay(labels: FloatArray, candidate: FloatArray, current: FloatArray, *, resamples: int, seed: int) -> Resampled:
    """The reference loop from its own random stream, without its sorting: values to 1e-12, wins and losses exactly."""
    stream = np.random.RandomState(seed)
    rows = len(labels)
    positive = labels == 1
    orders = [rank_order(scores) for scores in (candidate, current)]
    found = np.empty((2, resamples))
    for place in range(resamples):
        drawn = stream.randint(0, rows, rows)
        counts = np.bincount(drawn, minlength=rows)
        for side, order in enumerate(orders):
            found[side, place] = auc_from_counts(positive, order, counts)
        if abs(found[0, place] - found[1, place]) < _NEAR:
            found[:, place] = _reference_pair(labels[drawn], candidate[drawn], current[drawn])
    return Resampled(found[0], found[1], "reference")
