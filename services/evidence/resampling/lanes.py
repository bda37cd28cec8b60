"""Draws 64 resamples at a time and adds up the AUC's pairs: a tile of counts, uint8 of shape [units, 64].

One cache line a unit (row or group), one lane a resample. The drawing is plain numba: its innermost loops run over
lanes or generators without a branch, so that the compiler makes vector instructions of them. The adding is written in
LLVM's own vectors, because there the compiler's guess costs more than a quarter of the whole (docs/adr/0010); numba's
`@intrinsic` (numba documentation, "Low-level extension API") inserts it. The tile is allocated by numpy (huge pages).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir  # type: ignore[import-untyped]  # it has no types
from numba import types
from numba.extending import intrinsic

from services.evidence.resampling.compiling import compiled

_BYTE, _SHORT, _INT, _LONG = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64)
_COUNTS = ir.VectorType(_SHORT, 64)
_ROW = ir.VectorType(_BYTE, 64)
Tile = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]
LANES = 64
AHEAD = 16
"""Rows prefetched ahead; orders carry as many readable places at their end."""
STRIPE = 64
"""Rows drawn at a time: their random bits stay in the first-level cache."""
QUARTER = 12
"""Words of the state for 16 lanes: 4 and 4 of its generators, 4 unused. Sealed evidence rests on this order."""
SINGLE = 4 * QUARTER
"""Position of the two words of the generator for single draws."""
STATE_WORDS = SINGLE + 2
THRESHOLDS = 8
"""Counts 1..8 come out of the first draw; the rest of the Poisson tail is below one in a million."""


def _same(vector: Any, number: int) -> Any:
    return ir.Constant(vector, [number] * vector.count)


def _spread(builder: Any, vector: Any, value: Any) -> Any:
    """One scalar in every lane."""
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, _INT(0))
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), _same(ir.VectorType(_INT, vector.count), 0))


def _load(builder: Any, address: Any, kind: Any, place: Any) -> Any:
    loaded = builder.load(builder.gep(builder.inttoptr(address, kind.as_pointer()), [place]))
    loaded.align = 1
    return loaded


def _store(builder: Any, value: Any, address: Any) -> None:
    builder.store(value, builder.inttoptr(address, value.type.as_pointer())).align = 1


class _Loop:
    """`for i in range(rows)` with values carried from row to row; rows must be at least 1."""

    def __init__(self, builder: Any, rows: Any, carried: list[Any]) -> None:
        self.builder, self.rows, self.start = builder, rows, builder.block
        self.body, self.done = builder.append_basic_block("row"), builder.append_basic_block("done")
        builder.branch(self.body)
        builder.position_at_end(self.body)
        self.first = [_LONG(0), *carried]
        self.phis = [builder.phi(value.type) for value in self.first]

    def close(self, carried: list[Any]) -> None:
        """End the row with the values for the next one."""
        following = self.builder.add(self.phis[0], _LONG(1))
        self.builder.cbranch(self.builder.icmp_signed("<", following, self.rows), self.body, self.done)
        for phi, first, later in zip(self.phis, self.first, [following, *carried], strict=True):
            phi.add_incoming(first, self.start)
            phi.add_incoming(later, self.body)
        self.builder.position_at_end(self.done)


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def add_rows(
    _context: Any,
    tile: Any,  # noqa: ARG001 - typed here, used in the code below
    order: Any,  # noqa: ARG001 - as above
    rows: Any,  # noqa: ARG001 - as above
    sums: Any,  # noqa: ARG001 - as above
) -> Any:
    """One short run of rows in score order: pairs won, negatives and positives in 64 lanes of uint16.

    Addresses: the tile; the int32 order, twice the tile row plus 1 for a positive, readable AHEAD places further for
    the prefetch; 3 * 64 uint16 to write. The caller keeps runs short enough for 16 bits.
    """
    return types.void(*[types.intp] * 4), _add_code


def _add_code(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
    tile, order, rows, sums = arguments
    loop = _Loop(builder, rows, [_same(_COUNTS, 0)] * 3)
    row, won, negatives, positives = loop.phis
    far = _load(builder, order, _INT, builder.add(row, _LONG(AHEAD)))
    _prefetch(builder, _line(builder, tile, far))
    here = _load(builder, order, _INT, row)
    counts = builder.zext(_load(builder, _line(builder, tile, here), _ROW, _LONG(0)), _COUNTS)
    mask = builder.sub(_SHORT(0), builder.and_(builder.trunc(here, _SHORT), _SHORT(1)))
    positive = builder.and_(counts, _spread(builder, _COUNTS, mask))
    negatives_now = builder.add(negatives, builder.sub(counts, positive))
    ended = [builder.add(won, builder.mul(positive, negatives)), negatives_now, builder.add(positives, positive)]
    loop.close(ended)
    for place, value in enumerate(ended):
        _store(builder, value, builder.add(sums, _LONG(128 * place)))
    return context.get_dummy_value()


def _line(builder: Any, tile: Any, entry: Any) -> Any:
    """Address of the cache line of the row that an entry of the order names."""
    row = builder.sext(builder.ashr(entry, _INT(1)), _LONG)
    return builder.add(tile, builder.shl(row, _LONG(6)))


def _prefetch(builder: Any, address: Any) -> None:
    name, byte = "llvm.prefetch.p0", _BYTE.as_pointer()
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(ir.VoidType(), [byte, _INT, _INT, _INT]), name)
    builder.call(function, [builder.inttoptr(address, byte), _INT(0), _INT(3), _INT(1)])


def poisson_rate(units: int) -> float:
    """Mean count of the first draw: a little less than 1, so that most lanes are topped up, few thinned."""
    return max(0.05, 1 - 1.5 / math.sqrt(units))


def poisson_thresholds(rate: float) -> npt.NDArray[np.int16]:
    """A uniform int16 exceeds the k-th threshold with the probability of k or more events (to 16 bits)."""
    chance = mass = math.exp(-rate)
    found = []
    for k in range(1, THRESHOLDS + 1):
        found.append(32767 - round((1 - chance) * 65536))
        mass *= rate / k
        chance += mass
    return np.array(found, dtype=np.int16)


@compiled
def seed_block(seed: int, block: int, state: Words) -> None:
    """Fill the state (STATE_WORDS words) by splitmix64 of seed and block."""
    x = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(block + 1) * np.uint64(0xD1342543DE82EF95)
    for place in range(state.shape[0]):
        x += np.uint64(0x9E3779B97F4A7C15)
        z = x
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state[place] = z ^ (z >> np.uint64(31))


@compiled
def _random(state: Words) -> np.uint64:
    """64 random bits from the last two words of the state (xoroshiro128+)."""
    first, second = state[SINGLE], state[SINGLE + 1]
    found = first + second
    second ^= first
    state[SINGLE] = ((first << np.uint64(24)) | (first >> np.uint64(40))) ^ second ^ (second << np.uint64(16))
    state[SINGLE + 1] = (second << np.uint64(37)) | (second >> np.uint64(27))
    return found  # type: ignore[no-any-return, unused-ignore]  # a numpy word


@compiled
def _exact_totals(tile: Tile, first: int, rows: int, totals: Numbers, state: Words) -> int:
    largest = THRESHOLDS
    for lane in range(LANES):
        missing = rows - totals[lane]
        while missing != 0:
            bits = _random(state)
            row = first + np.int64(((bits >> np.uint64(32)) * np.uint64(rows)) >> np.uint64(32))
            count = int(tile[row, lane])
            if missing > 0 and count < 255:
                tile[row, lane] = count + 1
                largest = max(largest, count + 1)
                missing -= 1
            elif missing < 0 and np.int64(bits & np.uint64(15)) < count:
                tile[row, lane] = count - 1
                missing += 1
    return largest


@compiled
def _generate(first: Words, second: Words, bits: Words) -> None:
    """Step 16 generators once a row of `bits` [rows, 16] (xoroshiro128+: Blackman and Vigna 2021, ACM TOMS 47:36)."""
    generators = first.shape[0]  # a variable, as a constant makes the compiler unroll the loop in place of vectors
    for row in range(bits.shape[0]):
        words = bits[row]
        for place in range(generators):
            low, high = first[place], second[place]
            mixed = high ^ low
            words[place] = low + high
            rotated = (low << np.uint64(24)) | (low >> np.uint64(40))
            first[place] = rotated ^ mixed ^ (mixed << np.uint64(16))
            second[place] = (mixed << np.uint64(37)) | (mixed >> np.uint64(27))


@compiled
def _count(
    bits: npt.NDArray[np.int16], levels: npt.NDArray[np.int16], rows: Tile, totals: npt.NDArray[np.uint16]
) -> None:
    """How many of the eight levels each value of `bits` [n, 64] exceeds, into `rows`; adds the lanes' `totals`."""
    l1, l2, l3, l4 = levels[0], levels[1], levels[2], levels[3]
    l5, l6, l7, l8 = levels[4], levels[5], levels[6], levels[7]
    for row in range(rows.shape[0]):
        values, counts = bits[row], rows[row]
        for lane in range(LANES):
            value = values[lane]
            low = np.uint8(value > l1) + np.uint8(value > l2) + np.uint8(value > l3) + np.uint8(value > l4)
            high = np.uint8(value > l5) + np.uint8(value > l6) + np.uint8(value > l7) + np.uint8(value > l8)
            count = np.uint8(low + high)
            counts[lane] = count
            totals[lane] += count


