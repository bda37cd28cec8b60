"""The differences of the slices beside that of all rows together, each with its interval: the average hides no harm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.text import as_label, plain, shorten
from dashboard.widgets.base import formats
from dashboard.widgets.evidence import plots
from dashboard.widgets.evidence import verdict as evidence
from services.evidence.record import Comparison, Gap, SliceLine

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST = 12
"""Slices drawn; the table has all."""
Mark = tuple[str, str, str, str]
"""Name in the legend, symbol, colour on light, colour on dark."""
_ALL: Mark = ("All rows", "diamond", "#4D4D4D", "#BFC7D1")
_HARMED: Mark = ("Harmed slice", "x", "#B34700", "#E69F00")
_ALIKE: Mark = ("Worse, in line with the overall drop", "square", "#7A5B00", "#E0C45C")
_OTHER: Mark = ("Other slice", "circle", "#0072B2", "#56B4E9")
Point = tuple[str, Mark, float, float, float]
"""Name, mark, difference, low, high."""


def show_differences(found: Comparison, *, against: str, key: str) -> None:
    """Nothing where fewer than two slices have an interval."""
    points = _points(found)
    if len(points) < 3:
        return
    worse = "left" if found.higher_is_better else "right"
    name = shorten(formats.metric_name(found.metric), 20)
    title = f"Difference in {name} from {shorten(against, 20)} ({worse} of 0: worse)"
    drawn = _figure(points, found, as_label(title))
    metric = plain(found.metric)
    said = f"Differences in {metric} of all rows and of the slices, with intervals; the table below has them"
    st.plotly_chart(drawn, key=f"plot_slices_{key}", config=plots.CONFIG, alt=said)


def _points(found: Comparison) -> list[Point]:
    slices = evidence.slices_by_harm(found)[:MOST]
    points = [_point("All rows", _ALL, found.difference)]
    points += [_point(shorten(evidence.slice_name(line), 28), _mark(line), line.difference) for line in slices]
    return [point for point in points if point is not None]


def _mark(line: SliceLine) -> Mark:
    if evidence.is_harmed(line):
        return _HARMED
    return _ALIKE if evidence.shares_the_loss(line) else _OTHER


def _point(name: str, mark: Mark, difference: Gap) -> Point | None:
    value, low, high = evidence.gap_of(difference)
    return None if value is None or low is None or high is None else (name, mark, value, low, high)


def _figure(points: Sequence[Point], found: Comparison, title: str) -> go.Figure:
    import plotly.graph_objects as go

    from dashboard.widgets.base.style import is_dark

    drawn = go.Figure()
    for mark in (_ALL, _HARMED, _ALIKE, _OTHER):
        of_kind = [point for point in points if point[1] is mark]
        if of_kind:
            _add(drawn, mark, of_kind, colour=mark[3] if is_dark() else mark[2])
    drawn.add_vline(x=0, line={"color": "rgba(128,128,128,.8)", "width": 1})
    if found.slice_margin:
        border = -found.slice_margin if found.higher_is_better else found.slice_margin
        drawn.add_scatter(
            x=[border] * len(points), y=[as_label(point[0]) for point in points],
            mode="lines", name="Margin of a slice",
            line={"color": "rgba(128,128,128,.9)", "width": 1.5, "dash": "dash"}, hoverinfo="skip",
        )  # fmt: skip
    drawn.update_layout(
        height=130 + 27 * len(points), margin={"l": 10, "r": 10, "t": 10, "b": 10}, xaxis_title=title,
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0}, hovermode="closest",
    )  # fmt: skip
    names = [as_label(point[0]) for point in points]
    drawn.update_yaxes(categoryorder="array", categoryarray=names[::-1], automargin=True, title=None)
    return plots.readable(drawn)


def _add(drawn: go.Figure, mark: Mark, points: Sequence[Point], *, colour: str) -> None:
    name, symbol, *_ = mark
    names = [as_label(point[0]) for point in points]
    drawn.add_scatter(
        x=[p[2] for p in points], y=names, mode="markers", name=name,
        marker={"symbol": symbol, "size": 10, "color": colour},
        error_x={"type": "data", "symmetric": False, "array": [p[4] - p[2] for p in points],
                 "arrayminus": [p[2] - p[3] for p in points], "color": colour, "thickness": 1.8, "width": 4},
        customdata=[(p[3], p[4]) for p in points],
        hovertemplate="%{y}<br>%{x:+.4f} (%{customdata[0]:+.4f} to %{customdata[1]:+.4f})<extra></extra>",
    )  # fmt: skip
