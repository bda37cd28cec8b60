"""Why: an auditor's answer to one prediction, each part with its source."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from dashboard import identity, wiring
from dashboard.errors import boundary
from dashboard.widgets import facts, formats, links, lists
from dashboard.widgets.markup import bullets, empty, show, soft, table, time
from dashboard.widgets.markup import facts as pairs
from dashboard.widgets.text import as_html, as_text, shorten
from services.domain.predictions import PredictionRecord
from services.domain.promotion import Deployment
from services.portal import WhyAnswer

ASKED = "why_id"


def main() -> None:
    """The page."""
    st.title("Why")
    st.write("Why did the model predict this? Give the request id of a prediction.")
    _from_address()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = st.text_input(
            "Request id of the prediction",
            key=ASKED,
            on_change=_to_address,
            width=420,
            placeholder="as the application logged it",
        )
        st.button("Answer", type="primary", icon=":material/contact_support:")
    with boundary():
        if wanted and wanted.strip():
            with st.spinner("Looking in the prediction log and the ledger …"):
                answer = wiring.portal().why.answer(identity.actor(), wanted.strip())
            _answer(answer)
        else:
            _recent()
    with boundary():
        _live_at()


def _from_address() -> None:
    """Take the id that the address names, once: a link was followed."""
    named = st.query_params.get("prediction", "")
    if named != st.session_state.get("why_seen", ""):
        st.session_state["why_seen"] = st.session_state[ASKED] = named
        # A link to the page that is open leaves the browser's address as it was: say it again.
        st.query_params.from_dict({"prediction": named} if named else {})


def _to_address() -> None:
    asked = str(st.session_state.get(ASKED) or "").strip()
    st.query_params.from_dict({"prediction": asked} if asked else {})
    st.session_state["why_seen"] = asked


def _recent() -> None:
    st.subheader("Newest predictions")
    records = wiring.portal().why.recent(identity.actor())
    if not records:
        empty(
            "There is no prediction log.",
            "Set COUNTERSIGN_PREDICTIONS_PATH to the folder of the log; a request id can still be pasted.",
        )
    for record in records[:20]:
        with st.container(border=True, gap="xxsmall"):
            st.page_link(
                links.WHY, label=as_text(shorten(record.request_id, 60)), query_params={"prediction": record.request_id}
            )
            model = (
                f"{shorten(record.model or 'model unknown', 40)} v{record.version}"
                if record.version
                else "version unknown"
            )
            output = f"output {shorten(record.output, 40)}" if record.output is not None else "output unknown"
            show(soft(f"{formats.when(record.time)} · {model} · {output}"))


def _answer(answer: WhyAnswer) -> None:
    show(f'<p class="cs-answer">{as_html(answer.sentence)}</p>')
    facts.show_facts(answer.facts, caption="Parts of the answer with their sources")
    with st.container(horizontal=True):
        if answer.deployment:
            lists.version_link(answer.deployment.key)
            live = answer.deployment
            if live.run_project and live.run_id:
                params = links.release_params(live.run_project, live.run_id)
                st.page_link(
                    links.RELEASE, label=f"Release {as_text(live.run_name or str(live.run_id))}", query_params=params
                )
        if answer.request:
            st.page_link(
                links.REQUEST,
                label=f"Request {as_text(answer.request.id)}",
                query_params=links.request_params(answer.request.id),
            )
        st.page_link(links.WHY, label="Another prediction")
    _record(answer.record)


def _record(record: PredictionRecord) -> None:
    st.subheader("The prediction as logged")
    score = formats.number(record.score) if record.score is not None else soft(formats.UNKNOWN)
    output = as_html(shorten(record.output, 200)) if record.output is not None else soft(formats.UNKNOWN)
    show(
        pairs(
            [
                ("Time", time(record.time)),
                ("Output", output),
                ("Score", score),
                ("Environment", as_html(record.environment or formats.UNKNOWN)),
                ("Version in the log", as_html(f"v{record.version}" if record.version else formats.UNKNOWN)),
                ("Found in", as_html(record.source or formats.UNKNOWN)),
            ]
        )
    )
    if record.inputs:
        rows = [
            (as_html(k), as_html(shorten(v, 200)) if v is not None else soft("missing"))
            for k, v in record.inputs.items()
        ]
        show(table(("Input", "Value"), rows, caption="Inputs"))
    else:
        empty("The inputs are not in the log, or your role does not see them.")


def _live_at() -> None:
    with st.expander("What was live at a moment?", icon=":material/history:"):
        values = wiring.portal().catalogue.filter_values()
        if not values.models or not values.environments:
            empty("The catalogue knows no model or no environment yet.")
            return
        with st.container(horizontal=True, vertical_alignment="bottom"):
            model = st.selectbox("Model", values.models, key="live_model", width=280)
            place = st.selectbox("Environment", values.environments, key="live_place", width=180)
            at = st.datetime_input(
                "Moment (UTC)", value=formats.now().replace(tzinfo=None), key="live_moment", width=230
            )
        if model and place and isinstance(at, datetime):
            found = wiring.portal().why.live_at(model, place, at.replace(tzinfo=UTC))
            if found:
                show(bullets(_lived(deployment) for deployment in found))
            else:
                empty("Nothing was live there then, as far as the ledger knows.")


def _lived(live: Deployment) -> str:
    until = formats.moment(live.live_until) if live.live_until else "now"
    return f"{lists.version_label(live.key)}, live from {formats.moment(live.live_from)} until {until}"


main()
