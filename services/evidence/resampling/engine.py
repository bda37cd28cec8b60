"""Runs the compiled bootstrap: plain threads over blocks of 64 resamples, each block with its own seed.

Results do not depend on the number of threads. Memory above the inputs: 64 bytes a unit and thread for the tile, and 4
bytes a row and version for orders; above two million units one thread, so 1M rows stay below 200 MB.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.evidence.arrays import FloatArray, IntArray
from services.evidence.measures.ranking import RankOrder, rank_order
from services.evidence.measures.sums import SumMetric
from services.evidence.resampling import kernels, lanes
from services.evidence.resampling.draws import Draw, Resampled
from services.evidence.resampling.fallback import Pair, from_totals

LANES = lanes.LANES
_WORTH_A_THREAD = 4_000_000
"""Units times resamples below which a second thread costs more than it brings."""
_ONE_TILE_ONLY = 2_000_000
_WORTH_SORTING_TWICE = 50_000
BlockWork = Callable[[lanes.Tile, int], FloatArray]
"""From a drawn tile and its largest count to the values of 64 resamples, shape [values, 64]."""


@dataclass(frozen=True)
class Units:
    """What is drawn. `place` [n]: the tile row of each data row; `strata`: (first, last) ranges drawn by themselves."""

    count: int
    place: npt.NDArray[np.int32]
    strata: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Side:
    """One version's rows in score order, ready for the kernels."""

    order: npt.NDArray[np.int32]
    """Rows by ascending score, negatives first among ties: twice the tile row plus 1 for a positive; read ahead."""
    ties: IntArray
    """Tie groups with both classes, [t, 2]."""


def units_of(draw: Draw, rows: int, order: IntArray | None = None) -> Units:
    """Groups, strata, or single rows; single rows are numbered in the first version's order, for the cache's sake."""
    if draw.groups is not None:
        count = int(draw.groups.max()) + 1
        return Units(count, draw.groups.astype(np.int32), ((0, count),))
    if draw.strata is not None:
        by_stratum = np.argsort(draw.strata, kind="stable")
        sizes = np.bincount(draw.strata)
        ends = np.cumsum(sizes[sizes > 0]).tolist()
        return Units(rows, _inverse(by_stratum), tuple(zip([0, *ends[:-1]], ends, strict=True)))
    return Units(rows, np.arange(rows, dtype=np.int32) if order is None else _inverse(order), ((0, rows),))


def _inverse(order: IntArray) -> npt.NDArray[np.int32]:
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return place


def auc(labels: FloatArray, scores: Pair, draw: Draw) -> Resampled:
    """AUC of both versions on each resample."""
    positive = labels == 1
    ordered = [_negatives_first(rank_order(values), positive) for values in scores]
    units = units_of(draw, len(labels), ordered[0][0])
    sides = [_side(order, ends, positive, units) for order, ends in ordered]
    del ordered

    def work(tile: lanes.Tile, largest: int) -> FloatArray:
        return np.stack([_auc_block(tile, side, largest) for side in sides])

    found = run_blocks(units, draw, work, values=2)
    return Resampled(found[0], found[1], "numba")


def _negatives_first(ranks: RankOrder, positive: npt.NDArray[np.bool_]) -> tuple[IntArray, IntArray]:
    """The order with negatives before positives inside each tie group, and the tie groups' ends."""
    if len(ranks.ends) == len(ranks.order):
        return ranks.order, ranks.ends
    group = np.repeat(np.arange(len(ranks.ends)), ranks.sizes)
    return ranks.order[np.argsort(group * 2 + positive[ranks.order], kind="stable")], ranks.ends


def _side(order: IntArray, ends: IntArray, positive: npt.NDArray[np.bool_], units: Units) -> Side:
    ordered = positive[order]
    placed = 2 * units.place[order] + ordered
    padded = np.concatenate((placed, np.full(lanes.AHEAD, placed[-1]))).astype(np.int32)
    return Side(padded, _mixed_ties(ordered, ends))


def _mixed_ties(ordered: npt.NDArray[np.bool_], ends: IntArray) -> IntArray:
    if len(ends) == len(ordered):
        return np.empty((0, 2), dtype=np.int64)
    starts = np.concatenate(([0], ends[:-1]))
    hits = np.add.reduceat(ordered.astype(np.int64), starts)
    mixed = (hits > 0) & (hits < ends - starts)
    return np.ascontiguousarray(np.stack((starts[mixed], ends[mixed]), axis=1))


def _auc_block(tile: lanes.Tile, side: Side, largest: int) -> FloatArray:
    pairs = np.empty((3, LANES), dtype=np.int64)
    lanes.auc_pairs(tile, side.order, largest, pairs)
    level = np.zeros(LANES, dtype=np.int64)
    if len(side.ties):
        kernels.tied_pairs(tile, side.order, side.ties, level)
    return auc_from_pairs(pairs, level)


def auc_from_pairs(pairs: IntArray, level: IntArray) -> FloatArray:
    """Integers to AUC: pairs won with ties counted whole, negatives, positives; minus half of the level pairs."""
    all_pairs = 2 * pairs[1] * pairs[2]
    with np.errstate(invalid="ignore"):
        return np.where(all_pairs > 0, (2 * pairs[0] - level) / np.maximum(all_pairs, 1), np.nan)


