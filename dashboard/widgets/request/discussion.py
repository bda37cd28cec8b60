"""Decisions and discussion of a request."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

import streamlit as st
from markupsafe import Markup

from dashboard import wiring
from dashboard.errors import show_expected
from dashboard.text import as_text, html, join
from dashboard.widgets.base import commands, formats
from dashboard.widgets.base.markup import badge, code, empty, paragraphs, show, soft, time
from services.domain.identity.people import Actor, Person
from services.domain.promotions.mentions import Mentioned
from services.domain.promotions.plan import in_words
from services.domain.promotions.requests import Comment, DecisionKind
from services.domain.promotions.rights import UserAction
from services.errors import PortalError
from services.promotions.answers import RequestDetail

_KIND = {
    DecisionKind.APPROVE: ("good", "approved"),
    DecisionKind.REJECT: ("bad", "rejected"),
    DecisionKind.REQUEST_CHANGES: ("warn", "requested changes"),
    DecisionKind.REVIEW: ("info", "signed as reviewed"),
    DecisionKind.BREAK_GLASS: ("bad", "broke glass: promoted without signatures"),
}


def show_decisions(detail: RequestDetail) -> None:
    """Signatures, the latest first; void ones stay, with the reason."""
    if not detail.decisions:
        needed = f"{formats.count(detail.quorum, 'approval')} needed."
        is_final = detail.request.is_final
        empty("Nobody decided." if is_final else "No decisions yet.", "" if is_final else needed)
        return
    items = []
    for decision in sorted(detail.decisions, key=lambda d: d.at, reverse=True):
        tone, said = _KIND[decision.kind]
        is_void = bool(decision.void_reason)
        void = html("<br>{} {}", badge("void", "warn"), _void(decision.void_reason)) if is_void else ""
        said += f" for {decision.slot}" if decision.slot else ""
        plan = soft("signed the plan ") + code(formats.digest(decision.plan_digest))
        items.append(html(
            '<li class="cs-dot-{}"><strong>{}</strong> {} {}{}{}{}</li>',
            "mute" if is_void else tone, decision.person.name,
            said, time(decision.at), paragraphs(decision.reason), plan, void,
        ))  # fmt: skip
    show(html('<ul class="cs-time">{}</ul>', join(items)))


def _void(reason: str) -> str:
    """Why a signature does not count; reasons kept by earlier releases named fields of the plan."""
    return "; ".join(in_words(part) for part in reason.split("; "))


def show_discussion(detail: RequestDetail, actor: Actor) -> None:
    """Comments, and a box for a new one."""
    people = list(wiring.portal().promotions.people())
    if detail.comments:
        show(_thread(detail.comments, None, {person.id: person.name for person in people}))
    else:
        empty("No comments yet.")
    closed = next((s.reason for s in detail.actions if s.action is UserAction.COMMENT), None)
    if closed:
        st.caption(as_text(closed))
        return
    _comment_box(detail, actor, [person for person in people if person.id != actor.person.id])


def _thread(comments: tuple[Comment, ...], reply_to: str | None, names: Mapping[str, str]) -> Markup:
    """Comments with their answers below them."""
    items = [
        html(
            '<li class="cs-dot-info"><strong>{}</strong> {}{}{}{}</li>',
            c.person.name, time(c.at), paragraphs(c.text), _mentioned(c, names), _thread(comments, c.id, names),
        )
        for c in comments
        if c.reply_to == reply_to
    ]  # fmt: skip
    return html('<ul class="cs-time">{}</ul>', join(items)) if items else html("")


def _mentioned(comment: Comment, names: Mapping[str, str]) -> str:
    mentioned = ", ".join(names.get(person, person) for person in comment.mentions)
    return soft(f"for {mentioned}") if mentioned else ""


def _answered(detail: RequestDetail) -> str | None:
    """Which comment the text answers; a new line of talk by default."""
    if not detail.comments:
        return None
    known = {c.id: f"{c.person.name}: {c.text[:60]}" for c in detail.comments}
    chosen = st.selectbox(
        "Reply to", list(known), index=None, key="comment_reply", format_func=lambda i: known.get(i, i),
        placeholder="New comment",
    )  # fmt: skip
    return str(chosen) if chosen else None


def _added(found: Mentioned) -> str:
    """Unknown names are reported: otherwise the author would believe that somebody was notified."""
    mentioned = ", ".join(person.name for person in found.people)
    unknown = ", ".join(f"@{name}" for name in found.unknown)
    nobody = f"{unknown} matches nobody, so nobody was notified by that name"
    parts = ["Comment added", f"{mentioned} notified" if mentioned else "", nobody if unknown else ""]
    return as_text("; ".join(part for part in parts if part))


def _comment_box(detail: RequestDetail, actor: Actor, others: Sequence[Person]) -> None:
    """The text stays until it has been written; the key changes only then, so a second click writes nothing twice."""
    request_id = detail.request.id
    turn = f"comment_key:{request_id}"
    key = st.session_state.setdefault(turn, uuid.uuid4().hex)
    text = st.text_area(
        "Comment",
        key=f"comment:{key}",
        max_chars=commands.REASON_LIMIT,
        placeholder="Ask, explain, or note what you looked at",
    )
    tell = st.multiselect(
        "Notify", others, key=f"tell:{key}", format_func=lambda person: person.name,
        placeholder="Nobody in particular", help="They are notified. In the text, @name does the same.",
    )  # fmt: skip
    reply_to = _answered(detail)
    if not st.button("Add comment", key="comment_go"):
        return
    try:
        found = wiring.portal().promotions.comment(
            actor, request_id, text or "", idempotency_key=key, reply_to=reply_to, tell=[person.id for person in tell]
        )
    except PortalError as error:
        show_expected(error)
        return
    st.session_state[turn] = uuid.uuid4().hex
    commands.flash(_added(found))
    st.rerun()
