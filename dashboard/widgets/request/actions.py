"""Buttons of a request and their dialogs. The services decide which are available, and why others are not."""

from __future__ import annotations

from urllib.parse import quote

import streamlit as st

from dashboard import wiring
from dashboard.server.sign_in import again
from dashboard.text import as_text, html
from dashboard.widgets.base import formats, lists
from dashboard.widgets.base.commands import Command, launch
from dashboard.widgets.base.markup import bullets, show
from dashboard.widgets.request import rare_actions as decide_more
from services.domain.identity.people import Actor
from services.domain.promotions.requests import DecisionKind
from services.domain.promotions.rights import NOT_FRESH, ActionState, UserAction
from services.promotions.answers import RequestDetail

_LABELS = {
    UserAction.APPROVE: ("Approve", ":material/verified:"),
    UserAction.REVIEW: ("Sign as reviewed", ":material/visibility:"),
    UserAction.REQUEST_CHANGES: ("Request changes", ":material/edit_note:"),
    UserAction.REJECT: ("Reject", ":material/block:"),
    UserAction.RESEAL: ("Reseal", ":material/refresh:"),
    UserAction.WITHDRAW: ("Withdraw", ":material/undo:"),
}


def show_actions(detail: RequestDetail) -> None:
    """All buttons; unavailable ones give the reason."""
    states = {state.action: state for state in detail.actions}
    pressed = None
    with st.container(horizontal=True):
        for action, (label, icon) in _LABELS.items():
            state = states.get(action)
            if state is not None and _button(state, label, icon):
                pressed = action
        rare = _rare(states)
    _say_why(list(states.values()))
    if any(state.reason == NOT_FRESH for state in states.values()):
        where = again(f"/request?id={quote(detail.request.id, safe='')}")
        show(html('<a class="cs-again" href="{}" target="_self">Sign in again, then come back here</a>', where))
    pressed = pressed or rare
    if pressed is not None:
        launch(command_for(pressed, detail))


def _rare(states: dict[UserAction, ActionState]) -> UserAction | None:
    """Rarely needed actions: collapsed, and only those this person may use."""
    open_now = [action for action in decide_more.LABELS if action in states and states[action].is_open]
    if not open_now:
        return None
    pressed = None
    with st.expander("More", icon=":material/more_horiz:"):
        for action in open_now:
            label, icon = decide_more.LABELS[action]
            if st.button(label, key=f"do:{action.value}", icon=icon, width="stretch"):
                pressed = action
    return pressed


def _button(state: ActionState, label: str, icon: str) -> bool:
    return st.button(
        label,
        key=f"do:{state.action.value}",
        icon=icon,
        disabled=not state.is_open,
        type="primary" if state.action is UserAction.APPROVE and state.is_open else "secondary",
        help=as_text(state.reason) if state.reason else None,
    )


def _say_why(states: list[ActionState]) -> None:
    """Reasons in words: phones do not show tooltips."""
    reasons: dict[str, list[str]] = {}
    for state in states:
        if state.reason and state.action in _LABELS:
            reasons.setdefault(state.reason, []).append(_LABELS[state.action][0])
    if reasons:
        lines = bullets(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())
        show(html('<span class="cs-soft">{}</span>', lines))


def command_for(action: UserAction, detail: RequestDetail) -> Command:
    """The dialog of an action."""
    subject = f"**{as_text(lists.version_label(detail.request.key))}** to **{as_text(detail.request.environment)}**"
    if action is UserAction.RESEAL:
        return _reseal(detail, subject)
    if action is UserAction.WITHDRAW:
        return _withdraw(detail, subject)
    if action in decide_more.LABELS:
        return decide_more.command_for(action, detail, _name(action.value, detail), subject)
    return _decide(DecisionKind(action.value), detail, subject)


def _name(action: str, detail: RequestDetail) -> str:
    """Keys carry the plan: what was typed for one plan never signs another."""
    return f"{action}:{detail.request.id}:{detail.request.plan_digest[:16]}"


def _reseal(detail: RequestDetail, subject: str) -> Command:
    return Command(
        name=_name("reseal", detail),
        title="Reseal",
        label="Reseal",
        run=lambda actor, _reason, _key: wiring.portal().promotions.reseal(actor, detail.request.id),
        done="Resealed",
        lead=f"{subject}  \nCountersign will:",
        explanation=("collect evidence again", "void all signatures", "notify reviewers"),
        asks_reason=False,
    )


def _withdraw(detail: RequestDetail, subject: str) -> Command:
    return Command(
        name=_name("withdraw", detail),
        title="Withdraw",
        label="Withdraw the request",
        run=lambda actor, reason, _key: wiring.portal().promotions.withdraw(actor, detail.request.id, reason=reason),
        done="Request withdrawn",
        lead=f"{subject}: the request will be closed; nothing is promoted.",
    )


def _decide(kind: DecisionKind, detail: RequestDetail, subject: str) -> Command:
    lead, steps, label, done = _meaning(kind, detail)
    picked = {"slot": ""}
    signs = kind in {DecisionKind.APPROVE, DecisionKind.REVIEW}

    def ask() -> None:
        picked["slot"] = str(st.selectbox("Sign for", detail.slots, key=f"slot:{_name(kind.value, detail)}"))

    def run(actor: Actor, reason: str, key: str) -> object:
        return wiring.portal().promotions.decide(
            actor, detail.request.id, kind, seen=detail.request.plan_digest, reason=reason, idempotency_key=key,
            slot=picked["slot"],
        )  # fmt: skip

    title = _LABELS[UserAction(kind.value)][0]
    return Command(
        name=_name(kind.value, detail),
        title=title,
        label=label,
        run=run,
        done=done,
        lead=f"{subject}  \n{lead}",
        explanation=steps,
        extra=ask if signs and len(detail.slots) > 1 else None,
    )


def _meaning(kind: DecisionKind, detail: RequestDetail) -> tuple[str, tuple[str, ...], str, str]:
    if kind is DecisionKind.REJECT:
        return (
            "You confirm that this version must not be promoted. The request will be closed.",
            (),
            "Reject",
            "Rejected",
        )
    if kind is DecisionKind.REQUEST_CHANGES:
        lead = "The requester is asked to make changes and to reseal."
        return lead, (), "Request changes", "Changes requested"
    if kind is DecisionKind.REVIEW:
        lead = "You confirm that you have reviewed the evidence on this page. This is not an approval."
        return lead, (), "Sign as reviewed", "Signed as reviewed"
    plan = f"plan `{formats.digest(detail.request.plan_digest)}`"
    lead = f"You confirm that you have reviewed the evidence on this page ({plan}) and approve what follows. "
    lead += f"You sign for **{as_text(detail.slots[0])}**. This is " if len(detail.slots) == 1 else "This is "
    if detail.quorum - detail.signatures > 1:
        lead += f"signature {detail.signatures + 1} of {detail.quorum}; once the last one is in, Countersign will:"
    else:
        lead += "the final signature. Countersign will then immediately:"
    return lead, detail.consequences, "Sign and approve", "Signed"


def quorum_line(detail: RequestDetail) -> str:
    """The number of signatures; the summary lists the missing ones."""
    return f"{detail.signatures} of {detail.quorum} signatures"
