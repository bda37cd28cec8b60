"""Buttons of a request and their dialogs. Which are open, and why others are not, the services say."""

from __future__ import annotations

import streamlit as st

from dashboard import wiring
from dashboard.widgets import commands, lists
from dashboard.widgets.markup import bullets, show
from dashboard.widgets.text import as_text, sentence
from services.domain.people import Actor
from services.domain.requests import ActionState, DecisionKind, UserAction
from services.portal import RequestDetail

_LABELS = {
    UserAction.APPROVE: ("Approve", ":material/verified:"),
    UserAction.REQUEST_CHANGES: ("Request changes", ":material/edit_note:"),
    UserAction.REJECT: ("Reject", ":material/block:"),
    UserAction.RESEAL: ("Seal again", ":material/refresh:"),
    UserAction.WITHDRAW: ("Withdraw", ":material/undo:"),
}


def show_actions(detail: RequestDetail, actor: Actor) -> None:
    """All buttons; closed ones say why."""
    states = {state.action: state for state in detail.actions}
    pressed = None
    with st.container(horizontal=True):
        for action, (label, icon) in _LABELS.items():
            state = states.get(action)
            if state is not None and _button(state, label, icon):
                pressed = action
    _say_why(list(states.values()))
    if pressed is not None:
        commands.launch(command_for(pressed, detail, actor))


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
    """Reasons in words: a tooltip is no help on a phone."""
    reasons: dict[str, list[str]] = {}
    for state in states:
        if state.reason and state.action in _LABELS:
            reasons.setdefault(state.reason, []).append(_LABELS[state.action][0])
    if reasons:
        show(
            '<span class="cs-soft">',
            bullets(f"{', '.join(names)}: {reason}" for reason, names in reasons.items()),
            "</span>",
        )


def command_for(action: UserAction, detail: RequestDetail, actor: Actor) -> commands.Command:
    """The dialog of an action."""
    request, portal = detail.request, wiring.portal().promotions
    name = f"{action.value}:{request.id}:{request.plan_digest[:16]}"
    subject = f"**{as_text(lists.version_label(request.key))}** to **{as_text(request.environment)}**"
    if action is UserAction.RESEAL:
        return commands.Command(
            name, "Seal again", "Seal again", lambda _r, _k: portal.reseal(actor, request.id), "Sealed again",
            ("collects the evidence anew", "voids all signatures that were given", "asks the reviewers again"),
            f"{subject}: Countersign", asks_reason=False,
        )  # fmt: skip
    if action is UserAction.WITHDRAW:
        return commands.Command(
            name, "Withdraw", "Withdraw the request", lambda reason, _k: portal.withdraw(actor, request.id, reason=reason),
            "Request withdrawn", (), f"{subject}: the request ends here; nothing is promoted.",
        )  # fmt: skip
    kind = DecisionKind(action.value)
    lead, steps, label, done = _meaning(kind, detail)
    return commands.Command(
        name, _LABELS[action][0], label,
        lambda reason, key: portal.decide(actor, request.id, kind, seen=request.plan_digest, reason=reason, idempotency_key=key),
        done, steps, f"{subject}  \n{lead}",
    )  # fmt: skip


def _meaning(kind: DecisionKind, detail: RequestDetail) -> tuple[str, tuple[str, ...], str, str]:
    digest = detail.request.plan_digest[:12]
    if kind is DecisionKind.APPROVE:
        missing = detail.quorum - detail.signatures
        lead = f"Your signature means: I have looked at the evidence on this page (plan `{digest}`) and approve what follows."
        if missing > 1:
            lead += f" It is signature {detail.signatures + 1} of {detail.quorum}; once all are there, Countersign"
        else:
            lead += " It is the last signature needed. At once, Countersign"
        return lead, detail.consequences, "Sign and approve", "Signed"
    if kind is DecisionKind.REJECT:
        return "Your signature means: this must not be promoted. The request ends here.", (), "Reject", "Rejected"
    return "The requester is asked to change something and to seal again.", (), "Request changes", "Changes requested"


def quorum_line(detail: RequestDetail) -> str:
    """How many signatures there are."""
    return sentence(f"{detail.signatures} of {detail.quorum} {'signature' if detail.quorum == 1 else 'signatures'}")
