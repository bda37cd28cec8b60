"""Ledger: everything that was done, in words and raw; verified from here."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard import wiring
from dashboard.widgets import formats, links, lists
from dashboard.widgets.markup import badge, empty, show, soft, time
from dashboard.widgets.text import as_html, as_text, sentence, words
from services.portal import LedgerLine, LedgerPage

PAGE = "ledger_page"
ANY = "everything"


def main() -> None:
    """The page."""
    st.title("Ledger")
    filters = _filters()
    left, right = st.columns([5, 3], gap="large")
    with left:
        page = lists.paged(
            lambda number: wiring.portal().ledger.find(**filters, page=number),
            partial(_show, filters=filters),
            key=PAGE,
        )
    with right, st.container(border=True):
        _verify()
        _checkpoint(page)


def _filters() -> dict[str, str]:
    changed = partial(lists.first_page, PAGE)
    actions = wiring.portal().ledger.actions()
    prefixes = sorted({":".join(a.split(":")[:2]) + ":" for a in actions})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        action = st.selectbox(
            "What", [ANY, *prefixes], key="ledger_action", bind="query-params", on_change=changed, width=220,
            format_func=lambda a: a if a == ANY else " ".join(words(part) for part in a.strip(":").split(":")),
        )  # fmt: skip
        texts = {
            name: st.text_input(
                label,
                key=f"ledger_{name}",
                type="search",
                live="400ms",
                bind="query-params",
                on_change=changed,
                width=190,
            )
            for name, label in (("actor", "Who"), ("subject", "About"), ("request", "Request"))
        }
    return {
        "action": "" if action == ANY else str(action),
        "actor": (texts["actor"] or "").strip(),
        "subject": (texts["subject"] or "").strip(),
        "request_id": (texts["request"] or "").strip(),
    }


def _show(page: LedgerPage, *, filters: dict[str, str]) -> None:
    if not page.lines:
        if any(filters.values()):
            empty(
                "No entry matches.",
                "Take a filter away; names are matched by any part, requests by their whole number.",
            )
        else:
            empty("The ledger is empty.", "The first request, decision or look-up writes its first entry.")
        return
    st.caption(f"{formats.count(page.total, 'entry', 'entries')}, newest first")
    show(f'<ul class="cs-time">{"".join(_line(line) for line in page.lines)}</ul>')


def _line(line: LedgerLine) -> str:
    request = ""
    if line.request_id:
        target = links.address(links.REQUEST, links.request_params(line.request_id))
        request = f' · <a href="{as_html(target)}">{as_html(line.request_id)}</a>'
    meta = f"{soft(f'#{line.seq} · {line.action} · {line.subject}')}{request}"
    return (
        f'<li class="cs-dot-info"><strong>{as_html(line.actor)}</strong> {as_html(line.sentence)}<br>'
        f"{time(line.at)} {meta}"
        f"<details><summary>Raw entry</summary><pre>{as_html(line.raw)}</pre></details></li>"
    )


def _verify() -> None:
    st.subheader("Verify")
    st.write("Every entry is read and hashed again, and the result is compared with the signed checkpoint.")
    if st.button("Verify the whole ledger", icon=":material/fact_check:", type="primary"):
        with st.status("Reading and hashing every entry …") as status:
            verdict = wiring.portal().ledger.verify()
            label = as_text(sentence(verdict.sentence))
            status.update(label=label, state="complete" if verdict.is_intact else "error", expanded=True)
            mark = badge("intact", "good") if verdict.is_intact else badge("not intact", "bad")
            show(
                mark, f" {formats.number(verdict.size)} entries<br>{soft('root ')}<code>{as_html(verdict.root)}</code>"
            )


def _checkpoint(page: LedgerPage) -> None:
    st.subheader("Checkpoint")
    if not page.checkpoint:
        empty("There is no checkpoint yet.", "It is signed after the first entry.")
        return
    st.caption("Signed note: name of the ledger, number of entries, root hash, signatures")
    st.code(page.checkpoint, language=None, wrap_lines=True)


main()
