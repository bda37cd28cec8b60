"""What a comparison left out, for the checks that judge its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.domain.examined import OTHER, LeftOut
from services.promotions.checks.facts import listed, objects

SHOWN = 5
Result = Mapping[str, Any] | None


def _kept(result: Result) -> Mapping[str, Any]:
    """The record's coverage; one that was sealed before it was kept says nothing of it, and reads as it was."""
    found = (result or {}).get("coverage")
    return found if isinstance(found, Mapping) else {}


def lost_rows(result: Result) -> tuple[LeftOut, ...]:
    """Rows that are not compared, and a sample in place of all rows."""
    return tuple(LeftOut(**item) for item in objects(_kept(result), "left_out"))


def lost_groups(result: Result, columns: Sequence[str], least: float) -> tuple[LeftOut, ...]:
    """Values of these columns of which rows are missing; by the policy where there were too few of them anyway."""
    found = [group for group in objects(_kept(result), "groups") if group["column"] in columns]
    return tuple(
        LeftOut(
            f"{group['lost']:,} of {group['rows']:,} rows of {group['column']} = {group['value']}",
            "they are not compared",
            by_policy=group["rows"] < least,
            count=0,
        )
        for group in found
    )


def too_small(names: Sequence[str], least: float) -> tuple[LeftOut, ...]:
    """Groups below the policy's smallest size, as one."""
    if not names:
        return ()
    return (LeftOut(listed(names, SHOWN), f"fewer than {least:g} rows", by_policy=True, count=len(names)),)


def pooled(groups: Sequence[Mapping[str, Any]], *, column: str, name: str, least: float) -> tuple[LeftOut, ...]:
    """Rare values of a column that are judged together as one group; `name` is the groups' key of their value.

    By the policy where each of them is too small: none has more rows than the smallest group that stands alone.
    """
    if not any(group[name] == OTHER for group in groups):
        return ()
    alone = [group["rows"] for group in groups if group[name] not in {OTHER, "(missing)"}]
    is_small = bool(alone) and min(alone) < least
    why = f"only the {len(alone)} most frequent are judged one by one, the others together"
    return (LeftOut(f"each value of {column} by itself", why, by_policy=is_small, count=0),)


def unsliced(result: Result) -> tuple[LeftOut, ...]:
    """Columns by which nothing was sliced. Those that cannot split the rows leave nothing unseen; others do."""
    found = []
    for told in _kept(result).get("columns") or ():
        name, _, why = str(told).partition(": ")
        harmless = why.startswith(("every row", "nearly every row", "it names the groups"))
        found.append(LeftOut(f"column {name}", why, by_policy=harmless, count=0))
    return tuple(found)
