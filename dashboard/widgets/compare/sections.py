"""The sections of the compare page in reading order: verdict, groups, certainty, the rest."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard import wiring
from dashboard.text import as_text, html, join
from dashboard.widgets.base.markup import bullets, empty, show
from dashboard.widgets.compare import verdicts as compare_verdicts
from dashboard.widgets.compare.versions import show_differences
from dashboard.widgets.evidence import curves as curve_tabs
from dashboard.widgets.evidence import drift, fairness, plots
from dashboard.widgets.evidence import tables as evidence_tables
from dashboard.widgets.evidence import verdict as evidence
from services.comparisons.answers import VersionComparison
from services.domain.registry import VersionKey
from services.evidence.record import Comparison


def show_all(compared: VersionComparison) -> None:
    """Every section under its own heading, with links to each at the top."""
    _show_problems(compared)
    links = join((html('<a href="#{}">{}</a>', anchor, title) for anchor, title, _ in SECTIONS), " ")
    show(html('<nav class="cs-toc" aria-label="On this page">{}</nav>', links))
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
    said = {problem.partition(": ")[2] for problem in compared.problems}
    for line in (f"v{c.key.version}: {c.problem}" for c in compared.curves if c.problem and c.problem not in said):
        st.caption(as_text(line))
    curve_tabs.show_all(compared.curves)


def _each(compared: VersionComparison, part: Callable[[Comparison, str], None], *, counts: bool = False) -> None:
    """One tab per candidate; the most harmful one is open, `counts` gives the number of harms."""
    found = compare_verdicts.comparisons(compared)
    if not found:
        st.caption("There is no paired comparison of these versions; the verdict says what it needs.")
        return
    if len(found) == 1:
        part(found[0][1], str(found[0][0].key.version))
        return
    labels = [_label(row.key.version, comparison if counts else None) for row, comparison in found]
    worst = max(range(len(found)), key=lambda place: (evidence.harmed_slices(found[place][1]), -place))
    for tab, (row, comparison) in zip(st.tabs(labels, default=labels[worst]), found, strict=True):
        with tab:
            part(comparison, str(row.key.version))


def _label(version: int, found: Comparison | None) -> str:
    harmed = 0 if found is None else evidence.harmed_slices(found)
    return f"v{version}: {harmed} harmed" if harmed else f"v{version}"


def _show_slices(compared: VersionComparison) -> None:
    against = f"v{compared.details[0].key.version}"
    _each(compared, lambda found, key: evidence_tables.show_slices(found, against=against, key=key), counts=True)


def _show_fairness(compared: VersionComparison) -> None:
    _each(compared, lambda found, key: fairness.show_fairness(found, key=key))


def _show_drift(compared: VersionComparison) -> None:
    """How far each candidate's training data moved from the baseline's, and live inputs from each."""
    if not compared.drift:
        st.caption(
            "Training data cannot be compared: the baseline and a candidate must both keep training/sample.parquet."
        )
    keys = [row.key for row in compared.details if row.key in compared.drift or row.key in compared.live]
    if len(compared.details) == 2:
        for key in keys:
            _drift_of(key, compared)
    elif keys:
        labels = [_drift_label(key, compared) for key in keys]
        most = max(range(len(keys)), key=lambda place: (len(drift.moved(compared.drift.get(keys[place], ()))), -place))
        for tab, key in zip(st.tabs(labels, default=labels[most]), keys, strict=True):
            with tab:
                _drift_of(key, compared)
    _show_not_compared(compared)
    if compared.live_problem:
        st.caption(as_text(f"Live inputs were not compared: {compared.live_problem}"))


def _show_not_compared(compared: VersionComparison) -> None:
    """Candidates without training data in the table while others have it."""
    lacking = [f"v{row.key.version}" for row in compared.details[1:] if row.key not in compared.drift]
    if compared.drift and lacking:
        names = ", ".join(lacking)
        st.caption(as_text(f"Training data not compared: {names}. They kept no training sample that can be read."))


def _drift_label(key: VersionKey, compared: VersionComparison) -> str:
    moved = drift.moved(compared.drift.get(key, ()))
    return f"v{key.version}: {len(moved)} moved" if moved else f"v{key.version}"


def _drift_of(key: VersionKey, compared: VersionComparison) -> None:
    if key in compared.drift:
        st.markdown(f"**Training data of v{key.version} compared with v{compared.details[0].key.version}**")
        drift.show_lines(compared.drift[key], key=f"compare-{key.version}")
    if key in compared.live:
        drift.show_live(compared.live[key], of=f"v{key.version}", key=str(key.version))


def _show_differences(compared: VersionComparison) -> None:
    if compare_verdicts.comparisons(compared):
        st.markdown("**Metrics on the same rows**")
        _each(compared, lambda found, key: evidence_tables.show_metrics(found, key=key))
    show_differences(compared)


def _show_metric(compared: VersionComparison) -> None:
    """One metric over all versions of the model; compared ones are highlighted."""
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
    ("slices", "Slices", _show_slices),
    ("fairness", "Fairness", _show_fairness),
    ("drift", "Drift", _show_drift),
    ("differences", "Metrics and parameters", _show_differences),
    ("over-versions", "Metric over versions", _show_metric),
)
"""Anchor, heading and what stands below it."""
