"""Why: the answer for auditors about one prediction, each part with its source."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import streamlit as st

from dashboard import identity, wiring
from dashboard.errors import boundary
from dashboard.text import as_text
from dashboard.widgets.base import formats
from dashboard.widgets.base.markup import empty
from dashboard.widgets.why import answer as why_parts
from dashboard.widgets.why import search as why_search
from dashboard.widgets.why import timeline as live_timeline
from services.domain.why.predictions import Found, PredictionRecord, left_out_of
from services.why.answers import WhyAnswer

ASKED = "why_id"
KEPT = "why_answer"
KEPT_FOR = timedelta(minutes=5)
RECENT = 8


def main() -> None:
    """The page."""
    st.title("Why this prediction?")
    st.write("Enter a prediction ID to see why the model predicted it.")
    _from_address()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = st.text_input(
            "Prediction ID",
            key=ASKED,
            on_change=_to_address,
            width=420,
            placeholder="As logged by the application",
        )
        st.button("Answer", type="primary", icon=":material/contact_support:")
    asked = (wanted or "").strip()
    if not (asked and _answered(asked)):
        with boundary():
            _others(is_open=bool(asked))
    with boundary():
        live_timeline.show_live()


def _answered(prediction_id: str) -> bool:
    """Show the answer; False where there is none and other predictions must be offered."""
    is_found = False
    with boundary():
        with st.spinner("Looking in the prediction log and the ledger …"):
            answer = _asked(prediction_id)
        why_parts.show_answer(answer)
        is_found = True
    return is_found  # noqa: RET504 - the boundary swallows what was raised


def _forget() -> None:
    """Back to the empty page. The link in the sidebar cannot: on the page that is open it keeps the address."""
    st.session_state[ASKED] = st.session_state["why_seen"] = ""
    st.query_params.clear()


def _others(*, is_open: bool) -> None:
    """Finding a prediction: the newest ones, and the search by model, time and inputs."""
    if is_open:
        st.button("Look up another prediction", icon=":material/arrow_back:", on_click=_forget)
    records = wiring.portal().why.recent(identity.actor())
    _recent(records)
    why_search.show_search(records, is_open=is_open)


def _asked(prediction_id: str) -> WhyAnswer:
    """Queried once per visit: every look-up is recorded in the ledger, and other clicks are not look-ups."""
    actor = identity.actor()
    asked = (prediction_id, actor.person.id, tuple(sorted(role.value for role in actor.roles)))
    kept = st.session_state.get(KEPT)
    if kept is None or kept[0] != asked or formats.now() - kept[1] > KEPT_FOR:
        kept = (asked, formats.now(), wiring.portal().why.answer(actor, prediction_id))
        st.session_state[KEPT] = kept
    answer: WhyAnswer = kept[2]
    return answer


def _from_address() -> None:
    """Apply the id in the address, once: a link was followed."""
    named = st.query_params.get("prediction", "")
    if named != st.session_state.get("why_seen", ""):
        st.session_state["why_seen"] = st.session_state[ASKED] = named
        # A link to the page that is open leaves the browser's address as it was: say it again.
        st.query_params.from_dict({"prediction": named} if named else {})


def _to_address() -> None:
    asked = str(st.session_state.get(ASKED) or "").strip()
    st.query_params.from_dict({"prediction": asked} if asked else {})
    st.session_state["why_seen"] = asked


def _recent(records: Sequence[PredictionRecord]) -> None:
    st.subheader("Newest predictions")
    for item in left_out_of(records):
        st.caption(as_text(item.sentence()))
    if not records and isinstance(records, Found):
        unread = (
            "Nothing in the prediction log can be read." if left_out_of(records) else "The prediction log is empty."
        )
        empty(unread, "`countersign doctor` says what is there.")
    elif not records:
        empty(
            "There is no prediction log.",
            "Set COUNTERSIGN_PREDICTIONS_PATH to the folder of the log; a prediction ID can still be pasted.",
        )
    for record in records[:RECENT]:
        why_parts.show_link(record)


main()
