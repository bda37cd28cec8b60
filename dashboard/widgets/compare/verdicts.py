"""Whether a candidate is better than the baseline, for whom and how certain: a table for many, words for each."""

from __future__ import annotations

import streamlit as st

from dashboard.widgets.base.markup import badge, empty, show, soft, table
from dashboard.widgets.compare import versions as compare_versions
from dashboard.widgets.evidence import verdict as evidence
from dashboard.widgets.version import grid as tables
from services.comparisons.answers import VersionComparison
from services.domain.catalogue import VersionRow
from services.evidence.record import Comparison

Found = list[tuple[VersionRow, Comparison]]


def comparisons(compared: VersionComparison) -> Found:
    """The candidates that could be compared with the baseline, in the order chosen."""
    return [(row, compared.evidence[row.key]) for row in compared.details[1:] if row.key in compared.evidence]


def show_verdicts(compared: VersionComparison) -> None:
    """The verdicts; a table of all first where there are several."""
    against, found = f"v{compared.details[0].key.version}", comparisons(compared)
    if not found:
        empty(
            "There is no paired comparison of these versions.",
            "Both need held-out predictions on the same rows. Each run computed the metrics below on its own rows.",
        )
        return
    if len(found) > 1:
        _show_glance(found, against)
    for row, comparison in found:
        with st.container(border=True):
            st.markdown(f"**v{row.key.version} against {against}**")
            evidence.show_verdict(comparison, against=against)
            _show_findings(comparison, key=str(row.key.version), is_alone=len(found) == 1)


def _show_findings(found: Comparison, *, key: str, is_alone: bool) -> None:
    """Blocking findings stay open; the rest is one click away where several verdicts are listed."""
    if is_alone or evidence.has_blocking(found):
        evidence.show_findings(found, key=key)
    elif found.findings:
        with st.expander("Findings"):
            evidence.show_findings(found, key=key)


def _show_glance(found: Found, against: str) -> None:
    head = ("Version", "Verdict", "Recommended", "Worst slice", "Overall")
    rows = [_glance(row, comparison, against) for row, comparison in found]
    show(table(head, rows, caption="Verdicts", classes="cs-stack"))
    names = ("version", "verdict", "recommendation", "metric", "difference", "low", "high", "worst_slice")
    plain = [
        [row.key.version, comparison.verdict.value, comparison.recommendation.value, comparison.metric,
         *evidence.gap_of(comparison.difference), _worst(comparison)]
        for row, comparison in found
    ]  # fmt: skip
    tables.download("Download verdicts", names, plain, key="verdicts")


def _glance(row: VersionRow, found: Comparison, against: str) -> tuple[str, ...]:
    tone, title = evidence.headline(found, against=against)
    worst = evidence.worst_slice(found)
    return (
        compare_versions.version_link(row, f"v{row.key.version}"),
        badge(title, tone, limit=70),
        badge(found.recommendation.value, evidence.ADVICE[found.recommendation]),
        f"{evidence.slice_name(worst)}: {evidence.interval(worst.difference)}" if worst else soft("no slice is worse"),
        evidence.interval(found.difference),
    )


def _worst(found: Comparison) -> str | None:
    worst = evidence.worst_slice(found)
    return evidence.slice_name(worst) if worst else None
