"""DeLong's test of two AUCs on the same rows, in one sort a version: the verdict at once, without random numbers.

DeLong, DeLong and Clarke-Pearson 1988 (Biometrics 44:837); the O(n log n) way of Sun and Xu 2014 (IEEE SPL 21:1389).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.evidence.arrays import FloatArray
from services.evidence.measures.estimates import Design, Difference, difference_from, paired_difference
from services.evidence.measures.ranking import auc_estimate
from services.evidence.resampling.bootstrap import compiled_engine


@dataclass(frozen=True)
class DeLong:
    """Both AUCs and their difference with interval and p-value."""

    candidate: float
    current: float
    difference: Difference


def delong_test(labels: FloatArray, candidate: FloatArray, current: FloatArray) -> DeLong:
    """Labels 0/1 and finite scores, shape [n]; NaN throughout when a class is missing."""
    positive = labels == 1
    engine = compiled_engine()
    if engine is None or not positive.any() or positive.all():
        return _plain(labels, candidate, current)
    first, second, variance = engine.delong(positive, (candidate, current))
    return DeLong(first, second, difference_from(first - second, variance))


def _plain(labels: FloatArray, candidate: FloatArray, current: FloatArray) -> DeLong:
    first, second = auc_estimate(labels, candidate), auc_estimate(labels, current)
    difference = paired_difference(first, second, Design(labels.astype(np.int64)))
    return DeLong(first.value, second.value, difference)
