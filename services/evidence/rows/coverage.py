"""What a comparison rests on: the rows that were matched out of all there are, and the groups that lost some."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from services.domain.examined import LeftOut
from services.evidence.arrays import IntArray
from services.evidence.findings import LOST_SHARE
from services.evidence.rows.inputs import Predictions
from services.evidence.rows.tables import canonical_texts

KINDS = 200
"""Columns with more values than this are cut into ranges; which range a lost row belongs to is not kept."""
Sides = tuple[Predictions, Predictions]
Places = tuple[IntArray, IntArray]


@dataclass(frozen=True)
class LostGroup:
    """Rows with this value of a column that are not compared."""

    column: str
    value: str
    lost: int
    rows: int


@dataclass(frozen=True)
class Coverage:
    """What the comparison rests on: rows compared out of all in either table, and what was left out."""

    rows: int = 0
    rows_total: int = 0
    left_out: tuple[LeftOut, ...] = ()
    groups: tuple[LostGroup, ...] = ()
    """Values that lost more than one row in a hundred."""
    columns: tuple[str, ...] = ()
    """Further columns by which nothing was sliced, and why: ``name: reason``."""


def numbered(side: Predictions) -> Predictions:
    """The same with each row's place, which stays with it through matching."""
    return replace(side, places=np.arange(side.rows))


def coverage_of(sides: Sides, places: Places | None, rate: float) -> Coverage:
    """`sides` as they were read, `places` of the rows that are compared in each of them."""
    if places is None:
        return Coverage()
    kept = len(places[0])
    total = kept + _lost_rows(sides, places)
    lost = total - kept
    told = []
    if lost:
        why = "they have no partner, label or score, or stand there twice with different values"
        few = lost <= LOST_SHARE * total
        told.append(LeftOut(f"{lost:,} of {total:,} rows", why, by_policy=few, count=0))
    if rate < 1:
        why = "the tables are large, so a fixed sample by row id is compared"
        told.append(LeftOut(f"about {1 - rate:.1%} of the rows", why, by_policy=True, count=0))
    told += _borrowed_labels(sides)
    return Coverage(kept, total, tuple(told), _lost_groups(sides, places) if lost else ())


def _borrowed_labels(sides: Sides) -> list[LeftOut]:
    """A table without labels is judged by the other's, row id by row id: so nobody saw whether the two agree."""
    if all(side.labels is not None for side in sides):
        return []
    names = [side.name for side in sides if side.labels is None]
    why = "it has no column of labels, so those of the same row ids in the other table are used"
    return [LeftOut(f"labels of the {name} table", why, by_policy=True, count=0) for name in names]


def _lost_rows(sides: Sides, places: Places) -> int:
    """Different row ids of either table that are not compared; rows without an id count one by one."""
    lost: set[str] = set()
    nameless = 0
    kept = {text for side, own in zip(sides, places, strict=True) for text in side.ids[own].tolist()}
    for side, own in zip(sides, places, strict=True):
        ids = np.delete(side.ids, own).tolist()
        nameless = max(nameless, sum(text is None for text in ids))
        lost.update(text for text in ids if text is not None and text not in kept)
    return len(lost) + nameless


def _lost_groups(sides: Sides, places: Places) -> tuple[LostGroup, ...]:
    """Values of further columns whose rows are missing from what is compared, beyond the share that counts as few."""
    found: dict[tuple[str, str], LostGroup] = {}
    for side, own in zip(sides, places, strict=True):
        distinct = _distinct(side)
        for column, values in side.further.items():
            texts = ["(missing)" if text is None else str(text) for text in canonical_texts(values).tolist()]
            before = Counter(texts[place] for place in distinct)
            if len(before) > KINDS:
                continue
            after = Counter(texts[place] for place in own.tolist())
            for value, rows in before.items():
                lost, known = rows - after[value], found.get((column, value))
                if lost > LOST_SHARE * rows and (known is None or known.lost < lost):
                    found[column, value] = LostGroup(column, value, lost, rows)
    return tuple(found[key] for key in sorted(found))


def _distinct(side: Predictions) -> list[int]:
    """Places of rows: of several with one id the first, as it is compared; all without an id."""
    first: dict[str, int] = {}
    nameless = []
    for place, text in enumerate(side.ids.tolist()):
        if text is None:
            nameless.append(place)
        else:
            first.setdefault(text, place)
    return [*first.values(), *nameless]
