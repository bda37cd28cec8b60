"""Ledger: its integrity and witnesses; below, all entries, in words and raw."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial

import streamlit as st
from markupsafe import Markup

from dashboard import wiring
from dashboard.text import html, join, words
from dashboard.widgets.base import formats, links, lists
from dashboard.widgets.base.markup import empty, show, soft, time
from dashboard.widgets.ledger import state as ledger_state
from services.audit.answers import LedgerLine, LedgerPage, LedgerQuery

PAGE = "ledger_page"
ANY = "everything"
TONES = {
    "ledger": "mute",
    "registry": "violet",
    "watch": "warn",
    "access": "warn",
    "export": "info",
    "why": "info",
    "rollout": "violet",
}
"""Colour of an entry's dot, by the part of the portal it comes from; decisions tell theirs by the action."""
ENDS = {"approved": "good", "promoted": "good", "live": "good", "rejected": "bad", "failed": "bad", "stopped": "bad"}


def main() -> None:
    """The page."""
    st.title("Audit log")
    ledger_state.panels()
    st.subheader("Entries", anchor=False)
    query = _query()
    show_page = partial(_show, is_filtered=query(1) != LedgerQuery())
    lists.paged(lambda number: wiring.portal().ledger.find(query(number)), show_page, key=PAGE)


class _Query:
    """The filters as they stand; called with a page's number."""

    def __init__(self, **fields: object) -> None:
        self._fields = fields

    def __call__(self, page: int) -> LedgerQuery:
        return LedgerQuery(**self._fields, page=page)  # type: ignore[arg-type]  # each widget gives its field's type


def _query() -> _Query:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        action = _action()
        texts = {
            name: _text(name, label)
            for name, label in (("actor", "Who"), ("model", "Model"), ("subject", "About"), ("request", "Request"))
        }
        since, until = _day("since", "From (UTC)"), _day("until", "To (UTC)")
    return _Query(
        action=action,
        actor=texts["actor"],
        model=texts["model"],
        subject=texts["subject"],
        request_id=texts["request"],
        since=_midnight(since),
        until=_midnight(until + timedelta(days=1)) if until else None,
    )


def _action() -> str:
    prefixes = sorted({":".join(a.split(":")[:2]) + ":" for a in wiring.portal().ledger.actions()})
    chosen = st.selectbox(
        "What",
        [ANY, *prefixes],
        key="ledger_action",
        bind="query-params",
        on_change=partial(lists.first_page, PAGE),
        width=170,
        format_func=lambda a: a if a == ANY else " ".join(words(part) for part in a.strip(":").split(":")),
    )
    return "" if chosen == ANY else str(chosen)


def _text(name: str, label: str) -> str:
    value = st.text_input(
        label,
        key=f"ledger_{name}",
        type="search",
        live="400ms",
        bind="query-params",
        on_change=partial(lists.first_page, PAGE),
        width=128,
    )
    return (value or "").strip()


def _day(name: str, label: str) -> date | None:
    value = st.date_input(
        label,
        value=None,
        key=f"ledger_{name}",
        bind="query-params",
        on_change=partial(lists.first_page, PAGE),
        width=132,
        format="YYYY-MM-DD",
    )
    return value if isinstance(value, date) else None


def _midnight(day: date | None) -> datetime | None:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) if day else None


def _show(page: LedgerPage, *, is_filtered: bool) -> None:
    if not page.lines:
        if is_filtered:
            empty(
                "No entry matches.",
                "Remove a filter. Names match in part, request IDs only in full.",
            )
        else:
            empty("The ledger is empty.", "The first request, decision or look-up writes its first entry.")
        return
    st.caption(f"{formats.count(page.total, 'entry', 'entries')}, newest first")
    show(html('<ul class="cs-time">{}</ul>', join(_line(line) for line in page.lines)))


def _line(line: LedgerLine) -> Markup:
    request = html("")
    if line.request_id:
        target = links.address(links.REQUEST, links.request_params(line.request_id))
        request = html(' · <a href="{}">{}</a>', target, line.request_id)
    return html(
        '<li class="cs-dot-{tone}"><strong>{actor}</strong> {sentence}<br>'
        "{at} {meta}{request}"
        "<details><summary>Raw entry</summary><pre>{raw}</pre></details></li>",
        tone=_tone(line.action), actor=line.actor, sentence=line.sentence, at=time(line.at),
        meta=soft(f"#{line.seq} · {line.action} · {line.subject}"), request=request, raw=line.raw,
    )  # fmt: skip


def _tone(action: str) -> str:
    source, _, last = action.partition(":")
    return ENDS.get(last.rpartition(":")[2]) or TONES.get(source, "info")


main()
