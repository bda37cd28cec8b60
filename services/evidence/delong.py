"""DeLong's test of two AUCs on the same rows, in one sort a version: the verdict at once, without random numbers.

DeLong, DeLong and Clarke-Pearson 1988 (Biometrics 44:837); the O(n log n) way of Sun and Xu 2014 (IEEE SPL 21:1389).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from services.evidence.bootstrap import compiled_engine
from services.evidence.estimates import Design, Difference, FloatArray, IntArray, difference_from, paired_difference
from services.evidence.ranking import auc_estimate

_WORTH_A_THREAD = 50_000


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
    orders, ordered = _sorted(candidate, current)
    found = np.empty(6)
    engine.kernels.delong_sums(orders, ordered, positive, found)
    positives = int(positive.sum())
    variance = found[3] / (len(labels) - positives) + found[5] / positives
    return DeLong(found[0], found[1], difference_from(float(found[0] - found[1]), float(variance)))


def _plain(labels: FloatArray, candidate: FloatArray, current: FloatArray) -> DeLong:
    first, second = auc_estimate(labels, candidate), auc_estimate(labels, current)
    difference = paired_difference(first, second, Design(labels.astype(np.int64)))
    return DeLong(first.value, second.value, difference)


def _sorted(candidate: FloatArray, current: FloatArray) -> tuple[IntArray, FloatArray]:
    """Orders and ordered scores, [2, n] each; the two sorts run side by side when they are long."""
    orders = np.empty((2, len(candidate)), dtype=np.int64)
    ordered = np.empty((2, len(candidate)))

    def sort(side: int, scores: FloatArray) -> None:
        orders[side] = np.argsort(scores)
        ordered[side] = scores[orders[side]]

    if len(candidate) < _WORTH_A_THREAD:
        sort(0, candidate)
        sort(1, current)
        return orders, ordered
    with ThreadPoolExecutor(2) as pool:
        for future in (pool.submit(sort, 0, candidate), pool.submit(sort, 1, current)):
            future.result()
    return orders, ordered
