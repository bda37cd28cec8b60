"""The parts of the page of one request."""

from __future__ import annotations

from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard.text import as_text, html, join, shorten
from dashboard.widgets.base import formats
from dashboard.widgets.base.markup import badge, bullets, code, empty, external, facts, show, soft, table, verdict_badge
from dashboard.widgets.evidence import drift, fairness
from dashboard.widgets.evidence import tables as evidence_tables
from dashboard.widgets.evidence import verdict as evidence
from dashboard.widgets.request import beside as request_beside
from dashboard.widgets.request import tense
from dashboard.widgets.version import card
from services.domain.catalogue import TestCase
from services.domain.checks import Check, Enforcement, Verdict
from services.domain.model_metrics import unknown_metrics
from services.domain.registry import VersionKey
from services.domain.test_results import doubts, line_of
from services.evidence.record import Comparison
from services.promotions.answers import RequestDetail
from services.promotions.sealed.evidence import SealedEvidence

CHANGES_SHOWN = 20
_TONE = {Verdict.PASS: "good", Verdict.WARN: "warn", Verdict.FAIL: "bad", Verdict.UNKNOWN: "mute"}


def show_checks(checks: tuple[Check, ...]) -> None:
    """Checks, what blocks first; those that pass are folded away when others do not."""
    if not checks:
        empty("The policy requires no checks.", "Only signatures count here.")
        return
    bad = [check for check in checks if check.verdict is not Verdict.PASS]
    good = [check for check in checks if check.verdict is Verdict.PASS]
    show(join(_check(check) for check in bad))
    if good:
        label = f"{len(good)} {'check' if len(good) == 1 else 'checks'} passed"
        with st.expander(label, expanded=not bad, icon=":material/check_circle:"):
            show(join(_check(check) for check in good))


def _check(check: Check) -> Markup:
    marks = [verdict_badge(check.verdict)]
    if check.is_blocking:
        marks.append(badge("blocks approval", "bad"))
    elif check.enforcement is Enforcement.WARN:
        marks.append(badge("does not block", "mute"))
    parts = [check.value, f"required: {check.threshold}" if check.threshold else ""]
    source = html(" · source: {}", _source(check)) if check.source else ""
    return html(
        '<div class="cs-check cs-dot-{tone}"><strong>{name}</strong> {marks}'
        "<br>{sentence}<br>"
        '<span class="cs-soft">{meta}{source}</span></div>',
        tone=_TONE[check.verdict], name=check.name, marks=join(marks, " "), sentence=check.sentence,
        meta=" · ".join(part for part in parts if part), source=source,
    )  # fmt: skip


def _source(check: Check) -> Markup:
    """A page of the portal opens in this tab, another system's in a new one."""
    if check.link.startswith("/compare?"):
        return html('<a href="{}" target="_self">{}</a>', check.link, check.source)
    return external(check.source, check.link)


def show_evidence(detail: RequestDetail) -> None:
    """The comparison as it was sealed."""
    found, current = detail.evidence.compared.result, detail.plan.current_version
    if found is not None:
        _show_comparison(detail, found)
        show(soft(f"Sealed as {detail.request.evidence_digest}. Verify it with:"))
        st.code(f"countersign evidence verify {detail.request.id}", language="bash")
    elif current is None:
        empty("This is the first version for this environment.", "There was nothing live to compare it with.")
    else:
        problem = detail.evidence.compared.problem or "The evidence holds no comparison."
        empty(f"It could not be compared with {tense.baseline(detail)}.", problem)


def _show_comparison(detail: RequestDetail, found: Comparison) -> None:
    """In the order of the compare page; the worst slice stands before the average in the verdict's own figures."""
    current = detail.plan.current_version
    evidence.show_verdict(found, against=tense.baseline(detail))
    evidence.show_findings(found, key="sealed")
    now = VersionKey(detail.plan.model, current) if current else None
    if evidence_tables.has_curves(found):
        st.markdown("#### Curves")
        evidence_tables.show_curves(found, detail.request.key, now)
    st.markdown("#### Slices, worst first")
    against = f"v{current}" if current else "the baseline"
    evidence_tables.show_slices(found, against=against, key="sealed")
    st.markdown("#### Fairness: gaps between groups")
    fairness.show_fairness(found, key="sealed")
    _show_drift(detail)
    st.markdown("#### Metrics and parameters")
    with st.expander("All metrics on the same rows"):
        evidence_tables.show_metrics(found, key="sealed")
    request_beside.show_beside(detail)


