"""Drift of data as a table: how far each column moved, largest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.text import as_html, as_text, shorten
from dashboard.widgets.base import formats
from dashboard.widgets.base.markup import badge, show, soft, table
from dashboard.widgets.evidence.verdict import figure
from dashboard.widgets.version import grid as tables

_TONES = {"little": "good", "some": "warn", "much": "bad"}
_NAMES = (
    "column", "kind", "psi", "noise", "wasserstein", "ks", "missing_reference", "missing_now", "infinite_reference",
    "infinite_now", "verdict", "note",
)  # fmt: skip
_NO_DISTANCE = {"categorical": "a category"}
FIRST = 8
CHANCE = 0.01
"""A PSI that small samples have by chance is shown from here on."""


def show_lines(lines: Sequence[Mapping[str, Any]], *, key: str) -> None:
    """The columns that moved, most first; what hardly moved is one press away."""
    head = ("Column", "Moved", "PSI", "Shift in deviations", "Largest gap of shares", "Missing before", "Missing now")
    first = moved(lines)[:FIRST]
    rest = [line for line in lines if line not in first]
    if first:
        show(table(head, [_cells(line) for line in first], caption="Drift", classes="cs-stack"))
    else:
        unknown = len(unmeasured(lines))
        rest_said = f" {unknown} of {len(lines)} columns could not be measured." if unknown else ""
        st.caption(f"No column{' that could be measured' if unknown else ''} has moved.{rest_said}")
    if rest:
        kind = "more columns" if moved(rest) else "columns that hardly moved"
        with st.expander(f"{len(rest)} {kind}"):
            show(table(head, [_cells(line) for line in rest], caption="More drift", classes="cs-stack"))
    st.caption(
        "PSI below 0.1 is little, above 0.25 much, beyond what samples of this size have by chance. "
        "Sizes of effect, not p-values: with many rows those are tiny."
    )
    tables.download(
        "Download drift", _NAMES, [[line.get(name) for name in _NAMES] for line in lines], key=f"drift-{key}"
    )


def moved(lines: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The columns that moved some or much."""
    return [line for line in lines if line.get("verdict") in {"some", "much"}]


def unmeasured(lines: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The columns of which nobody can say whether they moved."""
    return [line for line in lines if line.get("verdict") == "unknown"]


def show_live(document: Mapping[str, Any], *, of: str, key: str) -> None:
    """Live inputs against the training data of a version; nothing when there are none."""
    lines = [line for line in document.get("lines") or () if isinstance(line, Mapping)]
    st.markdown(f"**Live inputs against the training data of {of}**")
    st.caption(as_text(document.get("sentence", "")))
    if lines:
        show_lines(lines, key=f"live-{key}")


def _note(line: Mapping[str, Any]) -> str:
    """Why a column was not measured, and infinite values, which the other columns of the table do not show."""
    told = str(line.get("note") or "")
    infinite = figure(line.get("infinite_now")) or 0.0
    told = told or (f"{formats.percent(infinite)} infinite" if infinite else "")
    return f" {soft(told)}" if told else ""


def _cells(line: Mapping[str, Any]) -> tuple[str, ...]:
    verdict = str(line.get("verdict", ""))
    distance = figure(line.get("wasserstein"))
    return (
        as_html(shorten(line.get("column", ""), 40)) + _note(line),
        badge(verdict, _TONES.get(verdict, "mute")),
        as_html(formats.number(figure(line.get("psi"))))
        + (
            " " + soft(f"({formats.number(noise)} by chance)")
            if (noise := figure(line.get("noise")) or 0) > CHANCE
            else ""
        ),
        as_html(formats.number(distance))
        if distance is not None
        else soft(_NO_DISTANCE.get(str(line.get("kind")), "")),
        as_html(formats.percent(figure(line.get("ks")))),
        as_html(formats.percent(figure(line.get("missing_reference")))),
        as_html(formats.percent(figure(line.get("missing_now")))),
    )
