"""Lists of requests and releases: one line each, the title is a link, usable on a phone as it is. And paging."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

import streamlit as st

from dashboard.text import as_text, shorten
from dashboard.widgets.base import formats, links
from dashboard.widgets.base.markup import badge, row, show, soft, state_badge
from services.domain.promotions.promotion import PromotionRequest
from services.domain.registry import VersionKey
from services.releases.answers import ReleaseRow

_RESULT_TONE = {"succeeded": "good", "failed": "bad", "canceled": "warn", "partiallySucceeded": "warn"}


class Paged(Protocol):
    """Any page of rows."""

    @property
    def total(self) -> int:
        """Rows on all pages."""

    @property
    def page_size(self) -> int:
        """Rows on a full page."""


P = TypeVar("P", bound=Paged)


def paged(fetch: Callable[[int], P], render: Callable[[P], None], *, key: str) -> P:
    """Fetch a page, show it and the pager below it. The page number is in the address."""
    space = st.container()
    wanted = _wanted(key)
    page = fetch(wanted)
    count = max(1, -(-page.total // page.page_size))
    if count > 1:
        chosen = st.pagination(count, key=key, bind="query-params", width="stretch")
        page = page if chosen == wanted else fetch(chosen)
    elif wanted != 1:
        page = fetch(1)
    with space:
        render(page)
    return page


def _wanted(key: str) -> int:
    value = str(st.session_state.get(key) or st.query_params.get(key) or "1")
    return int(value) if value.isascii() and value.isdigit() and 0 < len(value) < 9 and int(value) > 0 else 1


def first_page(key: str) -> None:
    """Go back to the first page: for the callbacks of filters."""
    if key in st.session_state:
        st.session_state[key] = 1


def version_link(key: VersionKey, *, limit: int = 60) -> None:
    """A link to a version; the whole name is its tooltip."""
    st.page_link(
        links.VERSION,
        label=as_text(version_label(key, limit=limit)),
        help=as_text(str(key)) if len(str(key)) > limit else None,
        query_params=links.version_params(key),
    )


def version_label(key: VersionKey, *, limit: int = 60) -> str:
    """``model v5``, with a long model name shortened and the number always there."""
    return f"{shorten(key.model, limit)} v{key.version}"


def requests(rows: Iterable[PromotionRequest], *, is_stale_shown: bool = True) -> None:
    """Requests, one card each."""
    for request in rows:
        with st.container(border=True, gap="xxsmall"):
            st.page_link(
                links.REQUEST,
                label=f"**{as_text(version_label(request.key))}** to **{as_text(request.environment)}**",
                help=as_text(str(request.key)) if len(request.key.model) > 60 else None,
                query_params=links.request_params(request.id),
            )
            marks = [state_badge(request.state)]
            if request.stale and is_stale_shown:
                marks.append(badge("out of date", "warn"))
            show(row([*marks, soft(_request_line(request))]))


def _request_line(request: PromotionRequest) -> str:
    who = shorten(request.participants.requester.name, 40)
    line = f"{request.id} · requested by {who} · changed {formats.age(request.updated)}"
    return line if request.is_final else f"{line} · expires {formats.age(request.expires)}"


def releases(rows: Iterable[ReleaseRow]) -> None:
    """Releases, one card each."""
    for release in rows:
        with st.container(border=True, gap="xxsmall"):
            st.page_link(
                links.RELEASE,
                label=f"**{as_text(shorten(release.name, 50))}**{_release_subject(release)}",
                query_params=links.release_params(release.project, release.run_id),
            )
            marks = [badge(release_state(release), _RESULT_TONE.get(release.result or "", "info"))]
            line = f"{release.project} · run {release.run_id} · started {formats.age(release.created)}"
            line += f" · for {release.request_id}" if release.request_id else ""
            show(row([*marks, soft(f"{line} · seen {formats.age(release.seen)}")]))


def release_state(release: ReleaseRow) -> str:
    """Result once there is one, else the state, as words."""
    from dashboard.text import words

    return words(release.result or release.state)


def _release_subject(release: ReleaseRow) -> str:
    if release.model is None or release.version is None:
        return ""
    subject = version_label(VersionKey(release.model, release.version), limit=40)
    place = f" to {as_text(release.environment)}" if release.environment else ""
    return f" · {as_text(subject)}{place}"
