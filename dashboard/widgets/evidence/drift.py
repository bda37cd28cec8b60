"""Drift of data as a table: how far each column moved, largest first."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from markupsafe import Markup

from dashboard.text import as_text, html, shorten
from dashboard.widgets.base import formats
from dashboard.widgets.base.markup import badge, show, soft, table
from dashboard.widgets.version import grid as tables
from services.comparisons.live_inputs import LiveDrift
from services.evidence.record import DriftLine

_TONES = {"little": "good", "some": "warn", "much": "bad"}
_NAMES = (
    "column", "kind", "psi", "noise", "wasserstein", "ks", "missing_reference", "missing_now", "infinite_reference",
    "infinite_now", "verdict", "note",
)  # fmt: skip
_NO_DISTANCE = {"categorical": "n/a (categorical)"}
FIRST = 8
CHANCE = 0.01
"""A PSI that small samples have by chance is shown from here on."""


def show_lines(lines: Sequence[DriftLine], *, key: str) -> None:
    """Columns that drifted, most first; those that hardly did are one click away."""
    head = ("Column", "Moved", "PSI", "Mean shift (SD)", "Largest difference in share", "Missing before", "Missing now")
    first = moved(lines)[:FIRST]
    rest = [line for line in lines if line not in first]
    if first:
        show(table(head, [_cells(line) for line in first], caption="Drift", classes="cs-stack"))
    else:
        unknown = len(unmeasured(lines))
        rest_said = f" {unknown} of {len(lines)} columns could not be measured." if unknown else ""
        st.caption(f"No column{' that could be measured' if unknown else ''} drifted.{rest_said}")
    if rest:
        kind = "more columns" if moved(rest) else "columns with negligible drift"
        with st.expander(f"{len(rest)} {kind}"):
            show(table(head, [_cells(line) for line in rest], caption="More drift", classes="cs-stack"))
    st.caption(
        "PSI below 0.1 is negligible, above 0.25 large, after allowing for sampling noise. "
        "These are effect sizes; with this many rows p-values are always tiny."
    )
    plain = [[getattr(line, name) for name in _NAMES] for line in lines]
    tables.download("Download drift", _NAMES, plain, key=f"drift-{key}")


def moved(lines: Sequence[DriftLine]) -> list[DriftLine]:
    """Columns with moderate or large drift."""
    return [line for line in lines if line.verdict in {"some", "much"}]


def unmeasured(lines: Sequence[DriftLine]) -> list[DriftLine]:
    """Columns whose drift is unknown."""
    return [line for line in lines if line.verdict == "unknown"]


def show_live(found: LiveDrift, *, of: str, key: str) -> None:
    """Live inputs against the training data of a version; nothing when there are none."""
    st.markdown(f"**Live inputs compared with the training data of {of}**")
    st.caption(as_text(found.sentence))
    if found.lines:
        show_lines(found.lines, key=f"live-{key}")


def _note(line: DriftLine) -> Markup:
    """Why a column was not measured, and infinite values, which the other columns of the table do not show."""
    told = line.note or (f"{formats.percent(line.infinite_now)} infinite" if line.infinite_now else "")
    return html(" {}", soft(told)) if told else html("")


def _cells(line: DriftLine) -> tuple[str, ...]:
    chance = html(" {}", soft(f"({formats.number(line.noise)} by chance)")) if line.noise > CHANCE else ""
    no_distance = soft(_NO_DISTANCE.get(line.kind, ""))
    return (
        html("{}{}", shorten(line.column, 40), _note(line)),
        badge(line.verdict, _TONES.get(line.verdict, "mute")),
        html("{}{}", formats.number(line.psi), chance),
        no_distance if line.wasserstein is None else formats.number(line.wasserstein),
        formats.percent(line.ks),
        formats.percent(line.missing_reference),
        formats.percent(line.missing_now),
    )
