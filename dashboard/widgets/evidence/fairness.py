"""Fairness of a comparison: how far the groups are apart, now and with the candidate, and the rates behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard.text import as_html, sentence, shorten, words
from dashboard.widgets.base import formats
from dashboard.widgets.base.markup import show, soft, table
from dashboard.widgets.evidence.verdict import Document, figure, listed
from dashboard.widgets.version import grid as tables

FIRST = 6
"""Gaps shown at once; the rest is one press away."""
_GAPS = ("rate", "current_difference", "candidate_difference", "current_ratio", "candidate_ratio")
_RATES = ("selected", "true_positive", "false_positive")
_RATE_NAMES = ("Selected", "True positives", "False positives")


def show_fairness(document: Document, *, key: str) -> None:
    """The gap that widens most first; the rates of each group are one press away."""
    rows = [(entry, gap) for entry in listed(document, "fairness") for gap in listed(entry, "gaps")]
    if not rows:
        st.caption("The rows have no columns of groups to judge fairness by, or the task has no yes and no.")
        return
    rows.sort(key=lambda row: -(_widening(row[1]) or 0.0))
    cells = [_gap_cells(document, entry, gap) for entry, gap in rows]
    head = ("Column", "Rate", "Apart now", "Candidate", "Change")
    show(table(head, cells[:FIRST], caption="Fairness", classes="cs-stack"))
    if len(cells) > FIRST:
        with st.expander(f"{len(cells) - FIRST} more rates"):
            show(table(head, cells[FIRST:], caption="More rates", classes="cs-stack"))
    plain = [[entry.get("column"), *(gap.get(name) for name in _GAPS)] for entry, gap in rows]
    tables.download("Download fairness", ("column", *_GAPS), plain, key=f"fairness-{key}")
    _show_groups(document, key=key)


def _gap_cells(document: Document, entry: Document, gap: Document) -> tuple[str, ...]:
    return (
        as_html(shorten(entry.get("column", ""), 40)),
        as_html(sentence(words(str(gap.get("rate", ""))))),
        as_html(_points(figure(gap.get("current_difference")))),
        as_html(_points(figure(gap.get("candidate_difference")))),
        _wider(_widening(gap), is_found=_is_found(document, entry, gap)),
    )


def _points(difference: float | None) -> str:
    """A difference of two shares, in points of percent."""
    return formats.UNKNOWN if difference is None else f"{difference * 100:.1f} points"


def _widening(gap: Document) -> float | None:
    """By how much the groups move apart."""
    now, candidate = figure(gap.get("current_difference")), figure(gap.get("candidate_difference"))
    return None if now is None or candidate is None else candidate - now


def _is_found(document: Document, entry: Document, gap: Document) -> bool:
    """True when the engine found this gap to grow beyond chance."""
    found = [f for f in listed(document, "findings") if f.get("kind") == "fairness_gap"]
    return any(
        f.get("subject") == entry.get("column") and str(gap.get("rate")) in str(f.get("sentence")) for f in found
    )


def _wider(widening: float | None, *, is_found: bool) -> str:
    if widening is None:
        return soft(formats.UNKNOWN)
    if abs(widening) < 0.0005:
        return soft("the same")
    text = f"{formats.change(widening * 100, 1)} points, {'wider' if widening > 0 else 'narrower'}"
    if is_found:
        return f"<strong>{as_html(text)}</strong>"
    return as_html(text) + (" " + soft("(could be chance)") if widening > 0.02 else "")


def _show_groups(document: Document, *, key: str) -> None:
    """Each group's rates under both versions."""
    groups = [(entry, group) for entry in listed(document, "fairness") for group in listed(entry, "groups")]
    if not groups:
        return
    with st.expander(f"Rates of each group ({formats.count(len(groups), 'group')})"):
        head = ("Group", "Rows", *(f"{name}, now → candidate" for name in _RATE_NAMES))
        show(table(head, [_group_cells(*pair) for pair in groups], caption="Rates of each group", classes="cs-stack"))
        names = [f"{side}_{rate}" for rate in _RATES for side in ("current", "candidate")]
        plain: list[Sequence[Any]] = [
            [entry.get("column"), group.get("group"), group.get("rows"), *(group.get(name) for name in names)]
            for entry, group in groups
        ]
        tables.download("Download groups", ("column", "group", "rows", *names), plain, key=f"groups-{key}")


def _group_cells(entry: Document, group: Document) -> tuple[str, ...]:
    return (
        as_html(shorten(f"{entry.get('column')}={group.get('group')}", 60)),
        as_html(formats.number(figure(group.get("rows")))),
        *(
            as_html(
                f"{formats.percent(figure(group.get(f'current_{rate}')))} → "
                f"{formats.percent(figure(group.get(f'candidate_{rate}')))}"
            )
            for rate in _RATES
        ),
    )