@compiled
def draw_counts(tile: Tile, first: int, last: int, state: Words, thresholds: npt.NDArray[np.int16]) -> int:
    """How often each unit of first..last-1 is drawn, exactly last - first draws a lane; the largest count seen.

    Independent Poisson counts, then topped up (or thinned) to the exact total by uniform draws: Poisson counts given
    their total are multinomial, so this is the ordinary bootstrap up to 16-bit rounding of the Poisson probabilities
    (total variation below 3.1e-5).
    """
    totals = np.zeros(LANES, np.int64)
    generators = state[:SINGLE].reshape(4, QUARTER)
    low, high = generators[:, :4].copy().reshape(16), generators[:, 4:8].copy().reshape(16)
    bits = np.empty((STRIPE, 16), np.uint64)
    values, short = bits.view(np.int16), np.empty(LANES, np.uint16)
    for start in range(first, last, STRIPE):
        rows = tile[start : min(start + STRIPE, last)]
        _generate(low, high, bits[: rows.shape[0]])
        short[:] = 0
        _count(values, thresholds, rows, short)
        for lane in range(LANES):
            totals[lane] += np.int64(short[lane])
    generators[:, :4], generators[:, 4:8] = low.reshape(4, 4), high.reshape(4, 4)
    return _exact_totals(tile, first, last - first, totals, state)


@compiled
def auc_pairs(tile: Tile, order: npt.NDArray[np.int32], largest: int, found: Numbers) -> None:
    """Pairs won (negatives before positives in the order), negatives and positives a lane: `found` [3, 64] int64.

    `order`: rows by ascending score, negatives first among ties, as twice the tile row plus 1 for a positive; AHEAD
    places more at its end.
    Runs are short enough that sums of 16 bits cannot overflow for counts up to `largest`.
    """
    rows = order.shape[0] - AHEAD
    run = 32 if largest <= 15 else (8 if largest <= 63 else 2)
    short = np.zeros((3, LANES), np.uint16)
    found[:, :] = 0
    for start in range(0, rows, run):
        add_rows(
            tile.ctypes.data,
            order.ctypes.data + 4 * start,
            min(run, rows - start),
            short.ctypes.data,
        )
        for lane in range(LANES):
            found[0, lane] += np.int64(short[0, lane]) + np.int64(short[2, lane]) * found[1, lane]
            found[1, lane] += np.int64(short[1, lane])
            found[2, lane] += np.int64(short[2, lane])
