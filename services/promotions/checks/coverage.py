"""What a comparison left out, for the checks that judge its figures."""

from __future__ import annotations

from collections.abc import Sequence

from services.domain.examined import OTHER, LeftOut
from services.evidence.record import Comparison
from services.evidence.rows.coverage import Coverage
from services.promotions.checks.facts import listed

SHOWN = 5
Result = Comparison | None
NOTHING_KEPT = Coverage()


def _kept(result: Result) -> Coverage:
    """The record's coverage; one that was sealed before it was kept says nothing of it, and reads as it was."""
    return (result.coverage if result else None) or NOTHING_KEPT


def lost_rows(result: Result) -> tuple[LeftOut, ...]:
    """Rows that are not compared, and a sample in place of all rows."""
    return _kept(result).left_out


def lost_groups(result: Result, columns: Sequence[str], least: float) -> tuple[LeftOut, ...]:
    """Values of these columns of which rows are missing; by the policy where there were too few of them anyway."""
    return tuple(
        LeftOut(
            f"{group.lost:,} of {group.rows:,} rows of {group.column} = {group.value}",
            "they are not compared",
            by_policy=group.rows < least,
            count=0,
        )
        for group in _kept(result).groups
        if group.column in columns
    )


def too_small(names: Sequence[str], least: float) -> tuple[LeftOut, ...]:
    """Groups below the policy's smallest size, as one."""
    if not names:
        return ()
    return (LeftOut(listed(names, SHOWN), f"fewer than {least:g} rows", by_policy=True, count=len(names)),)


def pooled(groups: Sequence[tuple[str, int]], *, column: str, least: float) -> tuple[LeftOut, ...]:
    """Rare values of a column that are judged together as one group; `groups` are its values with their rows.

    By the policy where each of them is too small: none has more rows than the smallest group that stands alone.
    """
    if not any(value == OTHER for value, _ in groups):
        return ()
    alone = [rows for value, rows in groups if value not in {OTHER, "(missing)"}]
    is_small = bool(alone) and min(alone) < least
    why = f"only the {len(alone)} most frequent are judged one by one, the others together"
    return (LeftOut(f"each value of {column} by itself", why, by_policy=is_small, count=0),)


def unsliced(result: Result) -> tuple[LeftOut, ...]:
    """Columns by which nothing was sliced. Those that cannot split the rows leave nothing unseen; others do."""
    found = []
    for told in _kept(result).columns:
        name, _, why = told.partition(": ")
        harmless = why.startswith(("every row", "nearly every row", "it names the groups"))
        found.append(LeftOut(f"column {name}", why, by_policy=harmless, count=0))
    return tuple(found)
