"""The parts of the page of one request."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard import wiring
from dashboard.errors import show_expected
from dashboard.widgets import card, commands, evidence, formats, links
from dashboard.widgets.markup import (
    badge,
    bullets,
    code,
    empty,
    external,
    facts,
    paragraphs,
    show,
    soft,
    table,
    time,
    verdict_badge,
)
from dashboard.widgets.text import as_html, as_text, sentence, shorten, words
from services.domain.checks import Check, Enforcement, Verdict
from services.domain.people import Actor
from services.domain.requests import DecisionKind, UserAction
from services.domain.rollout import RolloutState, StepState, steps_for
from services.errors import PortalError
from services.portal import RequestDetail

_TONE = {Verdict.PASS: "good", Verdict.WARN: "warn", Verdict.FAIL: "bad", Verdict.UNKNOWN: "mute"}
_KIND = {
    DecisionKind.APPROVE: ("good", "approved"),
    DecisionKind.REJECT: ("bad", "rejected"),
    DecisionKind.REQUEST_CHANGES: ("warn", "asked for changes"),
}


def show_checks(checks: tuple[Check, ...]) -> None:
    """Checks, what blocks first; those that pass are folded away when others do not."""
    if not checks:
        empty("The policy asks for no checks.", "Only the signatures count here.")
        return
    bad = [check for check in checks if check.verdict is not Verdict.PASS]
    good = [check for check in checks if check.verdict is Verdict.PASS]
    show("".join(_check(check) for check in bad))
    if good:
        label = f"{len(good)} {'check' if len(good) == 1 else 'checks'} passed"
        with st.expander(label, expanded=not bad, icon=":material/check_circle:"):
            show("".join(_check(check) for check in good))


def _check(check: Check) -> str:
    marks = verdict_badge(check.verdict)
    if check.is_blocking:
        marks += " " + badge("blocks the approval", "bad")
    elif check.enforcement is Enforcement.WARN:
        marks += " " + badge("does not block", "mute")
    parts = [f"value {check.value}", f"asked for {check.threshold}" if check.threshold else ""]
    source = external(check.source, check.link) if check.source else ""
    meta = " · ".join(as_html(part) for part in parts if part)
    return (
        f'<div class="cs-check cs-dot-{_TONE[check.verdict]}"><strong>{as_html(check.name)}</strong> {marks}'
        f"<br>{as_html(check.sentence)}<br>"
        f'<span class="cs-soft">{meta}{" · source: " + source if source else ""}</span></div>'
    )


def show_evidence(detail: RequestDetail) -> None:
    """The comparison as it was sealed."""
    document = detail.evidence.get("comparison")
    current = detail.plan.current_version
    if document:
        evidence.show_comparison(document, against=f"v{current}, which is live" if current else "what is live")
    elif current is None:
        empty("This is the first version for this environment.", "There is nothing live to compare it with.")
    else:
        problem = str(detail.evidence.get("comparison_problem") or "The evidence holds no comparison.")
        empty(f"It could not be compared with v{current}, which is live.", problem)


def show_failed_tests(sealed: Mapping[str, Any]) -> None:
    """Tests as sealed; only what failed is listed."""
    for report in sealed.get("tests") or ():
        failed = [case for case in report.get("cases", ()) if case.get("outcome") in {"failed", "error"}]
        line = (
            report.get("problem")
            or f"{report.get('passed')} passed, {report.get('failed')} failed, {report.get('skipped')} skipped"
        )
        tone = "bad" if report.get("failed") or report.get("problem") else "good"
        show(badge(report.get("title", ""), tone), " ", as_html(line), " ", soft(f"source: {report.get('source', '')}"))
        if failed:
            show(
                bullets(shorten(f"{case.get('name')}: {case.get('message') or 'failed'}", 300) for case in failed[:50])
            )
    if not sealed.get("tests"):
        empty("No test results are part of the evidence.")


def show_documentation(detail: RequestDetail) -> None:
    """The model card as sealed, and the policy in words."""
    text = detail.evidence.get("card")
    if text:
        with st.container(border=True):
            st.markdown(card.safe_markdown(str(text)))
    else:
        empty("No model card is part of the evidence.", "Log model_card.md with the run, then seal the request again.")
    lines = [str(line) for line in detail.evidence.get("policy_in_words") or ()]
    if lines:
        st.markdown("**The policy that was frozen into this request**")
        show(bullets(lines))


def show_plan(detail: RequestDetail) -> None:
    """What exactly a signature covers."""
    plan = detail.plan
    pairs = [
        ("Plan digest", code(detail.request.plan_digest)),
        ("Evidence digest", code(detail.request.evidence_digest)),
        ("Policy digest", code(detail.request.policy_digest)),
        ("Artifact digest", code(plan.artifact_digest) if plan.artifact_digest else soft(formats.UNKNOWN)),
        ("Run", code(plan.run_id) if plan.run_id else soft(formats.UNKNOWN)),
        ("Live there when sealed", as_html(f"v{plan.current_version}" if plan.current_version else "nothing")),
    ]
    show(facts(pairs))
    rows = [("metric", as_html(k), as_html(formats.number(v))) for k, v in sorted(plan.metrics.items())]
    rows += [("data set", as_html(k), code(v)) for k, v in sorted(plan.dataset_digests.items())]
    rows += [("tests", as_html(k), as_html(v)) for k, v in sorted(plan.test_results.items())]
    if rows:
        show(table(("Part", "Name", "As signed"), rows, caption="Parts of the plan", classes="cs-stack"))


def show_decisions(detail: RequestDetail) -> None:
    """Signatures, the latest first; void ones stay, with the reason."""
    if not detail.decisions:
        empty(
            "Nobody has decided yet.",
            f"{detail.quorum} {'signature is' if detail.quorum == 1 else 'signatures are'} needed.",
        )
        return
    items = []
    for decision in sorted(detail.decisions, key=lambda d: d.at, reverse=True):
        tone, said = _KIND[decision.kind]
        is_void = bool(decision.void_reason)
        void = f"<br>{badge('void', 'warn')} {as_html(decision.void_reason)}" if is_void else ""
        items.append(
            f'<li class="cs-dot-{"mute" if is_void else tone}"><strong>{as_html(decision.person.name)}</strong> {said} {time(decision.at)}'
            f"{paragraphs(decision.reason)}{soft('signed the plan ')}{code(formats.digest(decision.plan_digest))}{void}</li>"
        )
    show(f'<ul class="cs-time">{"".join(items)}</ul>')


def show_discussion(detail: RequestDetail, actor: Actor) -> None:
    """Comments, and a box for a new one."""
    items = "".join(
        f'<li class="cs-dot-info"><strong>{as_html(c.person.name)}</strong> {time(c.at)}{paragraphs(c.text)}</li>'
        for c in detail.comments
    )
    show(f'<ul class="cs-time">{items}</ul>') if items else empty("No comments yet.")
    closed = next((s.reason for s in detail.actions if s.action is UserAction.COMMENT), None)
    if closed:
        st.caption(as_text(closed))
        return
    _comment_box(detail.request.id, actor)


def _comment_box(request_id: str, actor: Actor) -> None:
    """The text stays until it has been written; the key changes only then, so a second click writes nothing twice."""
    turn = f"comment_key:{request_id}"
    key = st.session_state.setdefault(turn, uuid.uuid4().hex)
    text = st.text_area(
        "Comment",
        key=f"comment:{key}",
        max_chars=commands.REASON_LIMIT,
        placeholder="Ask, explain, or note what you looked at",
    )
    if not st.button("Add comment", key="comment_go"):
        return
    try:
        wiring.portal().promotions.comment(actor, request_id, text or "", idempotency_key=key)
    except PortalError as error:
        show_expected(error)
        return
    st.session_state[turn] = uuid.uuid4().hex
    commands.flash("Comment added")
    st.rerun()


def show_rollout(detail: RequestDetail) -> None:
    """Each step of the rollout, done or not."""
    rollout = detail.rollout
    if rollout is None:
        return
    st.subheader("Rollout")
    tones = {
        RolloutState.SUCCEEDED: "good",
        RolloutState.FAILED: "bad",
        RolloutState.NEEDS_HUMAN: "bad",
        RolloutState.COMPENSATING: "warn",
    }
    show(
        badge(words(rollout.state.value), tones.get(rollout.state, "violet")),
        " ",
        soft(f"last step {formats.age(rollout.updated)}"),
    )
    if rollout.error:
        st.error(as_text(rollout.error), icon=":material/error:")
    if rollout.state is RolloutState.NEEDS_HUMAN:
        st.warning(
            "Countersign could neither finish nor undo this. An operator must look.", icon=":material/support_agent:"
        )
    latest = {record.name: record for record in rollout.steps}
    order = steps_for(detail.environment.registry, has_pipeline=detail.environment.pipeline is not None, witness=False)
    names = [*dict.fromkeys([*order[:1], *(r.name for r in rollout.steps), *order])]
    names.sort(key=lambda n: order.index(n) if n in order else 1)
    marks = {
        StepState.DONE: ("good", "✓ done"),
        StepState.FAILED: ("bad", "✕ failed"),
        StepState.UNDONE: ("warn", "↶ undone"),
        StepState.INTENT: ("violet", "… working"),
    }
    items = []
    for name in names:
        record = latest.get(name)
        tone, text = marks[record.state] if record else ("mute", "not begun")
        meta = f" {time(record.at)}" if record else ""
        note = f"<br>{as_html(record.detail)}" if record and record.detail else ""
        items.append(
            f'<li class="cs-dot-{tone}">{as_html(sentence(words(name.value)))} {badge(text, tone)}{meta}{note}</li>'
        )
    show(f'<ul class="cs-time">{"".join(items)}</ul>')
    if detail.release:
        st.page_link(links.RELEASE, label="Follow the release", query_params=links.release_params(*detail.release))
