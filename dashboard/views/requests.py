"""Requests: all promotion requests, searched, filtered by state, paged."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from dashboard import identity, wiring
from dashboard.widgets.base import formats, links, lists
from dashboard.widgets.base.markup import empty
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.requests import FINAL, RequestState
from services.promotions.answers import RequestPage

PAGE = "requests_page"
OPEN, DONE, ALL = "undecided", "decided", "all"
VIEWS = [OPEN, links.WAITS_FOR_ME, links.ASKED_BY_ME, DONE, ALL]
_STATES = {
    OPEN: [state for state in RequestState if state not in FINAL],
    DONE: [state for state in RequestState if state in FINAL],
}
PAGE_SIZE = 25
_NONE = {
    OPEN: "There are no open requests.", DONE: "No request has been decided yet.",
    links.ASKED_BY_ME: "You haven't requested a promotion yet.",
}  # fmt: skip


def main() -> None:
    """The page."""
    st.title("Requests")
    changed = partial(lists.first_page, PAGE)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        view = st.segmented_control(
            "Show", VIEWS, default=OPEN, required=True, key="requests_view", bind="query-params", on_change=changed,
            wrap=True,
        )  # fmt: skip
        text = st.text_input(
            "Search", key="requests_q", type="search", live="400ms", bind="query-params", on_change=changed, width=340,
            placeholder="Model, person, reason or number", disabled=view == links.WAITS_FOR_ME,
        )  # fmt: skip
    if view == links.WAITS_FOR_ME:
        lists.paged(partial(_page_of, _waiting()), _show_waiting, key=PAGE)
        return
    wanted = (text or "").strip()
    lists.paged(partial(_find, str(view), wanted), partial(_show, view=str(view), text=wanted), key=PAGE)


def _waiting() -> Sequence[PromotionRequest]:
    return wiring.portal().promotions.waiting_for(identity.actor())


def _page_of(rows: Sequence[PromotionRequest], number: int) -> RequestPage:
    shown = rows[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    return RequestPage(tuple(shown), len(rows), number, PAGE_SIZE)


def _show_waiting(page: RequestPage) -> None:
    if not page.total:
        empty("Nothing is waiting for your review.", "Requests that you can decide appear here and in your queue.")
        return
    st.caption(f"{formats.count(page.total, 'request')}, first to expire first")
    lists.requests(page.rows)


def _find(view: str, text: str, number: int) -> RequestPage:
    requester = identity.actor().person.id if view == links.ASKED_BY_ME else ""
    return wiring.portal().promotions.find(states=_STATES.get(view, ()), requester=requester, text=text, page=number)


def _show(page: RequestPage, *, view: str, text: str) -> None:
    if page.rows:
        st.caption(f"{formats.count(page.total, 'request')}, newest change first")
        lists.requests(page.rows)
    elif text:
        empty("No request matches.", "Search for a part of the model, the person or the reason, or show all.")
    else:
        empty(_NONE.get(view, "There are no requests yet."), "Open a version under Models and press Request promotion.")
        st.page_link(links.MODELS, label="Go to Models")


main()
