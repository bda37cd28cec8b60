"""AUC and average precision with their influence, ties exact, weights allowed: one argsort a model.

Sun and Xu 2014 (IEEE Signal Processing Letters 21:1389) for DeLong's structural components in O(n log n).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.evidence.arrays import FloatArray, IntArray
from services.evidence.measures.estimates import NAN, Estimate


@dataclass(frozen=True)
class RankOrder:
    """Rows in ascending order of score. `order` [n] are row numbers; `ends` are the tie groups' ends in that order."""

    order: IntArray
    ends: IntArray

    @property
    def sizes(self) -> IntArray:
        """Rows in each tie group."""
        return np.diff(self.ends, prepend=0)


def rank_order(scores: FloatArray) -> RankOrder:
    """Sort once; equal scores form one tie group. Scores must be finite."""
    order = np.argsort(scores)
    ordered = scores[order]
    ends = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    return RankOrder(order, np.append(ends, len(scores)))


def auc_estimate(
    labels: FloatArray, scores: FloatArray, *, weights: FloatArray | None = None, ranks: RankOrder | None = None
) -> Estimate:
    """Area under the ROC curve with DeLong's influence; labels are 0 or 1, shape [n]. NaN when a class is missing."""
    ranks = ranks or rank_order(scores)
    positive = labels == 1
    weight = np.ones(len(labels)) if weights is None else weights
    pos_total, neg_total = float(weight[positive].sum()), float(weight[~positive].sum())
    if pos_total <= 0 or neg_total <= 0:
        return Estimate(NAN, np.full(len(labels), NAN))
    wins = _share_beaten(weight, positive, ranks)
    share = wins / np.where(positive, neg_total, pos_total)
    value = float(weight[positive] @ wins[positive]) / (pos_total * neg_total)
    influence = weight * (share - value) / np.where(positive, pos_total, neg_total)
    return Estimate(value, influence)


def _share_beaten(
    weight: FloatArray, positive: np.ndarray[tuple[int], np.dtype[np.bool_]], ranks: RankOrder
) -> FloatArray:
    """Positives: weight of negatives below, half of those level. Negatives: weight of positives above, half level."""
    ordered_pos, ordered_weight = positive[ranks.order], weight[ranks.order]
    below_neg = np.cumsum(np.where(ordered_pos, 0.0, ordered_weight))
    below_pos = np.cumsum(np.where(ordered_pos, ordered_weight, 0.0))
    wins = np.empty(len(weight))
    wins[ranks.order] = np.where(
        ordered_pos,
        _middle(below_neg, ranks),
        below_pos[-1] - _middle(below_pos, ranks),
    )
    return wins


def _middle(cumulated: FloatArray, ranks: RankOrder) -> FloatArray:
    """Per row: the cumulated weight before its tie group plus half of the group's, shape [n]."""
    at_end = cumulated[ranks.ends - 1]
    before = np.concatenate(([0.0], at_end[:-1]))
    middle: FloatArray = 0.5 * (before + at_end)
    return middle if len(middle) == len(cumulated) else np.repeat(middle, ranks.sizes)


def average_precision_estimate(
    labels: FloatArray, scores: FloatArray, *, weights: FloatArray | None = None, ranks: RankOrder | None = None
) -> Estimate:
    """Average precision (scikit-learn's step sum) with its first-order influence; NaN without positives."""
    ranks = ranks or rank_order(scores)
    weight = np.ones(len(labels)) if weights is None else weights
    gains = weight * labels
    total = float(gains.sum())
    if total <= 0:
        return Estimate(NAN, np.full(len(labels), NAN))
    kept_pos = _at_or_above(gains, ranks)
    kept_all = _at_or_above(weight, ranks)
    safe = np.where(kept_all > 0, kept_all, 1.0)
    precision = kept_pos / safe
    group_gain = np.add.reduceat(gains[ranks.order], np.concatenate(([0], ranks.ends[:-1])))
    value = float(group_gain @ precision) / total
    influence = _precision_influence(labels, (group_gain, precision, safe), ranks, value)
    return Estimate(value, weight * influence / total)


def _at_or_above(values: FloatArray, ranks: RankOrder) -> FloatArray:
    """Per tie group: sum over the rows with this score or a higher one."""
    totals = np.add.reduceat(values[ranks.order], np.concatenate(([0], ranks.ends[:-1])))
    return np.cumsum(totals[::-1])[::-1]


def _precision_influence(
    labels: FloatArray, groups: tuple[FloatArray, FloatArray, FloatArray], ranks: RankOrder, value: float
) -> FloatArray:
    """A row counts by its own precision, and by moving the precision of every positive at or below its score."""
    gain, precision, kept = groups
    lifted = np.cumsum(gain / kept)
    lowered = np.cumsum(gain * precision / kept)
    spread = np.empty((3, len(labels)))
    spread[:, ranks.order] = np.repeat(np.stack((precision, lifted, lowered)), ranks.sizes, axis=1)
    own: FloatArray = labels * (spread[0] - value) + labels * spread[1] - spread[2]
    return own


def same_ranking(first: RankOrder, second: RankOrder) -> bool:
    """True when both models order all rows alike, ties included: every AUC on any rows is then the same."""
    if len(first.ends) != len(second.ends) or not np.array_equal(first.ends, second.ends):
        return False
    codes = np.empty((2, len(first.order)), dtype=np.int64)
    for place, ranks in enumerate((first, second)):
        codes[place, ranks.order] = np.repeat(np.arange(len(ranks.ends)), ranks.sizes)
    return bool(np.array_equal(codes[0], codes[1]))