def weighted_auc(labels: FloatArray, scores: Pair, draw: Draw, weights: FloatArray) -> Resampled:
    """As `auc` with a weight a row."""
    positive = labels == 1
    ranks = [rank_order(values) for values in scores]
    units = units_of(draw, len(labels), ranks[0].order)
    sides = [_side(part.order, part.ends, positive, units) for part in ranks]
    masses = [weights[part.order] for part in ranks]

    def work(tile: lanes.Tile, _largest: int) -> FloatArray:
        found = np.empty((2, LANES))
        for place, side in enumerate(sides):
            kernels.weighted_auc(tile, side.order, ranks[place].ends, masses[place], found[place])
        return found

    found = run_blocks(units, draw, work, values=2)
    return Resampled(found[0], found[1], "numba")


def sums(metric: SumMetric, stacked: FloatArray, width: int, draw: Draw) -> Resampled:
    """A metric of means: `stacked` [n, 2k + 1] as `fallback.stacked_columns` makes it, `width` is k."""
    units = units_of(draw, len(stacked))
    columns = np.empty((units.count, stacked.shape[1]))
    for place, column in enumerate(stacked.T):
        columns[:, place] = np.bincount(units.place, weights=column, minlength=units.count)

    def work(tile: lanes.Tile, _largest: int) -> FloatArray:
        found = np.empty((columns.shape[1], LANES))
        kernels.weighted_sums(tile, columns, found)
        return found

    return from_totals(metric, run_blocks(units, draw, work, values=columns.shape[1]).T, width, "numba")


def run_blocks(units: Units, draw: Draw, work: BlockWork, *, values: int) -> FloatArray:
    """Draw and evaluate all blocks; shape [values, resamples]."""
    blocks = -(-draw.resamples // LANES)
    found = np.empty((values, blocks * LANES))
    todo = iter(range(blocks))
    lock = threading.Lock()

    def take_blocks() -> None:
        tile = np.empty((units.count, LANES), dtype=np.uint8)
        state = np.empty(lanes.STATE_WORDS, dtype=np.uint64)
        while True:
            with lock:
                block = next(todo, None)
            if block is None:
                return
            largest = fill_tile(tile, state, units, seed=draw.seed, block=block)
            found[:, block * LANES : (block + 1) * LANES] = work(tile, largest)

    threads = _threads(units.count, draw, blocks)
    if threads == 1:
        take_blocks()
    else:
        with ThreadPoolExecutor(threads) as pool:
            for future in [pool.submit(take_blocks) for _ in range(threads)]:
                future.result()
    return found[:, : draw.resamples]


def _threads(units: int, draw: Draw, blocks: int) -> int:
    if units * draw.resamples < _WORTH_A_THREAD or units > _ONE_TILE_ONLY:
        return 1
    return max(1, min(draw.threads, blocks))


def fill_tile(tile: lanes.Tile, state: lanes.Words, units: Units, *, seed: int, block: int) -> int:
    """Draw the counts of one block of 64 resamples into the tile; gives the largest count."""
    lanes.seed_block(seed & (2**63 - 1), block, state)
    largest = 0
    for first, last in units.strata:
        thresholds = lanes.poisson_thresholds(lanes.poisson_rate(last - first))
        largest = max(largest, lanes.draw_counts(tile, first, last, state, thresholds))
    return largest


def row_counts(rows: int, draw: Draw) -> npt.NDArray[np.uint8]:
    """The counts themselves, shape [n, resamples]: for tests and for looking; 1 byte a row and resample."""
    units = units_of(draw, rows)
    blocks = -(-draw.resamples // LANES)
    state = np.empty(lanes.STATE_WORDS, dtype=np.uint64)
    found = np.empty((rows, blocks * LANES), dtype=np.uint8)
    for block in range(blocks):
        tile = np.empty((units.count, LANES), dtype=np.uint8)
        fill_tile(tile, state, units, seed=draw.seed, block=block)
        found[:, block * LANES : (block + 1) * LANES] = tile[units.place]
    return found[:, : draw.resamples]


def try_out() -> None:
    """Compile and run the kernel on a few rows; raises any error of numba on this machine."""
    labels = np.tile([0.0, 1.0], 40)
    found = auc(labels, (np.linspace(0, 1, 80), np.linspace(1, 0, 80)), Draw(resamples=1))
    if not 0 <= found.candidate[0] <= 1:
        raise ArithmeticError("the compiled bootstrap miscounts")


def warm() -> None:
    """Compile everything once on a few rows."""
    labels = np.tile([0.0, 1.0], 40)
    scores = np.linspace(0, 1, 80).round(1), np.linspace(1, 0, 80)
    draw = Draw(resamples=LANES)
    auc(labels, scores, draw)
    weighted_auc(labels, scores, draw, np.ones(80))
    stacked = np.stack((*scores, np.ones(80)), axis=1)
    kernels.weighted_sums(np.ones((80, LANES), dtype=np.uint8), stacked, np.empty((3, LANES)))
    delong(labels == 1, scores)


def delong(positive: npt.NDArray[np.bool_], scores: Pair) -> tuple[float, float, float]:
    """Both AUCs and the variance of their difference; long tables are worked on side by side."""
    beaten = np.empty((2, len(positive)))

    def one_side(side: int) -> int:
        order = np.argsort(scores[side])
        return kernels.delong_components(order, scores[side][order], positive, beaten[side])

    if len(positive) < _WORTH_SORTING_TWICE:
        won = [one_side(0), one_side(1)]
    else:
        with ThreadPoolExecutor(2) as pool:
            won = list(pool.map(one_side, (0, 1)))
    positives = int(positive.sum())
    pairs = 2 * positives * (len(positive) - positives)
    return won[0] / pairs, won[1] / pairs, kernels.delong_variance(beaten[0], beaten[1], positive)
