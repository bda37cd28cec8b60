"""Releases: the latest snapshot of pipeline runs, newest first."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard import wiring
from dashboard.widgets.base import formats, links, lists
from dashboard.widgets.base.markup import empty
from services.releases.answers import ReleasePage

PAGE = "releases_page"


def main() -> None:
    """The page."""
    st.title("Releases")
    text = st.text_input(
        "Search", key="releases_q", type="search", live="400ms", bind="query-params", width=340,
        on_change=partial(lists.first_page, PAGE), placeholder="Name, model or project",
    )  # fmt: skip
    wanted = (text or "").strip()
    lists.paged(
        lambda number: wiring.portal().releases.find(text=wanted, page=number), partial(_show, text=wanted), key=PAGE
    )


def _show(page: ReleasePage, *, text: str) -> None:
    if page.rows:
        st.caption(f"{formats.count(page.total, 'release')}, newest first")
        lists.releases(page.rows)
    elif text:
        empty("No release matches.", "Search for a part of the run's name, the model or the project.")
    else:
        empty("There are no releases yet.", "A release starts when a promotion request has enough signatures.")
        st.page_link(links.REQUESTS, label="Go to Requests")


main()
