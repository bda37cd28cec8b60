"""Candidate and live version beside each other: what their runs logged differently, and the metric over versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from dashboard import wiring
from dashboard.text import shorten
from dashboard.widgets.base import formats
from dashboard.widgets.base.markup import bullets, show, soft, table
from dashboard.widgets.evidence import plots
from dashboard.widgets.request import tense
from dashboard.widgets.version import grid as tables
from services.domain.catalogue import VersionDetail
from services.domain.model_metrics import known_metrics, unknown_metrics
from services.domain.registry import VersionKey
from services.errors import PortalError
from services.promotions.answers import RequestDetail

Logged = Mapping[str, str] | Mapping[str, float]


def show_beside(detail: RequestDetail) -> None:
    """Nothing where nothing is live, or the catalogue no longer knows one of the two."""
    current = detail.plan.current_version
    if current is None:
        return
    candidate = detail.request.key
    both = [_detail(VersionKey(candidate.model, number)) for number in (current, candidate.version)]
    head = ("", tense.baseline(detail), f"v{candidate.version}")
    st.markdown("**What the runs logged**")
    st.caption("Current catalogue values. Each version's metrics were computed on its own rows.")
    now, new = both
    if now is None or new is None or now.run is None or new.run is None:
        st.caption("The run of one version is not in the catalogue, so parameters and metrics are not compared.")
    else:
        _differences("Parameters", now.run.params, new.run.params, head=head)
        _differences("Metrics", known_metrics(now.metrics), known_metrics(new.metrics), head=head)
        _unknown([now, new])
    _over_versions(candidate, current)


def _detail(key: VersionKey) -> VersionDetail | None:
    try:
        return wiring.portal().catalogue.detail(key)
    except PortalError:
        return None


def _unknown(details: Sequence[VersionDetail]) -> None:
    """Metrics that may not be the version's own."""
    lines = [f"{d.version.key}: {why}." for d in details for why in unknown_metrics(d.metrics).values()]
    if lines:
        with st.expander(f"Metrics that are unknown ({len(lines)})"):
            show(bullets(lines))


def _differences(title: str, now: Logged, new: Logged, *, head: tuple[str, str, str]) -> None:
    names = [name for name in sorted({*now, *new}) if now.get(name) != new.get(name)]
    if not names:
        st.caption(f"{title}: no differences.")
        return
    with st.expander(f"{title} that differ ({len(names)})"):
        rows = [(shorten(name, 60), _cell(now.get(name)), _cell(new.get(name))) for name in names]
        show(table((title, *head[1:]), rows, caption=title))
        plain = [(name, now.get(name), new.get(name)) for name in names]
        tables.download(f"Download {title.lower()}", (title, *head[1:]), plain, key=f"beside-{title}")


def _cell(value: str | float | None) -> str:
    if value is None:
        return soft(formats.UNKNOWN)
    return formats.number(value) if isinstance(value, float) else shorten(value, 80)


def _over_versions(candidate: VersionKey, current: int) -> None:
    detail = _detail(candidate)
    metric = detail.row.metric_name if detail is not None and detail.run is not None else None
    points = wiring.portal().catalogue.metric_over_versions(candidate.model, metric) if metric else ()
    if metric and points:
        with st.expander(f"{shorten(metric, 40)} over versions"):
            plots.show_metric(points, metric, [current, candidate.version])
