"""Pieces of the Why page: the answer with its sources, and the prediction as logged."""

from __future__ import annotations

import streamlit as st

from dashboard.text import as_text, html, shorten
from dashboard.widgets.base import formats, links, lists
from dashboard.widgets.base.markup import bullets, empty, show, soft, table, time
from dashboard.widgets.base.markup import facts as pairs
from dashboard.widgets.version import facts
from dashboard.widgets.why import again as why_again
from services.domain.why.predictions import MASK, PredictionRecord
from services.why.answers import WhyAnswer

LINKED = 4


def show_link(record: PredictionRecord) -> None:
    """A prediction in a list."""
    with st.container(border=True, gap="xxsmall"):
        st.page_link(
            links.WHY, label=as_text(shorten(record.request_id, 60)), query_params={"prediction": record.request_id}
        )
        version = f"v{record.version}" if record.version else "version unknown"
        model = f"{shorten(record.model, 40)} {version}" if record.model else "model unknown"
        output = (
            f"output {shorten(formats.rounded(record.output), 40)}" if record.output is not None else "output unknown"
        )
        show(soft(f"{formats.when(record.time)} · {model} · {output}"))


def show_answer(answer: WhyAnswer) -> None:
    """Sentence, doubts, parts with sources, links, and the row."""
    show(html('<p class="cs-answer">{}</p>', answer.sentence))
    if answer.caveats:
        st.info("Caveats", icon=":material/info:")
        show(bullets(answer.caveats))
    facts.show_facts(answer.facts, caption="Parts of the answer with their sources")
    _links(answer)
    _record(answer.record, answer.inputs_note)
    why_again.show_again(answer)


def _links(answer: WhyAnswer) -> None:
    with st.container(horizontal=True):
        for key in answer.candidates[:LINKED]:
            lists.version_link(key)
        if len(answer.candidates) > LINKED:
            st.caption(f"and {len(answer.candidates) - LINKED} more versions")
        live = answer.deployment
        if live and live.run_project and live.run_id:
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


def _record(record: PredictionRecord, inputs_note: str) -> None:
    st.subheader("The prediction as logged")
    score = formats.number(record.score) if record.score is not None else soft(formats.UNKNOWN)
    output = shorten(record.output, 200) if record.output is not None else soft(formats.UNKNOWN)
    version = f"v{record.version}" if record.version else record.version_text or formats.UNKNOWN
    failed = [("Failed", record.failure)] if record.failure else []
    row = [("Row", f"{record.row} of {record.rows} in the request {record.of_request}")] if record.row else []
    show(
        pairs(
            [
                *failed,
                *row,
                ("Time", time(record.time)),
                ("Output", output),
                ("Score", score),
                ("Environment", record.environment or formats.UNKNOWN),
                ("Version in the log", version),
                ("Found in", record.source or formats.UNKNOWN),
            ]
        )
    )
    if record.inputs:
        show(table(("Input", "Value"), _inputs(record), caption="Inputs"))
        if inputs_note:
            st.caption(as_text(inputs_note))
    else:
        empty("The inputs are not shown.", inputs_note or "They are not in the log.")


def _inputs(record: PredictionRecord) -> list[tuple[str, str]]:
    return [(name, _value(value)) for name, value in record.inputs.items()]


def _value(value: object) -> str:
    if value == MASK:
        return soft("masked")
    return shorten(value, 200) if value is not None else soft("missing")
