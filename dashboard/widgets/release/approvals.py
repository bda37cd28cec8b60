"""Who approved a release in Azure DevOps, how Countersign answered its checks, and what else was deployed there."""

from __future__ import annotations

import streamlit as st
from markupsafe import Markup

from dashboard import identity, wiring
from dashboard.errors import boundary
from dashboard.text import as_text, html, shorten, words
from dashboard.widgets.base import formats
from dashboard.widgets.base.commands import Command, launch
from dashboard.widgets.base.markup import badge, empty, paragraphs, show, table, time
from services.domain.hooks import CheckAnswer, CheckState
from services.domain.identity.people import Permission
from services.domain.releases import DeploymentRecord, RunApproval
from services.releases.answers import ReleaseView

_RESULT = {"succeeded": "good", "succeededWithIssues": "warn", "failed": "bad", "canceled": "warn"}


def show_approvals(view: ReleaseView) -> None:
    """Who approved in Azure DevOps, and how Countersign answered its checks."""
    _show_checks(view.checks)
    _decide(view)
    if not view.detail.approvals:
        if not view.checks:
            empty("Azure DevOps asked nobody.", "Approvals and checks of its environments show up here.")
        return
    rows = [
        (
            a.subject or formats.UNKNOWN,
            badge(words(a.status), {"approved": "good", "rejected": "bad", "pending": "violet"}.get(a.status, "mute")),
            ", ".join(a.assigned_to) or formats.UNKNOWN,
            ", ".join(a.decided_by) or "nobody yet",
            paragraphs(a.comment),
            time(a.created),
        )
        for a in view.detail.approvals
    ]
    heads = ("Stage", "Status", "Asked", "Decided", "Comment", "Since")
    show(table(heads, rows, caption="Approvals in Azure DevOps", classes="cs-stack"))


def _show_checks(checks: tuple[CheckAnswer, ...]) -> None:
    """The checks that asked Countersign before an environment."""
    if not checks:
        return
    rows = [
        (
            check.environment,
            _verdict(check),
            paragraphs(check.told or check.problem or "not answered yet"),
            time(check.asked),
        )
        for check in checks
    ]
    heads = ("Environment", "Answer", "Told", "Asked")
    show(table(heads, rows, caption="Checks that Countersign answered", classes="cs-stack"))


def _verdict(check: CheckAnswer) -> Markup:
    if check.allowed is None:
        return badge("waits", "violet")
    late = {CheckState.ANSWERED: ", not delivered yet", CheckState.FAILED: ", could not be delivered"}
    text = ("allowed" if check.allowed else "not allowed") + late.get(check.state, "")
    return badge(
        text, "good" if check.allowed and check.state is CheckState.SENT else "warn" if check.allowed else "bad"
    )


def _decide(view: ReleaseView) -> None:
    """Approve or reject pending approvals, for operators; the portal's account must be an approver there."""
    actor = identity.actor()
    waiting = [a for a in view.detail.approvals if a.status == "pending"]
    if not waiting or view.detail.run.is_finished:
        return
    if not actor.may(Permission.OPERATE_RELEASE):
        st.caption("Only operators decide here; an approver can decide in Azure DevOps.")
        return
    for approval in waiting:
        with st.container(horizontal=True):
            subject = as_text(shorten(approval.subject or "the stage", 40))
            for is_approved, label in ((True, f"Approve {subject}"), (False, f"Reject {subject}")):
                if st.button(label, key=f"decide:{approval.id}:{is_approved}"):
                    launch(_decide_command(view, approval, is_approved=is_approved))


def _decide_command(view: ReleaseView, approval: RunApproval, *, is_approved: bool) -> Command:
    project, run_id = view.row.project, view.row.run_id
    word = "Approve" if is_approved else "Reject"
    return Command(
        name=f"decide:{approval.id}:{word}",
        title=f"{word} in Azure DevOps",
        label=word,
        run=lambda actor, reason, _key: wiring.portal().releases.decide_approval(
            actor, project, run_id, approval.id, is_approved=is_approved, reason=reason
        ),
        done="Azure DevOps has the decision",
        lead="Countersign will:",
        explanation=(
            "record your decision in its ledger",
            f"{word.lower()} in Azure DevOps with its own account and name you in the comment",
        ),
    )


def show_deployments(view: ReleaseView) -> None:
    """The last deployments into the environment, this release among them."""
    place = view.row.environment
    if view.row.run_id < 0 or not place:
        empty("No deployments are listed.", "They are kept for environments of YAML pipelines; stages show the others.")
        return
    with boundary():
        with st.spinner("Asking Azure DevOps …"):
            found = wiring.portal().releases.deployments(view.row.project, view.row.run_id)
        if not found:
            empty(f"Nothing was deployed into {as_text(place)} yet.", "A deployment shows up when its job has begun.")
            return
        st.caption(f"The last deployments into {as_text(place)}, newest first")
        heads = ("Run", "Stage and job", "Result", "Started", "Took")
        rows = [_deployment(record, view.row.run_id) for record in found]
        show(table(heads, rows, caption=f"Deployments into {place}", classes="cs-stack"))


def _deployment(record: DeploymentRecord, this_run: int) -> tuple[str, ...]:
    number = formats.UNKNOWN if record.run_id is None else f"{record.pipeline} {record.run_id}".strip()
    mine = badge("this release", "violet") if record.run_id == this_run else ""
    result = (
        badge(words(record.result), _RESULT.get(record.result, "mute")) if record.result else badge("running", "violet")
    )
    took = formats.duration(record.finished - record.started) if record.finished and record.started else formats.UNKNOWN
    return (
        html("{} {}", shorten(number, 60), mine),
        " · ".join(part for part in (record.stage, record.job) if part),
        result,
        time(record.started),
        took,
    )
