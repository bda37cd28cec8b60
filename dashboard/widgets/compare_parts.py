"""The parts of the compare page."""

from __future__ import annotations

import streamlit as st

from dashboard.widgets import drift, evidence, evidence_tables, formats, links, lists, plots, tables
from dashboard.widgets.markup import alias_badges, empty, live_badges, show, soft, stage_badge, table
from dashboard.widgets.text import as_html, as_text, shorten
from services.domain.catalogue import VersionRow
from services.portal import CellRow, VersionComparison


def show_verdicts(compared: VersionComparison) -> None:
    """For each candidate: is it better than the baseline, for whom, and how sure are we."""
    baseline, candidates = compared.details[0], compared.details[1:]
    found = [c for c in candidates if evidence.as_document(compared.evidence.get(c.key))]
    if not found:
        empty(
            "There is no paired comparison of these versions.",
            "Both need held-out predictions on the same rows. The metrics below were measured by each run by itself.",
        )
        return
    for candidate in found:
        document = evidence.as_document(compared.evidence[candidate.key])
        with st.container(border=True):
            st.markdown(f"**v{candidate.key.version} against v{baseline.key.version}**")
            evidence_tables.show_all(document, against=f"v{baseline.key.version}", key=str(candidate.key.version))


def show_versions(compared: VersionComparison) -> None:
    """The versions side by side."""
    rows = [_version_cells(row, is_baseline=i == 0) for i, row in enumerate(compared.details)]
    head = ("Version", "Standing", "Headline metric", "Tests", "Owner", "Data", "Created")
    show(table(head, rows, caption="The versions", classes="cs-stack"))


def _version_cells(row: VersionRow, *, is_baseline: bool) -> tuple[str, ...]:
    target = links.address(links.VERSION, links.version_params(row.key))
    name = (
        f'<a href="{as_html(target)}" title="{as_html(row.key)}">{as_html(lists.version_label(row.key, limit=30))}</a>'
    )
    standing = " ".join(
        part for part in (stage_badge(row.stage), alias_badges(row.aliases), live_badges(row.live_in)) if part
    )
    return (
        f"{name} {soft('baseline') if is_baseline else ''}",
        standing or soft("none"),
        as_html(tables.metric(row)),
        as_html(tables.tests(row)),
        as_html(row.owner or formats.UNKNOWN),
        as_html(shorten(row.dataset or formats.UNKNOWN, 40)),
        as_html(formats.moment(row.created)),
    )


def show_curves(compared: VersionComparison) -> None:
    """ROC, precision and recall, calibration, scores; and why a version has none."""
    missing = [f"v{c.key.version}: {c.problem}" for c in compared.curves if c.problem]
    for line in missing:
        st.caption(as_text(line))
    plots.show_all(compared.curves)


def show_drift(compared: VersionComparison) -> None:
    """How far each candidate's training data moved from the baseline's."""
    baseline = compared.details[0].key
    if not compared.drift:
        st.caption("No version but the baseline, or not the baseline, kept a sample of its training data.")
    for key, lines in compared.drift.items():
        st.markdown(f"**Training data of v{key.version} against v{baseline.version}**")
        drift.show_lines(lines, key=f"compare-{key.version}")
    for key, found in compared.live.items():
        document = {"lines": found.lines, "sentence": found.sentence}
        drift.show_live(document, of=f"v{key.version}", key=str(key.version))
    if compared.live_problem:
        st.caption(as_text(f"Live inputs were not compared: {compared.live_problem}"))


def show_differences(compared: VersionComparison) -> None:
    """Metrics, parameters, data sets and tags; those that differ first."""
    only = st.toggle("Only what differs", value=True, key="compare_only")
    groups = (
        ("Metrics", compared.metrics),
        ("Parameters", compared.parameters),
        ("Data sets", compared.datasets),
        ("Tags", compared.tags),
    )
    for title, cells in groups:
        _group(title, [row for row in cells if row.differs or not only], compared, only=only)


def _group(title: str, cells: list[CellRow], compared: VersionComparison, *, only: bool) -> None:
    st.markdown(f"**{title}**")
    if not cells:
        st.caption("No differences." if only else "Nothing is known.")
        return
    head = (title, *(f"v{row.key.version}" for row in compared.details))
    rows = [(as_html(shorten(row.name, 60)), *(_cell(row, i) for i in range(len(row.values)))) for row in cells]
    show(table(head, rows, caption=title))
    plain_rows = [(row.name, *(formats.UNKNOWN if v is None else v for v in row.values)) for row in cells]
    tables.download(f"Download {title.lower()}", head, plain_rows, key=title)


def _cell(row: CellRow, place: int) -> str:
    value, base = row.values[place], row.values[0]
    if value is None:
        return soft(formats.UNKNOWN)
    if isinstance(value, str):
        text = f'<span title="{as_html(value)}">{as_html(shorten(value, 60))}</span>'
        return f"<strong>{text}</strong>" if place and value != base else text
    delta = ""
    if place and isinstance(base, int | float) and value != base:
        delta = " " + soft(f"({formats.signed(value - base)})")
    return as_html(formats.number(value)) + delta
