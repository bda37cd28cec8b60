"""Fairness of a comparison: the gaps between groups, now and with the candidate, and their rates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard.text import as_html, html, sentence, shorten, words
from dashboard.widgets.base import formats
from dashboard.widgets.base.markup import show, soft, table
from dashboard.widgets.version import grid as tables
from services.evidence.record import Comparison, FairnessGap, FairnessTable, GroupRates

FIRST = 6
"""Gaps shown at once; the rest is one press away."""
_GAPS = ("rate", "current_difference", "candidate_difference", "current_ratio", "candidate_ratio")
_RATES = ("selected", "true_positive", "false_positive")
_RATE_NAMES = ("Selected", "True positives", "False positives")


def show_fairness(found: Comparison, *, key: str) -> None:
    """The gap that widens most comes first; the rates of each group are one click away."""
    rows = [(entry, gap) for entry in found.fairness for gap in entry.gaps]
    if not rows:
        st.caption("No group columns to assess fairness, or the task is not binary.")
        return
    rows.sort(key=lambda row: -(_widening(row[1]) or 0.0))
    cells = [_gap_cells(found, entry, gap) for entry, gap in rows]
    head = ("Column", "Rate", "Gap now", "Candidate", "Change")
    show(table(head, cells[:FIRST], caption="Fairness", classes="cs-stack"))
    if len(cells) > FIRST:
        with st.expander(f"{len(cells) - FIRST} more rates"):
            show(table(head, cells[FIRST:], caption="More rates", classes="cs-stack"))
    plain = [[entry.column, *(getattr(gap, name) for name in _GAPS)] for entry, gap in rows]
    tables.download("Download fairness", ("column", *_GAPS), plain, key=f"fairness-{key}")
    _show_groups(found, key=key)


def _gap_cells(found: Comparison, entry: FairnessTable, gap: FairnessGap) -> tuple[str, ...]:
    return (
        shorten(entry.column, 40),
        sentence(words(gap.rate)),
        _points(gap.current_difference),
        _points(gap.candidate_difference),
        _wider(_widening(gap), is_found=_is_found(found, entry, gap)),
    )


def _points(difference: float | None) -> str:
    """A difference of two shares, in points of percent."""
    return formats.UNKNOWN if difference is None else f"{difference * 100:.1f} points"


def _widening(gap: FairnessGap) -> float | None:
    """How much the gap between groups grows."""
    now, candidate = gap.current_difference, gap.candidate_difference
    return None if now is None or candidate is None else candidate - now


def _is_found(found: Comparison, entry: FairnessTable, gap: FairnessGap) -> bool:
    """True when the engine found that this gap grew significantly."""
    noticed = [finding for finding in found.findings if finding.kind == "fairness_gap"]
    return any(finding.subject == entry.column and gap.rate in finding.sentence for finding in noticed)


def _wider(widening: float | None, *, is_found: bool) -> Markup:
    if widening is None:
        return soft(formats.UNKNOWN)
    if abs(widening) < 0.0005:
        return soft("unchanged")
    text = f"{formats.change(widening * 100, 1)} points, {'wider' if widening > 0 else 'narrower'}"
    if is_found:
        return html("<strong>{}</strong>", text)
    return html("{} {}", text, soft("(not significant)")) if widening > 0.02 else as_html(text)


def _show_groups(found: Comparison, *, key: str) -> None:
    """Each group's rates under both versions."""
    groups = [(entry, group) for entry in found.fairness for group in entry.groups]
    if not groups:
        return
    with st.expander(f"Rates of each group ({formats.count(len(groups), 'group')})"):
        head = ("Group", "Rows", *(f"{name}, now → candidate" for name in _RATE_NAMES))
        show(table(head, [_group_cells(*pair) for pair in groups], caption="Rates of each group", classes="cs-stack"))
        names = [f"{side}_{rate}" for rate in _RATES for side in ("current", "candidate")]
        plain: list[Sequence[Any]] = [
            [entry.column, group.group, group.rows, *(getattr(group, name) for name in names)]
            for entry, group in groups
        ]
        tables.download("Download groups", ("column", "group", "rows", *names), plain, key=f"groups-{key}")


def _group_cells(entry: FairnessTable, group: GroupRates) -> tuple[str, ...]:
    return (
        shorten(f"{entry.column}={group.group}", 60),
        formats.number(group.rows),
        *(
            f"{formats.percent(getattr(group, f'current_{rate}'))} → "
            f"{formats.percent(getattr(group, f'candidate_{rate}'))}"
            for rate in _RATES
        ),
    )