def _show_drift(detail: RequestDetail) -> None:
    compared = detail.evidence.compared
    lines, live = compared.drift, compared.live
    problem, training = compared.live_problem, compared.drift_problem
    if lines or live or problem or training:
        st.markdown("#### Drift of the data")
    if lines:
        st.markdown(f"**Training data compared with that of v{detail.plan.current_version}**")
        drift.show_lines(lines, key="sealed")
    elif training:
        st.caption(as_text(f"Training data was not compared: {training}"))
    if live:
        drift.show_live(live, of=f"v{detail.plan.version}", key="sealed")
    elif problem:
        st.caption(as_text(f"Live inputs were not compared: {problem}"))


def show_since(detail: RequestDetail) -> None:
    """Differences from the plan last approved for this environment."""
    if detail.since is None:
        return
    st.subheader("Changed since the last approval")
    if not detail.since.changes:
        empty(f"Only the version changed since {detail.since.request_id}.")
        return
    rows = [(c.what, _short(c.before), _short(c.after)) for c in detail.since.changes]
    caption = f"Changed since {detail.since.request_id}"
    head = ("What", f"v{detail.since.version}", f"v{detail.plan.version}")
    show(table(head, rows[:CHANGES_SHOWN], caption=caption))
    if len(rows) > CHANGES_SHOWN:
        with st.expander(f"{len(rows) - CHANGES_SHOWN} more changes"):
            show(table(head, rows[CHANGES_SHOWN:], caption="More changes"))


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    return formats.number(value) if isinstance(value, float) else shorten(str(value), 40)


def show_failed_tests(sealed: SealedEvidence) -> None:
    """Tests as sealed; only what failed is listed."""
    for tests in sealed.tests:
        report = tests.report
        tone = "bad" if report.failed else "warn" if doubts(report) else "good"
        show(join([badge(report.title, tone), line_of(report), soft(f"source: {report.source}")], " "))
        if tests.listed:
            show(bullets(shorten(_sealed_case(case), 300) for case in tests.listed))
        if tests.not_listed:
            show(soft(f"Not listed: {tests.not_listed}."))
    if not sealed.tests:
        empty("No test results are part of the evidence.")


def _sealed_case(case: TestCase) -> str:
    return f"{case.name}: {case.message or case.outcome or 'failed'}"


def show_card(detail: RequestDetail) -> None:
    """The model card as sealed."""
    text = detail.evidence.card
    if text:
        card.show_card(text)
    else:
        empty("No model card is part of the evidence.", "Log model_card.md with the run, then reseal the request.")


def show_policy(detail: RequestDetail) -> None:
    """The policy that was frozen into the request, in words."""
    lines = detail.evidence.policy_in_words
    if lines:
        show(bullets(lines))
    else:
        empty("The evidence holds no policy in words.", "The request was sealed before that was kept.")


def show_plan(detail: RequestDetail) -> None:
    """What exactly a signature covers."""
    plan = detail.plan
    pairs = [
        ("Plan digest", code(detail.request.plan_digest)),
        ("Evidence digest", code(detail.request.evidence_digest)),
        ("Policy digest", code(detail.request.policy_digest)),
        ("Artifact digest", code(plan.artifact_digest) if plan.artifact_digest else soft(formats.UNKNOWN)),
        ("Run", code(plan.run_id) if plan.run_id else soft(formats.UNKNOWN)),
        ("Live version when sealed", f"v{plan.current_version}" if plan.current_version else "nothing"),
    ]
    show(facts(pairs))
    rows = [("metric", k, formats.number(v)) for k, v in sorted(plan.metrics.items())]
    values = (detail.evidence.run.metric_values if detail.evidence.run else None) or {}
    unknown = unknown_metrics(values)
    rows += [("metric", k, f"unknown: {why}") for k, why in sorted(unknown.items())]
    rows += [("data set", k, code(v)) for k, v in sorted(plan.dataset_digests.items())]
    rows += [("tests", k, v) for k, v in sorted(plan.test_results.items())]
    if rows:
        show(table(("Part", "Name", "As signed"), rows, caption="Parts of the plan", classes="cs-stack"))
