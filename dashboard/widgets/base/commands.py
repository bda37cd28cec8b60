"""Commands: ask for confirmation in a dialog, make one service call, report the result.

The call is pure: nothing of Streamlit happens between its start and its end, so a second click can interrupt the
page but never the command. The idempotency key is made when the dialog opens: two clicks are one effect. An error
stays in the dialog, with all that was typed.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from dashboard import identity
from dashboard.drafts import DRAFTS
from dashboard.errors import show_expected, show_unexpected
from dashboard.widgets.base.markup import bullets, show
from services.domain.identity.people import Actor
from services.errors import PortalError

_FLASH = "cs_flash"
REASON_LIMIT = 4000


@dataclass(frozen=True)
class Command:
    """A command with an effect, as its dialog shows it."""

    name: str
    """Unique on the page: part of the keys of its widgets."""
    title: str
    label: str
    """Text of the button that does it."""
    run: Callable[[Actor, str, str], object]
    """Takes who is at work when the button is pressed, the reason and the idempotency key.

    A dialog may stay open for long: whoever opened it may have lost a role, or have signed out, since.
    """
    done: str
    """What the toast says."""
    explanation: tuple[str, ...] = ()
    lead: str = ""
    asks_reason: bool = True
    reason_label: str = "Reason"
    extra: Callable[[], None] | None = None
    """More to ask, drawn above the reason; what was picked is the command's own affair."""
    reason_help: str = "It becomes part of the record and cannot be changed later."


def launch(command: Command) -> None:
    """Open the dialog of a command; call it in the branch of the button that opens it."""
    st.session_state[f"key:{command.name}"] = uuid.uuid4().hex
    kept = DRAFTS.take(identity.actor().person.id, command.name)
    if kept:
        st.session_state[f"reason:{command.name}"] = kept
    st.dialog(command.title, width="medium")(_body)(command)


def _body(command: Command) -> None:
    if command.lead:
        st.markdown(command.lead)
    if command.explanation:
        show(bullets(command.explanation, ordered=True))
    if form(command):
        st.session_state[_FLASH] = command.done
        st.rerun()


def form(command: Command, *, busy: str = "Working …") -> bool:
    """Reason, Back and the command button; True when the command has run."""
    if command.extra is not None:
        command.extra()
    reason = _reason(command) if command.asks_reason else ""
    with st.container(horizontal=True, horizontal_alignment="right"):
        is_back = st.button("Back", key=f"back:{command.name}")
        is_go = st.button(command.label, type="primary", key=f"go:{command.name}")
    if is_back:
        st.rerun()
    if not is_go:
        return False
    with st.spinner(busy):
        return perform(command, reason)


def _reason(command: Command) -> str:
    text = st.text_area(
        command.reason_label,
        key=f"reason:{command.name}",
        help=command.reason_help,
        max_chars=REASON_LIMIT,
        persist_state="page",
    )
    return text or ""


def perform(command: Command, reason: str) -> bool:
    """Make the call; on an error show it and keep the dialog as it is."""
    key = st.session_state.setdefault(f"key:{command.name}", uuid.uuid4().hex)
    try:
        actor = identity.actor()
        DRAFTS.keep(actor.person.id, command.name, reason)
        command.run(actor, reason, key)
    except PortalError as error:
        show_expected(error)
        return False
    except Exception as error:  # noqa: BLE001 - the boundary of the commands
        show_unexpected(error)
        return False
    DRAFTS.take(actor.person.id, command.name)
    return True


def flash(text: str) -> None:
    """Show a message after the next run has begun."""
    st.session_state[_FLASH] = text


def show_flash() -> None:
    """The message that the last command left."""
    text = st.session_state.pop(_FLASH, "")
    if text:
        st.toast(text, icon=":material/check:", duration="long")
