"""Ledger integrity, what each witness has seen, and the export for auditors."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from markupsafe import Markup

from dashboard import identity, wiring
from dashboard.text import as_text, html, join, sentence
from dashboard.widgets.base import formats
from dashboard.widgets.base.markup import badge, bullets, empty, row, show, soft, time
from services.audit.answers import LedgerCheck, LedgerQuery, LedgerVerdict, WitnessState
from services.domain.identity.people import Permission

FOLLOW_SECONDS = 1.0
_TONES = {"fresh": "good", "late": "warn", "silent": "bad"}


def panels() -> None:
    """The three panels, side by side; one below the other on a phone."""
    left, middle, right = st.columns(3, gap="medium")
    with left, st.container(border=True, height="stretch"):
        _verify()
    with middle, st.container(border=True, height="stretch"):
        _witnesses(wiring.portal().ledger.witnesses())
    with right, st.container(border=True, height="stretch"):
        _take_away()


def _verify() -> None:
    st.subheader("Verify", anchor=False)
    ledger = wiring.portal().ledger
    check = ledger.last_check()
    is_running = check is not None and check.finished is None
    if st.button("Verify the whole ledger", icon=":material/fact_check:", type="primary", disabled=is_running):
        check = ledger.start_check()
        is_running = check.finished is None
    if check is None:
        st.caption(
            "Reads and hashes every entry again, and compares the result with the signed checkpoints and with what "
            "each witness holds."
        )
    elif is_running:
        st.fragment(run_every=FOLLOW_SECONDS)(_follow)()
    else:
        _result(check)


def _follow() -> None:
    """Polls once a second; the page stays usable meanwhile."""
    check = wiring.portal().ledger.last_check()
    if check is None or check.finished is not None:
        st.rerun()
    progress = (
        f"{formats.number(check.done)} of {formats.count(check.total, 'entry', 'entries')}" if check.total else ""
    )
    st.progress(check.share, text=f"Hashing {progress}" if progress else "Asking the witnesses …")


def _result(check: LedgerCheck) -> None:
    if check.verdict is None:
        st.warning(as_text(check.problem), icon=":material/help:")
        return
    verdict = check.verdict
    mark = badge("intact", "good") if verdict.is_intact else badge("not intact", "bad")
    show(row([mark, html("<span>{} {}</span>", soft("checked"), time(check.finished))]))
    st.markdown(as_text(sentence(verdict.sentence)))
    _details(verdict)


def _details(verdict: LedgerVerdict) -> None:
    root = html("<dl class='cs-root'><dt>Root hash</dt><dd><code>{}</code></dd></dl>", verdict.root)
    if verdict.details and not verdict.is_intact:
        show(bullets(sentence(line) for line in verdict.details))
    with st.expander("Root hash and details", expanded=False):
        show(root, bullets(sentence(line) for line in verdict.details))


def _witnesses(states: Sequence[WitnessState]) -> None:
    st.subheader("Witnesses", anchor=False)
    if not states:
        empty(
            "No witness is set.",
            "Nobody outside would notice a cut or rewritten tail. Set one with COUNTERSIGN_WITNESS_GIT_URL.",
        )
    show(join(_witness(state) for state in states))


def _witness(state: WitnessState) -> Markup:
    seen = html("<span>{} {}</span>", soft("last confirmed"), time(state.last_seen)) if state.last_seen else ""
    if not state.size:
        far = "has seen nothing yet"
    elif not state.behind:
        far = f"has seen all {formats.count(state.size, 'entry', 'entries')}"
    else:
        far = f"has seen entries 1 to {formats.number(state.size)}; {formats.number(state.behind)} not yet"
    problem = html("<br>{}", f"{state.problem} {state.hint}".strip()) if state.problem else ""
    is_away = bool(state.problem) and state.freshness != "silent"
    mark = badge("unreachable", "warn") if is_away else badge(state.freshness, _TONES.get(state.freshness, "mute"))
    head = row([html("<strong>{}</strong>", state.name), mark, seen])
    return html('<div class="cs-witness">{}<div>{}{}</div></div>', head, far, problem)


def _take_away() -> None:
    st.subheader("Export", anchor=False)
    ledger = wiring.portal().ledger
    note = ledger.find(LedgerQuery()).checkpoint
    if not note:
        empty("There is no checkpoint yet.", "It is signed after the first entry.")
        return
    actor = identity.actor()
    if actor.may(Permission.EXPORT):
        st.caption("All entries, checkpoints, witness copies and an offline verifier. Exports are logged.")
        st.download_button(
            "Export for an auditor",
            data=lambda: ledger.export(actor),
            file_name="countersign-ledger.zip",
            mime="application/zip",
            icon=":material/download:",
        )
    else:
        st.caption("Auditors can export the ledger here, with an offline verifier.")
    with st.expander("Newest checkpoint"):
        st.caption("Signed note: name of the ledger, number of entries, root hash, signatures")
        st.code(note, language=None, wrap_lines=True)
