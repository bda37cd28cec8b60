"""Requests: all promotion requests, searched, filtered by state, paged."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard import identity, wiring
from dashboard.widgets import formats, links, lists
from dashboard.widgets.markup import empty
from services.domain.requests import FINAL, RequestState
from services.portal import RequestPage

PAGE = "requests_page"
ME, OPEN, DONE, ALL = "waits for me", "undecided", "decided", "all"
_STATES = {
    OPEN: [state for state in RequestState if state not in FINAL],
    DONE: [state for state in RequestState if state in FINAL],
    ALL: [],
}


def main() -> None:
    """The page."""
    st.title("Requests")
    changed = partial(lists.first_page, PAGE)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        view = st.segmented_control(
            "Show", [OPEN, ME, DONE, ALL], default=OPEN, required=True, key="requests_view", bind="query-params",
            on_change=changed,
        )  # fmt: skip
        text = st.text_input(
            "Search", key="requests_q", type="search", live="400ms", bind="query-params", on_change=changed, width=340,
            placeholder="Model, person, reason or number", disabled=view == ME,
        )  # fmt: skip
    if view == ME:
        _mine()
        return
    wanted = (text or "").strip()
    lists.paged(
        lambda number: wiring.portal().promotions.find(states=_STATES[str(view)], text=wanted, page=number),
        partial(_show, view=str(view), text=wanted),
        key=PAGE,
    )


def _mine() -> None:
    rows = wiring.portal().promotions.waiting_for(identity.actor())
    if not rows:
        empty("Nothing waits for your decision.", "Requests that you may decide show up here and on Home.")
    lists.requests(rows)


def _show(page: RequestPage, *, view: str, text: str) -> None:
    if page.rows:
        st.caption(f"{formats.count(page.total, 'request')}, newest change first")
        lists.requests(page.rows)
    elif text:
        empty("No request matches.", "Search for a part of the model, the person or the reason, or show all.")
    else:
        empty(
            "No request is undecided." if view == OPEN else "There are no requests yet.",
            "Open a version under Models and press Request promotion.",
        )
        st.page_link(links.MODELS, label="Go to Models")


main()
