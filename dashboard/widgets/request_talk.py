"""Decisions and discussion of a request."""

from __future__ import annotations

import uuid

import streamlit as st

from dashboard import wiring
from dashboard.errors import show_expected
from dashboard.widgets import commands, formats
from dashboard.widgets.markup import badge, code, empty, paragraphs, show, soft, time
from dashboard.widgets.text import as_html, as_text
from services.domain.people import Actor
from services.domain.requests import DecisionKind
from services.domain.rights import UserAction
from services.errors import PortalError
from services.portal import RequestDetail

_KIND = {
    DecisionKind.APPROVE: ("good", "approved"),
    DecisionKind.REJECT: ("bad", "rejected"),
    DecisionKind.REQUEST_CHANGES: ("warn", "asked for changes"),
}


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
        plan = soft("signed the plan ") + code(formats.digest(decision.plan_digest))
        items.append(
            f'<li class="cs-dot-{"mute" if is_void else tone}"><strong>{as_html(decision.person.name)}</strong> '
            f"{said} {time(decision.at)}{paragraphs(decision.reason)}{plan}{void}</li>"
        )
    show(f'<ul class="cs-time">{"".join(items)}</ul>')


def show_discussion(detail: RequestDetail, actor: Actor) -> None:
    """Comments, and a box for a new one."""
    items = "".join(
        f'<li class="cs-dot-info"><strong>{as_html(c.person.name)}</strong> {time(c.at)}{paragraphs(c.text)}</li>'
        for c in detail.comments
    )
    if items:
        show(f'<ul class="cs-time">{items}</ul>')
    else:
        empty("No comments yet.")
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
