"""The sections of the compare page, in the order in which it is read: the verdict, for whom, how sure, what else."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard import wiring
from dashboard.widgets import compare_verdicts, drift, evidence, evidence_tables, fairness, plots
from dashboard.widgets.compare_versions import show_differences
from dashboard.widgets.evidence import Document
from dashboard.widgets.markup import bullets, empty, show
from dashboard.widgets.text import as_html, as_text
from services.portal import VersionComparison


def show_all(compared: VersionComparison) -> None:
    """Every section under a heading of its own, and the way to each from the top."""
    _show_problems(compared)
    links = " ".join(f'<a href="#{anchor}">{as_html(title)}</a>' for anchor, title, _ in SECTIONS)
    show(f'<nav class="cs-toc" aria-label="On this page">{links}</nav>')
    for anchor, title, section in SECTIONS:
        st.subheader(title, anchor=anchor)
        section(compared)


def _show_problems(compared: VersionComparison) -> None:
    if compared.problems:
        st.warning("**Some things could not be compared.**", icon=":material/help:")
        show(bullets(compared.problems))
    for note in compared.notes:
        st.caption(as_text(note))


def _show_curves(compared: VersionComparison) -> None:
    """ROC, precision and recall, calibration, scores; and why a version has none."""
    for line in (f"v{c.key.version}: {c.problem}" for c in compared.curves if c.problem):
        st.caption(as_text(line))
    plots.show_all(compared.curves)


def _each(compared: VersionComparison, part: Callable[[Document, str], None]) -> None:
    """The part for every candidate, a tab each; the tab of the one that is harmed most is open."""
    found = compare_verdicts.documents(compared)
    if not found:
        empty("There is no paired comparison of these versions.", "See above why, and what to do.")
        return
    if len(found) == 1:
        part(found[0][1], str(found[0][0].key.version))
        return
    labels = [_label(row.key.version, document) for row, document in found]
    worst = max(range(len(found)), key=lambda place: (evidence.harmed_slices(found[place][1]), -place))
    for tab, (row, document) in zip(st.tabs(labels, default=labels[worst]), found, strict=True):
        with tab:
            part(document, str(row.key.version))


def _label(version: int, document: Document) -> str:
    harmed = evidence.harmed_slices(document)
    return f"v{version}: {harmed} harmed" if harmed else f"v{version}"


def _show_slices(compared: VersionComparison) -> None:
    against = f"v{compared.details[0].key.version}"
    _each(compared, lambda document, key: evidence_tables.show_slices(document, against=against, key=key))


def _show_fairness(compared: VersionComparison) -> None:
    _each(compared, lambda document, key: fairness.show_fairness(document, key=key))


def _show_drift(compared: VersionComparison) -> None:
    """How far each candidate's training data moved from the baseline's, and live inputs from each."""
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


def _show_differences(compared: VersionComparison) -> None:
    if compare_verdicts.documents(compared):
        st.markdown("**Metrics on the same rows**")
        _each(compared, lambda document, key: evidence_tables.show_metrics(document, key=key))
    show_differences(compared)


def _show_metric(compared: VersionComparison) -> None:
    """One metric over all versions of the model; those compared stand out."""
    first = compared.details[0]
    model, headline = first.key.model, first.metric_name
    names = list(wiring.portal().catalogue.metric_names(model))
    if not names:
        empty("No version of this model has metrics.", "Log metrics with the run.")
        return
    place = names.index(headline) if headline in names else 0
    metric = str(st.selectbox("Metric", names, index=place, key=f"compare_metric:{model}", width=280))
    points = wiring.portal().catalogue.metric_over_versions(model, metric)
    if points:
        plots.show_metric(points, metric, [row.key.version for row in compared.details])
    else:
        empty("No version has this metric.")


Section = Callable[[VersionComparison], None]
SECTIONS: tuple[tuple[str, str, Section], ...] = (
    ("verdict", "Verdict", compare_verdicts.show_verdicts),
    ("curves", "Curves", _show_curves),
    ("slices", "Slices, worst first", _show_slices),
    ("fairness", "Fairness: distance between the groups", _show_fairness),
    ("drift", "Drift of the data", _show_drift),
    ("differences", "Metrics, parameters and data", _show_differences),
    ("over-versions", "A metric over the versions", _show_metric),
)
"""Anchor, heading and what stands below it."""
