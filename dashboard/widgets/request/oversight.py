"""Findings and re-reviews as lists, with the buttons that close them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import wiring
from dashboard.text import as_text, html, join
from dashboard.widgets.base import lists
from dashboard.widgets.base.commands import Command, launch
from dashboard.widgets.base.markup import badge, row, show, soft, time
from services.clock import SystemClock
from services.domain.identity.people import Actor, Permission
from services.domain.promotions.oversight import Assignment, AssignmentKind, Finding, ReviewDue, Severity, why_not_close

_TONE = {Severity.LOW: "mute", Severity.MEDIUM: "warn", Severity.HIGH: "bad", Severity.CRITICAL: "bad"}
_SAID = {
    AssignmentKind.REASSIGN: "reassigned it to",
    AssignmentKind.DELEGATE: "delegated to",
    AssignmentKind.DEFER: "snoozed it",
}


def show_findings(findings: Sequence[Finding], actor: Actor, *, where: str) -> None:
    """Open findings, each with severity, owner, date, and the button that closes it."""
    now = SystemClock().now()
    for finding in findings:
        with st.container(border=True, gap="xxsmall"):
            st.markdown(f"**{as_text(finding.title)}**")
            late = badge("overdue", "bad") if finding.is_overdue(now) else ""
            marks = [badge(finding.severity.value, _TONE[finding.severity]), late]
            subject = f"{finding.model} v{finding.version}" if finding.version else finding.model
            show(
                row(
                    [
                        *marks,
                        soft(f"{subject} · owner {finding.owner.name}"),
                        html("<span>due {}</span>", time(finding.due)),
                    ]
                )
            )
            closed = why_not_close(actor, finding)
            if closed is None:
                if st.button("Close", key=f"close:{where}:{finding.id}", icon=":material/task_alt:"):
                    launch(_close(finding))
            elif actor.may(Permission.DECIDE):
                st.caption(as_text(closed))


def _close(finding: Finding) -> Command:
    return Command(
        name=f"close:{finding.id}", title="Close the finding", label="Close finding", done="Finding closed",
        run=lambda actor, reason, _key: wiring.portal().findings.close_finding(actor, finding.id, resolution=reason),
        lead=f"**{as_text(finding.title)}**", reason_label="How was it fixed, and how did you verify it?",
    )  # fmt: skip


def show_reviews(due: Sequence[ReviewDue], actor: Actor) -> None:
    """Re-reviews, the earliest date first."""
    now = SystemClock().now()
    for item in due:
        with st.container(border=True, gap="xxsmall"):
            lists.version_link(item.deployment.key, limit=40)
            state = badge("overdue", "bad") if item.is_overdue(now) else badge("planned", "mute")
            last = soft(f"last by {item.last.person.name}") if item.last else soft("no review since it went live")
            show(row([state, soft(item.deployment.environment), html("<span>due {}</span>", time(item.due)), last]))
            if actor.may(Permission.DECIDE) and st.button("Review it", key=f"review:{item.deployment.id}"):
                launch(_review(item))


def _review(item: ReviewDue) -> Command:
    label = as_text(lists.version_label(item.deployment.key))
    return Command(
        name=f"review:{item.deployment.id}", title="Review the live version", label="Keep it live", done="Reviewed",
        run=lambda actor, reason, key: wiring.portal().findings.record_review(
            actor, item.deployment.id, reason=reason, idempotency_key=key
        ),
        lead=f"**{label}** in {as_text(item.deployment.environment)}. If it should not stay live, raise a finding "
        "or request promotion of another version instead.",
        reason_label="What did you look at, and what did you see?",
    )  # fmt: skip


def show_assignments(assignments: Sequence[Assignment]) -> None:
    """Who delegated what to whom, in order."""
    items = []
    for a in assignments:
        whom = "" if a.kind is AssignmentKind.DEFER else f" {a.to.name}"
        slot = f" for {a.slot}" if a.slot else ""
        until = html(" until {}", time(a.until)) if a.until else ""
        told = html("<strong>{}</strong> {}{} {}", a.by.name, _SAID[a.kind] + whom + slot, until, time(a.at))
        items.append(html('<li class="cs-dot-mute">{}<br>{}</li>', told, soft(a.reason)))
    if items:
        show(html('<ul class="cs-time">{}</ul>', join(items)))
