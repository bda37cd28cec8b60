"""Further compiled loops over a tile of counts (see `lanes`): ties, weights, sums; and DeLong's components."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.evidence.resampling.compiling import compiled
from services.evidence.resampling.lanes import LANES, Numbers, Tile

Floats = npt.NDArray[np.float64]


@compiled
def tied_pairs(tile: Tile, order: npt.NDArray[np.int32], ties: Numbers, found: Numbers) -> None:
    """Positive-negative pairs of equal score a lane, over tie groups `ties` [t, 2] (start, end in the order)."""
    both = np.zeros((2, LANES), np.int64)
    found[:] = 0
    for group in range(ties.shape[0]):
        both[:, :] = 0
        for place in range(ties[group, 0], ties[group, 1]):
            row, side = order[place] >> 1, order[place] & 1
            for lane in range(LANES):
                both[side, lane] += np.int64(tile[row, lane])
        for lane in range(LANES):
            found[lane] += both[0, lane] * both[1, lane]


@compiled
def weighted_auc(
    tile: Tile,
    order: npt.NDArray[np.int32],
    ends: Numbers,
    weights: Floats,
    found: Floats,
) -> None:
    """AUC a lane with a weight for each place of the order; `ends` are the tie groups' ends."""
    won, below, above = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
    group = np.zeros((2, LANES))
    start = 0
    for tie in range(ends.shape[0]):
        end = int(ends[tie])
        group[:, :] = 0.0
        for place in range(start, end):
            row, side, weight = order[place] >> 1, order[place] & 1, weights[place]
            for lane in range(LANES):
                group[side, lane] += weight * tile[row, lane]
        for lane in range(LANES):
            won[lane] += group[1, lane] * (below[lane] + 0.5 * group[0, lane])
            below[lane] += group[0, lane]
            above[lane] += group[1, lane]
        start = end
    for lane in range(LANES):
        pairs = below[lane] * above[lane]
        found[lane] = won[lane] / pairs if pairs > 0 else np.nan


@compiled
def weighted_sums(tile: Tile, columns: Floats, found: Floats) -> None:
    """Sum of count times value a lane: `columns` [units, k], `found` [k, 64]."""
    found[:, :] = 0.0
    for row in range(columns.shape[0]):
        for place in range(columns.shape[1]):
            value = columns[row, place]
            for lane in range(LANES):
                found[place, lane] += value * tile[row, lane]


@compiled
def delong_components(
    order: npt.NDArray[np.int64], scores: Floats, positive: npt.NDArray[np.bool_], beaten: Floats
) -> int:
    """Twice the number of opposite rows below each row, level ones half: `beaten` [n]; gives twice the pairs won.

    `scores` stand in their own ascending `order`.
    """
    rows = order.shape[0]
    total, start, positives, negatives = 0, 0, 0, 0
    while start < rows:
        end, level_positives, level_negatives = start, 0, 0
        while end < rows and scores[end] == scores[start]:
            is_positive = int(positive[order[end]])
            level_positives += is_positive
            level_negatives += 1 - is_positive
            end += 1
        negatives_twice = 2 * negatives + level_negatives
        positives_twice = 2 * positives + level_positives
        for place in range(start, end):
            row = order[place]
            beaten[row] = negatives_twice if positive[row] else positives_twice
        total += level_positives * negatives_twice
        positives += level_positives
        negatives += level_negatives
        start = end
    return total


@compiled
def delong_variance(first: Floats, second: Floats, positive: npt.NDArray[np.bool_]) -> float:
    """Variance of the difference of two AUCs from both versions' components; NaN for a class of one row."""
    mean, square, size = np.zeros(2), np.zeros(2), np.zeros(2)
    for row in range(positive.shape[0]):
        kind = int(positive[row])
        size[kind] += 1
        mean[kind] += first[row] - second[row]
    mean /= size
    for row in range(positive.shape[0]):
        kind = int(positive[row])
        away = first[row] - second[row] - mean[kind]
        square[kind] += away * away
    total = 0.0
    for kind in range(2):
        opposite = 2 * size[1 - kind]
        total += square[kind] / (size[kind] - 1) / size[kind] / opposite / opposite if size[kind] > 1 else np.nan
    return total
