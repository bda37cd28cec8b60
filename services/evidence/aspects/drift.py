"""Drift: how far data have moved from a reference, by size of the effect; at many rows every p-value is tiny.

Population stability index (PSI: below 0.1 little, above 0.25 much), Wasserstein distance in standard deviations of the
reference, Kolmogorov-Smirnov distance (largest gap between the cumulative shares). Categories: PSI and total variation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.evidence.arrays import FloatArray
from services.evidence.rows.labels import numbers
from services.evidence.rows.tables import Column, Table, canonical_texts

SOME = 0.1
MUCH = 0.25
_BINS = 10
_FEW_KINDS = 12
_FLOOR = 1e-4
_CATEGORIES = 50


@dataclass(frozen=True)
class DriftLine:
    """One column's drift. `verdict` is `little`, `some` or `much` by PSI beyond `noise`; missing shares from 0 to 1."""

    column: str
    kind: str
    psi: float
    wasserstein: float | None
    ks: float
    missing_reference: float
    missing_now: float
    verdict: str
    noise: float = 0.0
    """The PSI that two samples of this size have on average without any drift: (cells - 1) (1/n + 1/m)."""


def drift_lines(reference: Table, now: Table, *, skip: frozenset[str] = frozenset()) -> tuple[DriftLine, ...]:
    """Columns that both tables have, largest effect first."""
    shared = [name for name in reference.columns if name in now.columns and name not in skip]
    lines = [column_drift(name, reference.columns[name], now.columns[name]) for name in shared]
    return tuple(sorted((line for line in lines if line is not None), key=lambda line: line.noise - line.psi))


def column_drift(name: str, reference: Column, now: Column) -> DriftLine | None:
    """One column; None when either side has no value at all or nearly every value is another text."""
    first, second = canonical_texts(reference).tolist(), canonical_texts(now).tolist()
    known = [[text for text in texts if text is not None] for texts in (first, second)]
    if not known[0] or not known[1]:
        return None
    missing = [1 - len(part) / len(whole) for part, whole in zip(known, (first, second), strict=True)]
    parsed = [numbers(values) for values in (reference, now)]
    kinds = set(known[0])
    if all(bad == 0 for _, bad in parsed) and len(kinds) > _FEW_KINDS:
        return _numeric(name, *(values[np.isfinite(values)] for values, _ in parsed), missing=missing)
    if len(kinds) > _CATEGORIES and len(kinds) > 0.5 * len(known[0]):
        return None
    return _categorical(name, known[0], known[1], missing)


def _noise(cells: int, *rows: int) -> float:
    """Expected PSI of samples from one distribution: rows differ by chance, the more so in many cells."""
    return (cells - 1) * sum(1 / max(count, 1) for count in rows)


def _verdict(psi_value: float) -> str:
    return "much" if psi_value > MUCH else "some" if psi_value > SOME else "little"


def psi(reference: FloatArray, now: FloatArray) -> float:
    """Population stability index of two vectors of shares; empty cells count as one in ten thousand."""
    first, second = np.maximum(reference, _FLOOR), np.maximum(now, _FLOOR)
    return float(np.sum((second - first) * np.log(second / first)))


def _numeric(name: str, first: FloatArray, second: FloatArray, *, missing: list[float]) -> DriftLine:
    edges = np.unique(np.quantile(first, np.linspace(0, 1, _BINS + 1)))[1:-1]
    shares = [
        np.bincount(np.searchsorted(edges, part, side="right"), minlength=len(edges) + 1).astype(np.float64)
        for part in (first, second)
    ]
    index = psi(_with_missing(shares[0], missing[0]), _with_missing(shares[1], missing[1]))
    spread = float(first.std())
    distance = wasserstein(first, second) / spread if spread > 0 else None
    noise = _noise(len(shares[0]), len(first), len(second))
    largest = ks_distance(first, second)
    return DriftLine(name, "numeric", index, distance, largest, missing[0], missing[1], _verdict(index - noise), noise)


def _with_missing(counts: FloatArray, missing: float) -> FloatArray:
    """Shares of the cells, and of the missing values as a cell of their own."""
    shares: FloatArray = counts / counts.sum() * (1 - missing)
    return np.append(shares, missing) if missing else np.append(shares, 0.0)


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


def _categorical(name: str, first: list[str], second: list[str], missing: list[float]) -> DriftLine:
    kinds, codes = np.unique(np.asarray([*first, *second], dtype=str), return_inverse=True)
    counts = [np.bincount(part, minlength=len(kinds)) for part in (codes[: len(first)], codes[len(first) :])]
    shares = [_with_missing(part.astype(np.float64), gone) for part, gone in zip(counts, missing, strict=True)]
    index = psi(shares[0], shares[1])
    variation = float(np.abs(shares[0] - shares[1]).sum() / 2)
    noise = _noise(len(kinds), len(first), len(second))
    return DriftLine(
        name, "categorical", index, None, variation, missing[0], missing[1], _verdict(index - noise), noise
    )
