"""The last part of each dialog that requests a promotion: reason, evidence, and the link to the request."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard.widgets.base import commands, links
from services.domain.identity.people import Actor
from services.domain.promotions.promotion import PromotionRequest


def forget(name: str) -> None:
    """Before the dialog opens: clears the request that an earlier one opened."""
    st.session_state.pop(_opened(name), None)


def ask(
    name: str, open_request: Callable[[Actor, str], PromotionRequest], *, label: str, done: str, reason_label: str
) -> None:
    """Ask for the reason, open the request with it, and show its page. `name` is the command's, unique on the page.

    The id is kept in the session: the page may run again between the call and the next step.
    """

    def run(actor: Actor, reason: str, _: str) -> None:
        st.session_state[_opened(name)] = open_request(actor, reason).id

    command = commands.Command(
        name=name, title="Request promotion", label=label, run=run, done=done, reason_label=reason_label
    )
    commands.form(command, busy="Reading the registry, comparing with the live version, sealing the plan …")
    request_id = st.session_state.get(_opened(name))
    if request_id:
        commands.flash(done)
        st.switch_page(links.REQUEST, query_params=links.request_params(request_id))


def _opened(name: str) -> str:
    return f"opened:{name}"
