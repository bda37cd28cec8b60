"""Facts with their certainty, tests, history: shared by Version, Request and Why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import streamlit as st
from markupsafe import Markup

from dashboard.text import as_text, html, join, plain, shorten
from dashboard.widgets.base import formats
from dashboard.widgets.base.markup import (
    badge,
    bullets,
    certainty_badge,
    empty,
    external,
    short,
    show,
    soft,
    table,
    time,
)
from services.domain.catalogue import HistoryLine, TestReport
from services.domain.lineage import Certainty, Fact
from services.domain.test_results import counts_of, doubts, rank

CASES_SHOWN = 200
FLAKY_SHOWN = 20


def show_facts(facts: Sequence[Fact], *, caption: str) -> None:
    """Each fact with how sure it is and who says so."""
    rows = [(fact.name, _value(fact), certainty_badge(fact.certainty), _sources(fact)) for fact in facts]
    show(table(("Fact", "Value", "Certainty", "Source"), rows, caption=caption, classes="cs-stack"))


def _value(fact: Fact) -> Markup:
    if fact.certainty is Certainty.CONTRADICTED or (fact.certainty is Certainty.UNKNOWN and fact.claims):
        return bullets(html("{} {}", c.value, soft(f"({c.source})")) for c in fact.claims)
    text = external(shorten(fact.value, 90), fact.link) if fact.link else shorten(fact.value, 90)
    return html('<span title="{}">{}</span>', fact.value, text)


def _sources(fact: Fact) -> str:
    if fact.certainty is Certainty.UNKNOWN:
        return soft(fact.hint if fact.sources else f"Not recorded. {fact.hint}".strip())
    return "; ".join(fact.sources)


def show_tests(reports: Sequence[TestReport]) -> None:
    """Test reports, failures first."""
    if not reports:
        empty("No test results are kept with this version.", "Log test reports as run artifacts under tests/.")
    for report in reports:
        unsure = doubts(report)
        outcome = "could not be read" if report.problem else counts_of([report])
        sign = ":red[✕]" if report.failed else ":orange[?]" if unsure else ":green[✓]" if report.passed else ""
        with st.expander(f"{sign} **{as_text(report.title)}** · {outcome}", expanded=bool(report.failed or unsure)):
            show(soft("Source: "), external(report.source, report.link))
            for sentence in unsure:
                st.warning(as_text(sentence), icon=":material/help:")
            _notes(report)
            if report.cases:
                show(_cases(report))


def _notes(report: TestReport) -> None:
    """Notes beside the counts that give no reason for doubt."""
    said = [] if not report.examined.is_whole else list(report.examined.sentences())
    if report.flaky:
        said.append(f"Flaky, passed only when run again: {', '.join(report.flaky[:FLAKY_SHOWN])}.")
    if len(report.flaky) > FLAKY_SHOWN:
        said.append(f"{len(report.flaky) - FLAKY_SHOWN:,} more are flaky.")
    if report.exit_code is not None:
        said.append(f"The step that ran the tests ended with exit code {report.exit_code}.")
    there_are = len(report.cases) + report.unlisted
    shown = min(len(report.cases), CASES_SHOWN)
    if report.cases and shown < there_are:
        said.append(f"{shown:,} of {there_are:,} tests are listed, those that did not pass first.")
    for sentence in said:
        st.caption(as_text(sentence))


def _cases(report: TestReport) -> Markup:
    cases = sorted(report.cases, key=lambda case: rank(case.outcome))[:CASES_SHOWN]
    tones = {"passed": "good", "failed": "bad", "error": "bad", "not run": "warn", "warning": "warn"}
    rows = [
        (
            badge(case.outcome, tones.get(case.outcome, "mute")),
            short(case.name, 80),
            formats.duration(case.seconds),
            shorten(case.message, 300),
        )
        for case in cases
    ]
    return table(
        ("Outcome", "Test", "Time", "Message"), rows, caption=f"Tests of {plain(report.title)}", classes="cs-stack"
    )


def show_history(lines: Iterable[HistoryLine]) -> None:
    """What happened, newest first."""
    entries = sorted(lines, key=lambda line: line.at, reverse=True)
    if not entries:
        empty("No history is recorded.")
        return
    show(html('<ul class="cs-time">{}</ul>', join(_entry(line) for line in entries)))


def _entry(line: HistoryLine) -> Markup:
    said = soft(" · ".join(part for part in (line.who, line.source) if part))
    return html('<li class="cs-dot-info">{}<br>{} {}</li>', line.what, time(line.at), said)
