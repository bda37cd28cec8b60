"""Plotly figures in the theme's colours. Lines differ by dash and marker too, not by colour alone.

Every plot has its numbers behind it, as a table and as a download.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.text import as_label, plain, shorten
from dashboard.widgets.base import formats
from dashboard.widgets.version import grid as tables
from services.comparisons.answers import Curve, VersionCurves
from services.domain.catalogue import MetricPoint

if TYPE_CHECKING:
    import plotly.graph_objects as go

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "2px,6px", "12px,3px,2px,3px,2px,3px")
MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross", "triangle-down")
"""One a version: as many as are compared at most."""
CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"], "responsive": True}
_KINDS = {
    "roc": ("ROC", "False positive rate", "True positive rate"),
    "precision_recall": ("Precision and recall", "Recall", "Precision"),
    "calibration": ("Calibration", "Predicted probability", "Share that was positive"),
}
TITLES = {kind: title for kind, (title, _, _) in _KINDS.items()}
_HEIGHT = 380
_ROWS_SHOWN = 60


def show_curves(curves: Sequence[VersionCurves], kind: str) -> None:
    """One kind of curve for all versions that have it."""
    title, x_name, y_name = _KINDS[kind]
    found = [(f"v{c.key.version}", curve) for c in curves if (curve := getattr(c, kind)) is not None]
    if not found:
        nothing(f"No {title} curve can be drawn.")
        return
    figure = _curves(found, kind, x_name, y_name)
    names = ", ".join(name for name, _ in found)
    st.plotly_chart(
        figure, key=f"plot_{kind}", config=CONFIG, alt=f"{title} of {names}; the numbers stand in the table below"
    )
    rows = [(name, x, y) for name, curve in found for x, y in zip(curve.x, curve.y, strict=True)]
    numbers(title, ("Version", x_name, y_name), rows)


def _curves(found: Sequence[tuple[str, Curve]], kind: str, x_name: str, y_name: str) -> go.Figure:
    import plotly.graph_objects as go

    figure = go.Figure()
    for i, (name, curve) in enumerate(found):
        mode = "lines+markers" if kind == "calibration" else "lines"
        look: dict[str, Any] = {"line": {"dash": DASHES[i % len(DASHES)], "width": 2.5}}
        figure.add_scatter(
            x=curve.x, y=curve.y, mode=mode, name=name, marker={"symbol": MARKERS[i % len(MARKERS)], "size": 8}, **look,
            hovertemplate=f"{name}<br>{x_name} %{{x:.3f}}<br>{y_name} %{{y:.3f}}<extra></extra>",
        )  # fmt: skip
    if kind in {"roc", "calibration"}:
        name = "chance" if kind == "roc" else "perfect"
        line = {"color": "rgba(128,128,128,.9)", "dash": "dot", "width": 1}
        figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", name=name, line=line, hoverinfo="skip")
    return _laid_out(figure, x_name, y_name, unit=True)


def nothing(title: str) -> None:
    """Why there is no plot, and what to log."""
    from dashboard.widgets.base.markup import empty

    empty(title, "They need held-out rows with a label of two kinds and a score, or with numbers; log them as a table.")


def show_metric(points: Sequence[MetricPoint], metric: str, chosen: Sequence[int]) -> None:
    """One metric over the versions; compared ones are highlighted."""
    import plotly.graph_objects as go

    xs, ys = [p.version for p in points], [p.value for p in points]
    figure = go.Figure()
    figure.add_scatter(x=xs, y=ys, mode="lines+markers", name="all versions", line={"width": 1.5}, marker={"size": 6})
    marked = [p for p in points if p.version in chosen]
    figure.add_scatter(
        x=[p.version for p in marked], y=[p.value for p in marked], mode="markers+text", name="compared",
        textposition="top center", text=[f"v{p.version}" for p in marked], marker={"size": 13, "symbol": "diamond"},
    )  # fmt: skip
    label = as_label(shorten(metric, 40))
    st.plotly_chart(
        _laid_out(figure, "Version", label), key="plot_metric", config=CONFIG, alt=f"{plain(metric)} over the versions"
    )
    rows = [(p.version, p.value, formats.moment(p.created)) for p in points]
    numbers(f"{metric} over versions", ("Version", metric, "Created"), rows)


def _laid_out(figure: go.Figure, x_name: str, y_name: str, *, unit: bool = False) -> go.Figure:
    figure.update_layout(
        height=_HEIGHT, margin={"l": 10, "r": 10, "t": 10, "b": 10}, legend={"orientation": "h", "y": 1.12, "x": 0},
        xaxis_title=x_name, yaxis_title=y_name, hovermode="closest",
    )  # fmt: skip
    if unit:
        figure.update_xaxes(range=[-0.02, 1.02])
        figure.update_yaxes(range=[-0.02, 1.02])
    return readable(figure)


def readable(figure: go.Figure) -> go.Figure:
    """Axes in the colour of secondary text: Streamlit's own grey is too faint on the light theme."""
    from dashboard.widgets.base.style import secondary

    font = {"color": secondary()}
    figure.update_xaxes(tickfont=font, title_font=font)
    figure.update_yaxes(tickfont=font, title_font=font)
    figure.update_annotations(font=font)
    return figure


def numbers(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """The data of a plot as a table and as a file."""
    from dashboard.widgets.base.markup import show, table

    with st.expander(f"Numbers behind this plot ({formats.count(len(rows), 'row')})"):
        step = max(1, len(rows) // _ROWS_SHOWN)
        shown = [[_cell(cell) for cell in cells] for cells in rows[::step]]
        if step > 1:
            st.caption(f"Every {step}th row is shown; the download has all.")
        show(table(head, shown, caption=title))
        tables.download("Download as CSV", head, rows, key=title)


def _cell(cell: Any) -> str:
    return formats.number(cell) if isinstance(cell, float) else str(cell)
