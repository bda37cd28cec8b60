"""Is a candidate better than the baseline, for whom, and how sure are we: at a glance for many, in words for each."""

from __future__ import annotations

import streamlit as st

from dashboard.text import as_html
from dashboard.widgets.base.markup import badge, empty, show, soft, table
from dashboard.widgets.compare import versions as compare_versions
from dashboard.widgets.evidence import verdict as evidence
from dashboard.widgets.evidence.verdict import Document
from dashboard.widgets.version import grid as tables
from services.comparisons.answers import VersionComparison
from services.domain.catalogue import VersionRow

Found = list[tuple[VersionRow, Document]]


def documents(compared: VersionComparison) -> Found:
    """The candidates that could be compared with the baseline, in the order chosen."""
    found = [(row, evidence.as_document(compared.evidence.get(row.key))) for row in compared.details[1:]]
    return [(row, document) for row, document in found if document]


def show_verdicts(compared: VersionComparison) -> None:
    """The verdicts; a table of all first where there are several."""
    against, found = f"v{compared.details[0].key.version}", documents(compared)
    if not found:
        empty(
            "There is no paired comparison of these versions.",
            "Both need held-out predictions on the same rows. The metrics below were measured by each run by itself.",
        )
        return
    if len(found) > 1:
        _show_glance(found, against)
    for row, document in found:
        with st.container(border=True):
            st.markdown(f"**v{row.key.version} against {against}**")
            evidence.show_verdict(document, against=against)
            _show_findings(document, key=str(row.key.version), is_alone=len(found) == 1)


def _show_findings(document: Document, *, key: str, is_alone: bool) -> None:
    """What blocks stays open; the rest is one press away where several verdicts stand below each other."""
    if is_alone or evidence.has_blocking(document):
        evidence.show_findings(document, key=key)
    elif evidence.listed(document, "findings"):
        with st.expander("What was noticed"):
            evidence.show_findings(document, key=key)


def _show_glance(found: Found, against: str) -> None:
    head = ("Version", "Verdict", "Recommended", "Worst slice", "All rows together")
    show(
        table(
            head, [_glance(row, document, against) for row, document in found], caption="Verdicts", classes="cs-stack"
        )
    )
    names = ("version", "verdict", "recommendation", "metric", "difference", "low", "high", "worst_slice")
    plain = [
        [row.key.version, document.get("verdict"), document.get("recommendation"), document.get("metric"),
         *evidence.gap_of(document.get("difference")), _worst(document)]
        for row, document in found
    ]  # fmt: skip
    tables.download("Download verdicts", names, plain, key="verdicts")


def _glance(row: VersionRow, document: Document, against: str) -> tuple[str, ...]:
    tone, title = evidence.headline(document, against=against)
    advice = str(document.get("recommendation") or "nothing")
    worst = evidence.worst_slice(document)
    return (
        compare_versions.version_link(row, f"v{row.key.version}"),
        badge(title, tone, limit=70),
        badge(advice, evidence.ADVICE.get(advice, "mute")),
        as_html(f"{evidence.slice_name(worst)}: {evidence.interval(worst.get('difference'))}")
        if worst
        else soft("no slice loses"),
        as_html(evidence.interval(document.get("difference"))),
    )


def _worst(document: Document) -> str | None:
    worst = evidence.worst_slice(document)
    return evidence.slice_name(worst) if worst else None
