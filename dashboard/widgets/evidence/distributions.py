"""Distribution of scores, or of regression errors: one panel per version, with its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.widgets.base.style import is_dark
from dashboard.widgets.evidence import plots
from services.comparisons.answers import VersionCurves

if TYPE_CHECKING:
    import plotly.graph_objects as go

Look = tuple[str, str, str, str]
"""Dash, fill pattern, colour on light, colour on dark."""
_NEGATIVE: Look = ("solid", "", "#0072B2", "#56B4E9")
_POSITIVE: Look = ("dash", "/", "#B34700", "#E69F00")
Panel = tuple[str, Sequence[float], Mapping[str, Sequence[int]]]
"""Name of the version, edges of the bins, counts by kind of row."""
_HIGH, _LOW = 170, 110
"""Height of a panel; many versions get lower ones."""


def show_scores(curves: Sequence[VersionCurves]) -> None:
    """Distribution of scores for positive and negative rows."""
    panels: list[Panel] = [
        (f"v{c.key.version}", c.scores.edges, {"negative": c.scores.negative, "positive": c.scores.positive})
        for c in curves
        if c.scores is not None
    ]
    if not panels:
        plots.nothing("No score distribution can be drawn.")
        return
    looks = {"negative": _NEGATIVE, "positive": _POSITIVE}
    _show(panels, looks, titles=("Score distributions", "Score", "% of class"), key="plot_scores")
    rows = [
        (name, low, high, positive, negative)
        for name, edges, counts in panels
        for low, high, positive, negative in zip(edges, edges[1:], counts["positive"], counts["negative"], strict=False)
    ]
    plots.numbers("Score distributions", ("Version", "Score from", "to", "Positive rows", "Negative rows"), rows)


def show_errors(curves: Sequence[VersionCurves]) -> None:
    """Errors of a regression: left of zero it predicts too little, right of it too much."""
    panels: list[Panel] = [
        (f"v{c.key.version}", c.errors.edges, {"all rows": c.errors.rows}) for c in curves if c.errors is not None
    ]
    _show(
        panels, {"all rows": _NEGATIVE}, key="plot_errors",
        titles=("Errors", "Prediction minus truth, in the target's unit", "% of rows"),
    )  # fmt: skip
    rows = [
        (name, low, high, count)
        for name, edges, counts in panels
        for low, high, count in zip(edges, edges[1:], counts["all rows"], strict=False)
    ]
    plots.numbers("Errors", ("Version", "Error from", "to", "Rows"), rows)


def _show(panels: Sequence[Panel], looks: Mapping[str, Look], *, titles: tuple[str, str, str], key: str) -> None:
    names = ", ".join(name for name, *_ in panels)
    said = f"{titles[0]} of {names}; the numbers stand in the table below"
    st.plotly_chart(_figure(panels, looks, titles=titles), key=key, config=plots.CONFIG, alt=said)


def _figure(panels: Sequence[Panel], looks: Mapping[str, Look], *, titles: tuple[str, str, str]) -> go.Figure:
    """Shares within the kind of row, so that a rare class can be seen; kinds differ by pattern and dash too."""
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=len(panels), cols=1, shared_xaxes=True, subplot_titles=[name for name, *_ in panels])
    for place, panel in enumerate(panels, start=1):
        for kind, look in looks.items():
            _add(figure, panel, kind, look, place=place)
        figure.update_yaxes(title_text=titles[2], rangemode="tozero", row=place, col=1)
    figure.update_xaxes(title_text=titles[1], row=len(panels), col=1)
    figure.update_layout(
        height=150 + (_HIGH if len(panels) < 5 else _LOW) * len(panels), margin={"l": 10, "r": 10, "t": 64, "b": 10},
        legend={"orientation": "h", "y": 1, "yanchor": "top", "yref": "container", "x": 0}, hovermode="closest",
        showlegend=len(looks) > 1,
    )  # fmt: skip
    return plots.readable(figure)


def _add(figure: go.Figure, panel: Panel, kind: str, look: Look, *, place: int) -> None:
    name, edges, counts = panel
    dash, pattern, *colours = look
    total = sum(counts[kind]) or 1
    shares = [100 * n / total for n in counts[kind]]
    figure.add_scatter(
        x=edges, y=[*shares, *shares[-1:]], name=kind, legendgroup=kind, showlegend=place == 1,
        fill="tozeroy", line={"shape": "hv", "dash": dash, "color": colours[is_dark()], "width": 2},
        fillpattern={"shape": pattern} if pattern else None, row=place, col=1,
        hovertemplate=f"{name}, {kind}<br>from %{{x:.3f}}<br>%{{y:.1f}} % of its rows<extra></extra>",
    )  # fmt: skip
