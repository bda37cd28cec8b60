"""Drift: how far data have moved from a reference, by size of the effect; at many rows every p-value is tiny.

Population stability index (PSI: below 0.1 little, above 0.25 much), Wasserstein distance in standard deviations of the
reference, Kolmogorov-Smirnov distance (largest gap between the cumulative shares). Categories: PSI and total variation.
Missing and infinite values are cells like any other. Every column of either table has its line: a column that cannot
be measured has no PSI, and a note that says why.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from services.domain.drift import EMPTY, FREE_TEXT, GONE, NEW, NO_VALUES, NOT_THERE
from services.evidence.arrays import FloatArray
from services.evidence.record import DriftLine
from services.evidence.rows.labels import numbers
from services.evidence.rows.tables import Column, Table, canonical_texts

SOME = 0.1
MUCH = 0.25
_BINS = 10
_FEW_KINDS = 12
_FLOOR = 1e-4
_CATEGORIES = 50


def drift_lines(
    reference: Table, now: Table, *, skip: frozenset[str] = frozenset(), must_stay: bool = True
) -> tuple[DriftLine, ...]:
    """A line for each column of either table, largest effect first, those that cannot be measured last.

    `must_stay` False: a column of the reference that the newer table lacks is not measured, because it may never have
    belonged there (a training sample has the label, live inputs do not).
    """
    lines = []
    for name in (name for name in reference.columns if name not in skip):
        if name in now.columns:
            lines.append(column_drift(name, reference.columns[name], now.columns[name]))
        else:
            lines.append(_gone(name, reference.columns[name], now.rows) if must_stay else _unmeasured(name, NOT_THERE))
    lines += [_unmeasured(name, NEW) for name in now.columns if name not in reference.columns and name not in skip]
    return tuple(sorted(lines, key=lambda line: np.inf if line.psi is None else line.noise - line.psi))


def _unmeasured(name: str, note: str) -> DriftLine:
    return DriftLine(name, "unknown", None, None, None, 0.0, 0.0, "unknown", note=note)


def _gone(name: str, reference: Column, rows: int) -> DriftLine:
    empty = np.full(rows, None, dtype=object)
    line = column_drift(name, reference, empty)
    return line if line.note == NO_VALUES else replace(line, note=GONE, verdict="much")


def column_drift(name: str, reference: Column, now: Column) -> DriftLine:
    """One column that both tables have. Free text (nearly every value another one, in both) is not measured."""
    first, second = canonical_texts(reference).tolist(), canonical_texts(now).tolist()
    known = [[text for text in texts if text is not None] for texts in (first, second)]
    missing = [1 - len(part) / max(len(whole), 1) for part, whole in zip(known, (first, second), strict=True)]
    if not known[0] and not known[1]:
        return replace(_unmeasured(name, NO_VALUES), missing_reference=missing[0], missing_now=missing[1])
    parsed = [numbers(values)[0] for values in (reference, now)]
    are_numbers = [_are_numbers(*pair) for pair in zip(parsed, known, strict=True)]
    if are_numbers[0] and len(np.unique(parsed[0][np.isfinite(parsed[0])])) > _FEW_KINDS:
        counts = len(known[0]), len(known[1])
        return _noted(_numeric(name, parsed[0], parsed[1], missing=missing, known=counts))
    if all(_is_free_text(part) for part in known if part):
        if known[0] and known[1] and are_numbers[0] != are_numbers[1]:
            known = [["number" if are else "text"] * len(part) for are, part in zip(are_numbers, known, strict=True)]
        else:
            return replace(_unmeasured(name, FREE_TEXT), missing_reference=missing[0], missing_now=missing[1])
    return _noted(_categorical(name, known[0], known[1], missing=missing, rows=(len(first), len(second))))


def _are_numbers(parsed: FloatArray, known: list[str]) -> bool:
    """At least half of the values; the others form a separate cell."""
    return bool(np.isfinite(parsed).sum() >= 0.5 * len(known)) and bool(known)


def _is_free_text(values: list[str]) -> bool:
    kinds = len(set(values))
    return kinds > _CATEGORIES and kinds > 0.5 * len(values)


def _noted(line: DriftLine) -> DriftLine:
    is_emptied = line.missing_now == 1 and line.missing_reference < 1
    return replace(line, note=EMPTY, verdict="much") if is_emptied else line


def _noise(cells: int, *rows: int) -> float:
    """Expected PSI of samples from one distribution: rows differ by chance, the more so in many cells."""
    return (cells - 1) * sum(1 / max(count, 1) for count in rows)


def _verdict(psi_value: float) -> str:
    return "much" if psi_value > MUCH else "some" if psi_value > SOME else "little"


def psi(reference: FloatArray, now: FloatArray) -> float:
    """Population stability index of two vectors of shares; empty cells count as one in ten thousand."""
    first, second = np.maximum(reference, _FLOOR), np.maximum(now, _FLOOR)
    return float(np.sum((second - first) * np.log(second / first)))


def _numeric(
    name: str, first: FloatArray, second: FloatArray, *, missing: list[float], known: tuple[int, int]
) -> DriftLine:
    """Numbers in ten cells of the reference; -inf, +inf and texts among the numbers are cells where there are any."""
    finite = [part[np.isfinite(part)] for part in (first, second)]
    edges = np.unique(np.quantile(finite[0], np.linspace(0, 1, _BINS + 1)))[1:-1]
    inside = [_counts(part, edges) for part in finite]
    outside = [_outside(part, count) for part, count in zip((first, second), known, strict=True)]
    if any(part.any() for part in outside):
        inside = [np.append(*pair) for pair in zip(inside, outside, strict=True)]
    index = psi(_with_missing(inside[0], missing[0]), _with_missing(inside[1], missing[1]))
    noise = _noise(len(inside[0]), len(first), len(second))
    spread = float(finite[0].std())
    distance = wasserstein(finite[0], finite[1]) / spread if spread > 0 and len(finite[1]) else None
    ordered = [part[~np.isnan(part)] for part in (first, second)]
    largest = ks_distance(ordered[0], ordered[1]) if len(ordered[1]) else 1.0
    verdict = _verdict(index - noise)
    line = DriftLine(name, "numeric", index, distance, largest, missing[0], missing[1], verdict, noise)
    infinite = [float(np.isinf(part).mean()) if len(part) else 0.0 for part in (first, second)]
    return replace(line, infinite_reference=infinite[0], infinite_now=infinite[1])


def _counts(finite: FloatArray, edges: FloatArray) -> FloatArray:
    places = np.searchsorted(edges, finite, side="right")
    return np.bincount(places, minlength=len(edges) + 1).astype(np.float64)


def _outside(values: FloatArray, known: int) -> FloatArray:
    """How many of the known values are -inf, +inf and not numbers."""
    texts = known - int((~np.isnan(values)).sum())
    return np.array([np.isneginf(values).sum(), np.isposinf(values).sum(), max(texts, 0)], dtype=np.float64)


def _with_missing(counts: FloatArray, missing: float) -> FloatArray:
    """Shares of the cells, with missing values as a separate cell."""
    shares: FloatArray = counts / max(counts.sum(), 1) * (1 - missing)
    return np.append(shares, missing)


def wasserstein(first: FloatArray, second: FloatArray) -> float:
    """Earth mover's distance in the column's unit: the area between the two cumulative shares."""
    places = np.sort(np.concatenate((first, second)))
    gaps = np.abs(_cumulative(first, places[:-1]) - _cumulative(second, places[:-1]))
    return float(np.sum(gaps * np.diff(places)))


def ks_distance(first: FloatArray, second: FloatArray) -> float:
    """Largest gap between the two cumulative shares, 0 to 1."""
    places = np.concatenate((first, second))
    return float(np.abs(_cumulative(first, places) - _cumulative(second, places)).max())


def _cumulative(values: FloatArray, places: FloatArray) -> FloatArray:
    share: FloatArray = np.searchsorted(np.sort(values), places, side="right") / len(values)
    return share


def _categorical(
    name: str, first: list[str], second: list[str], *, missing: list[float], rows: tuple[int, int]
) -> DriftLine:
    pooled = _pooled(first, second)
    kinds, codes = np.unique(np.asarray([*pooled[0], *pooled[1]], dtype=str), return_inverse=True)
    counts = [np.bincount(part, minlength=len(kinds)) for part in (codes[: len(first)], codes[len(first) :])]
    shares = [_with_missing(part.astype(np.float64), share) for part, share in zip(counts, missing, strict=True)]
    index = psi(shares[0], shares[1])
    variation = float(np.abs(shares[0] - shares[1]).sum() / 2)
    noise = _noise(len(kinds), *rows)
    verdict = _verdict(index - noise)
    return DriftLine(name, "categorical", index, None, variation, missing[0], missing[1], verdict, noise)


def _pooled(first: list[str], second: list[str]) -> tuple[list[str], list[str]]:
    """Beyond fifty kinds: the most frequent of both tables, other known ones, and kinds that the reference lacks.

    As many rows lack their kind by chance as there are kinds with a single row in the reference (Good and Turing), so
    those are the reference's share of the last cell.
    """
    kinds, both = Counter(first), Counter([*first, *second])
    if len(both) <= _CATEGORIES:
        return first, second
    frequent = sorted(both.items(), key=lambda item: (-item[1], item[0]))[: _CATEGORIES - 2]
    kept = {kind for kind, _ in frequent}

    def cell(text: str, rows: int) -> str:
        return f"={text}" if text in kept else "other" if kinds[text] >= rows else "new"

    return [cell(text, 2) for text in first], [cell(text, 1) for text in second]
