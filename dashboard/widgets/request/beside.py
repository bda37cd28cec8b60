"""Candidate and live version beside each other: what their runs logged differently, and the metric over versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard import wiring
from dashboard.text import as_html, shorten
from dashboard.widgets.base import formats
from dashboard.widgets.base.markup import show, soft, table
from dashboard.widgets.evidence import plots
from dashboard.widgets.version import grid as tables
from services.domain.registry import Run, VersionKey
from services.errors import PortalError
from services.promotions.answers import RequestDetail


def show_beside(detail: RequestDetail) -> None:
    """Nothing where nothing is live, or the catalogue no longer knows one of the two."""
    current = detail.plan.current_version
    if current is None:
        return
    candidate = detail.request.key
    runs = [_run(VersionKey(candidate.model, number)) for number in (current, candidate.version)]
    head = ("", f"v{current}, live", f"v{candidate.version}")
    st.markdown("**What the runs logged**")
    st.caption("As the catalogue has it now; each run measured its metrics by itself, not on the same rows.")
    if runs[0] is None or runs[1] is None:
        st.caption("The catalogue does not know the run of one of them, so parameters and metrics are not compared.")
    else:
        _differences("Parameters", runs[0].params, runs[1].params, head=head)
        _differences("Metrics", runs[0].metrics, runs[1].metrics, head=head)
    _over_versions(candidate, current)


def _run(key: VersionKey) -> Run | None:
    try:
        return wiring.portal().catalogue.detail(key).run
    except PortalError:
        return None


def _differences(title: str, now: Mapping[str, Any], new: Mapping[str, Any], *, head: tuple[str, str, str]) -> None:
    names = [name for name in sorted({*now, *new}) if now.get(name) != new.get(name)]
    if not names:
        st.caption(f"{title}: no differences.")
        return
    with st.expander(f"{title} that differ ({len(names)})"):
        rows = [(as_html(shorten(name, 60)), _cell(now.get(name)), _cell(new.get(name))) for name in names]
        show(table((title, *head[1:]), rows, caption=title))
        plain = [(name, now.get(name), new.get(name)) for name in names]
        tables.download(f"Download {title.lower()}", (title, *head[1:]), plain, key=f"beside-{title}")


def _cell(value: Any) -> str:
    if value is None:
        return soft(formats.UNKNOWN)
    return as_html(formats.number(value) if isinstance(value, float) else shorten(value, 80))


def _over_versions(candidate: VersionKey, current: int) -> None:
    metric = wiring.portal().catalogue.detail(candidate).row.metric_name if _run(candidate) else None
    points = wiring.portal().catalogue.metric_over_versions(candidate.model, metric) if metric else ()
    if metric and points:
        with st.expander(f"{shorten(metric, 40)} over the versions"):
            plots.show_metric(points, metric, [current, candidate.version])
