"""The versions side by side, and what their runs logged differently."""

from __future__ import annotations

import streamlit as st
from markupsafe import Markup

from dashboard.text import html, join, shorten
from dashboard.widgets.base import formats, links, lists
from dashboard.widgets.base.markup import alias_badges, bullets, live_badges, short, show, soft, stage_badge, table
from dashboard.widgets.version import grid as tables
from services.comparisons.answers import CellRow, VersionComparison
from services.domain.catalogue import VersionRow

_ABSENT = {"Tag": "not set"}
"""Text for a missing value: a tag is known to be absent; anything else may not have been logged."""


def show_differences(compared: VersionComparison) -> None:
    """The versions, then metrics, parameters, data sets and tags; those that differ first."""
    st.markdown("**The versions**")
    rows = [_version_cells(row, is_baseline=i == 0) for i, row in enumerate(compared.details)]
    head = ("Version", "Standing", "Headline metric", "Tests", "Owner", "Data", "Created")
    show(table(head, rows, caption="The versions", classes="cs-stack"))
    only = st.toggle("Only what differs", value=True, key="compare_only")
    groups = (
        ("Metrics as logged for each version", "Metric", compared.metrics),
        ("Parameters", "Parameter", compared.parameters),
        ("Data sets", "Data set", compared.datasets),
        ("Tags", "Tag", compared.tags),
    )
    for title, name, cells in groups:
        st.markdown(f"**{title}**")
        _group(name, [row for row in cells if row.differs or not only], compared, only=only)
        if name == "Metric" and compared.metrics_unknown:
            with st.expander(f"Metrics that are unknown ({len(compared.metrics_unknown)})"):
                show(bullets(compared.metrics_unknown))


def version_link(row: VersionRow, label: str = "") -> Markup:
    """The version's name, linked to its page."""
    target = links.address(links.VERSION, links.version_params(row.key))
    label = label or lists.version_label(row.key, limit=30)
    return html('<a href="{}" title="{}">{}</a>', target, row.key, label)


def _version_cells(row: VersionRow, *, is_baseline: bool) -> tuple[str, ...]:
    marks = stage_badge(row.stage), alias_badges(row.aliases), live_badges(row.live_in)
    standing = join(filter(None, marks), " ")
    return (
        html("{} {}", version_link(row), soft("baseline") if is_baseline else ""),
        standing or soft("none"),
        tables.metric(row),
        tables.tests(row),
        row.owner or formats.UNKNOWN,
        shorten(row.dataset or formats.UNKNOWN, 40),
        formats.moment(row.created),
    )


def _group(name: str, cells: list[CellRow], compared: VersionComparison, *, only: bool) -> None:
    if not cells:
        st.caption("No differences." if only else "Nothing is known.")
        return
    head = (name, *(f"v{row.key.version}" for row in compared.details))
    absent = _ABSENT.get(name, formats.UNKNOWN)
    rows = [(shorten(row.name, 60), *(_cell(row, i, absent=absent) for i in range(len(row.values)))) for row in cells]
    show(table(head, rows, caption=f"{name}s"))
    plain_rows = [(row.name, *(absent if v is None else v for v in row.values)) for row in cells]
    tables.download(f"Download {name.lower()}s", head, plain_rows, key=f"{name}s")


def _cell(row: CellRow, place: int, *, absent: str) -> Markup:
    value, base = row.values[place], row.values[0]
    if value is None:
        return soft(absent)
    if isinstance(value, str):
        text = short(value, 60)
        return html("<strong>{}</strong>", text) if place and value != base else text
    delta = ""
    if place and isinstance(base, int | float) and value != base:
        delta = html(" {}", soft(f"({formats.signed(value - base)})"))
    return html("{}{}", formats.number(value), delta)
