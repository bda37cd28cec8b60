"""Detects undeclared groups of rows (five rows of one customer), which make chance look like proof."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from services.evidence.arrays import FloatArray, IntArray
from services.evidence.rows.alignment import Aligned
from services.evidence.rows.labels import numbers
from services.evidence.rows.tables import Column, canonical_texts
from services.evidence.words import inline

_NAMED = re.compile(
    r"(^|_)(customer|client|user|member|account|patient|subject|person|household|family|cluster|session)s?$"
    r"|_?(id|no|nr|num|uuid|key|hash)$|(?-i:[a-z]Id$)",
    re.IGNORECASE,
)
"""Names that mean one thing each. Others (school, shop, team) may be mere categories: the rows must show it."""
_PREFIX = re.compile(r"^(.+?)[-_:/.#|@ ]+[^-_:/.#|@ ]+$")
NEIGHBOURS = "neighbouring rows"
_BLOCK = 25
"""Neighbours taken together at most, where nothing says how many belong together."""
_SURE = 5.0
"""Standard errors beyond independence before unnamed columns, prefixes or neighbours are called groups."""


@dataclass(frozen=True)
class Suspected:
    """Rows that probably belong together. `groups` are codes [n]; blocks of neighbours where nothing names them."""

    source: str
    groups: IntArray
    count: int
    rows: int
    named: bool

    @property
    def sentence(self) -> str:
        """What was seen and what to do."""
        if self.source == NEIGHBOURS:
            return (
                "Rows next to each other in order of their id are alike: they may belong together "
                "(one customer, one day). Name what they share as the group, or evidence counts several times."
            )
        return (
            f"{self.rows} rows belong to only {self.count} values of {inline(self.source)}, "
            f"{self.rows / self.count:.1f} each: rows of one value are not independent. "
            "Name it as the group, or chance is taken for proof too often."
        )


def suspected_groups(rows: Aligned, influence: FloatArray) -> Suspected | None:
    """The most telling grouping, or None. `influence`: each row's share in the error of the difference, [n]."""
    if not np.isfinite(influence).all() or rows.rows < 20:
        return None
    for name, values in rows.further.items():
        found = _by_column(name, values, influence)
        if found is not None:
            return found
    return _by_prefix(rows.ids, influence) or _by_neighbours(rows, influence)


def _codes(texts: list[str | None]) -> tuple[IntArray, int]:
    named = [f"={text}" if text is not None else f"#{place}" for place, text in enumerate(texts)]
    codes = np.unique(np.asarray(named, dtype=str), return_inverse=True)[1].astype(np.int64)
    return codes, int(codes.max()) + 1


def _by_column(name: str, values: Column, influence: FloatArray) -> Suspected | None:
    rows = len(values)
    named = _NAMED.search(name) is not None
    parsed, bad = numbers(values)
    if bad == 0 and not named and not bool(np.all(parsed[np.isfinite(parsed)] % 1 == 0)):
        return None
    texts = canonical_texts(values).tolist()
    codes, count = _codes(texts)
    known = rows - texts.count(None)
    count -= rows - known  # a row without a value belongs to no group
    size = known / max(1, count)
    if count < 10 or size < 1.1:
        return None
    if named and size <= 100:
        return Suspected(name, codes, count, known, True)
    if count >= 30 and size <= 10 and dependence(influence, codes) > _SURE:
        return Suspected(name, codes, count, known, False)
    return None


def _by_prefix(ids: Column, influence: FloatArray) -> Suspected | None:
    found = [_PREFIX.match(text) for text in ids.tolist()]
    if not all(found):
        return None
    codes, count = _codes([match.group(1) if match else None for match in found])
    size = len(ids) / count
    if count < 20 or not 1.1 <= size <= 100 or dependence(influence, codes) <= _SURE - 1:
        return None
    return Suspected("the first part of the row id", codes, count, len(ids), False)


def dependence(influence: FloatArray, groups: IntArray) -> float:
    """How many standard errors the rows of a group agree more than independent rows would (0: independent)."""
    squares = influence**2
    total = np.bincount(groups, weights=influence)
    own = np.bincount(groups, weights=squares)
    fourth = np.bincount(groups, weights=squares**2)
    spread = math.sqrt(max(2 * float((own**2 - fourth).sum()), 0.0))
    return float((total**2 - own).sum()) / spread if spread > 0 else 0.0


def _by_neighbours(rows: Aligned, influence: FloatArray) -> Suspected | None:
    """Neighbours in order of a numeric id that err alike, or whose scores are alike near by and not further away."""
    texts = rows.ids.tolist()
    if not all(text.isdecimal() for text in texts):
        return None
    order = np.argsort(np.asarray([int(text) for text in texts], dtype=np.float64), kind="stable")
    alike = _likeness(influence[order], 1)
    err_alike = alike > 0.1 and alike * math.sqrt(len(order)) > _SURE
    if not err_alike and not _score_alike(rows, order):
        return None
    blocks = np.empty(len(order), dtype=np.int64)
    blocks[order] = np.arange(len(order)) // max(2, min(_BLOCK, len(order) // 40))
    return Suspected(NEIGHBOURS, blocks, int(blocks.max()) + 1, len(order), named=False)


def _score_alike(rows: Aligned, order: IntArray) -> bool:
    """Alike at distance 1 and clearly less at distance 50: small groups, not a table sorted by score or time."""
    if rows.candidate is None or rows.candidate.ndim != 1 or len(order) < 200:
        return False
    scores = rows.candidate[order] - rows.candidate.mean()
    return _likeness(scores, 1) - _likeness(scores, 50) > 0.25


def _likeness(values: FloatArray, distance: int) -> float:
    """Autocorrelation at this distance; 0 without spread."""
    power = float(values @ values)
    return float(values[distance:] @ values[:-distance]) / power if power > 0 else 0.0
