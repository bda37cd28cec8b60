"""What an operator can choose for a rollout that needs a person. The services decide which are available."""

from __future__ import annotations

import streamlit as st

from dashboard import identity, wiring
from dashboard.text import as_text
from dashboard.widgets.base import lists
from dashboard.widgets.base.commands import Command, launch
from services.domain.promotions.rollout import RecoveryAction
from services.promotions.answers import RequestDetail

_LABELS = {
    RecoveryAction.RETRY: ("Go on from here", ":material/play_arrow:"),
    RecoveryAction.UNDO: ("Undo everything", ":material/undo:"),
    RecoveryAction.ACCEPT: ("Accept what is there", ":material/check:"),
    RecoveryAction.GIVE_UP: ("Give up", ":material/flag:"),
}
_MEANING = {
    RecoveryAction.RETRY: (
        "looks at the step that stopped, and goes on from there",
        "keeps the target reserved meanwhile",
    ),
    RecoveryAction.UNDO: (
        "takes back what this rollout did, one write after the other, and touches nothing that others did",
        "releases the version before again, where this one is deployed already",
        "frees the target once all of that is done",
    ),
    RecoveryAction.ACCEPT: (
        "checks that alias, stage and release agree on one version, and refuses otherwise",
        "records that version as live and frees the target",
    ),
    RecoveryAction.GIVE_UP: (
        "ends the rollout as it is and frees the target",
        "leaves what is wrong as incidents, which the watch finds",
    ),
}
_DONE = {
    RecoveryAction.RETRY: "The rollout goes on", RecoveryAction.UNDO: "The rollout is being undone",
    RecoveryAction.ACCEPT: "Accepted", RecoveryAction.GIVE_UP: "Given up",
}  # fmt: skip


def show_recovery(detail: RequestDetail) -> None:
    """The buttons, while the rollout needs a person."""
    options = wiring.portal().recovery.options(identity.actor(), detail.rollout)
    pressed = None
    with st.container(horizontal=True):
        for option in options:
            label, icon = _LABELS[option.action]
            help_text = as_text(option.reason) if option.reason else None
            if st.button(
                label, key=f"recover:{option.action.value}", icon=icon, disabled=not option.is_open, help=help_text
            ):
                pressed = option.action
    for reason in dict.fromkeys(option.reason for option in options if option.reason):
        st.caption(as_text(reason))
    if pressed is not None:
        launch(command_for(pressed, detail))


def command_for(action: RecoveryAction, detail: RequestDetail) -> Command:
    """The dialog of one action."""
    label, _ = _LABELS[action]
    subject = f"**{as_text(lists.version_label(detail.request.key))}** to **{as_text(detail.request.environment)}**"
    return Command(
        name=f"recover-{action.value}:{detail.request.id}",
        title=label,
        label=label,
        run=lambda actor, reason, _key: wiring.portal().recovery.choose(
            actor, detail.request.id, action, reason=reason
        ),
        done=_DONE[action],
        lead=f"{subject}: Countersign",
        explanation=_MEANING[action],
    )
