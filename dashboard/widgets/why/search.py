"""Finding a prediction without its id: by model, time window and input values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import streamlit as st

from dashboard import identity, wiring
from dashboard.text import as_text
from dashboard.widgets.base import formats
from dashboard.widgets.base.markup import empty
from dashboard.widgets.why import answer as why_parts
from services.domain.why.predictions import PredictionQuery, PredictionRecord, left_out_of
from services.errors import InvalidInputError

LIMIT = 20


def show_search(newest: Sequence[PredictionRecord], *, is_open: bool = False) -> None:
    """The form and its results. The model of the newest prediction is chosen; where none is logged, none is."""
    with st.expander("Find a prediction without its ID", icon=":material/search:", expanded=is_open):
        models = _models(newest)
        with st.form("why_search", border=False):
            with st.container(horizontal=True, vertical_alignment="bottom"):
                model = st.selectbox(
                    "Model", models, index=0 if newest and newest[0].model else None, key="search_model", width=260,
                    accept_new_options=True, placeholder="Choose a model",
                )  # fmt: skip
                now = formats.now().replace(tzinfo=None)
                since = st.datetime_input("From (UTC)", value=now - timedelta(days=1), key="search_since", width=220)
                until = st.datetime_input("Until (UTC)", value=now + timedelta(hours=1), key="search_until", width=220)
            inputs = st.text_input(
                "Inputs", key="search_inputs", placeholder="age = 39, occupation = Sales", help="Separate by commas."
            )
            asked = st.form_submit_button("Find", icon=":material/search:")
        if asked and not model:
            st.warning("Choose a model first.", icon=":material/search:")
        if asked and model and isinstance(since, datetime) and isinstance(until, datetime):
            query = PredictionQuery(
                model, since.replace(tzinfo=UTC), until.replace(tzinfo=UTC), inputs=parse_inputs(inputs), limit=LIMIT
            )
            _found(query)


def _models(newest: Sequence[PredictionRecord]) -> list[str]:
    """Those with predictions first, the latest before the others; then the rest of the catalogue."""
    logged = [record.model for record in newest if record.model]
    return list(dict.fromkeys([*logged, *wiring.portal().catalogue.filter_values().models]))


def _found(query: PredictionQuery) -> None:
    with st.spinner("Looking in the prediction log …"):
        records = wiring.portal().why.search(identity.actor(), query)
    for item in left_out_of(records):
        st.caption(as_text(item.sentence()))
    if not records:
        empty("No matching predictions.", "Widen the time range or remove an input.")
    elif len(records) > query.limit:
        st.caption(f"More than {query.limit} match; these are the newest. Add inputs or shorten the time range.")
    elif len(records) > 1:
        st.caption(f"{len(records)} predictions match: the inputs alone do not tell which one is meant.")
    for record in records[: query.limit]:
        why_parts.show_link(record)


def parse_inputs(text: str) -> dict[str, str]:
    """``age = 39, sex = Male``. Raises InvalidInputError."""
    found: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, sign, value = part.partition("=")
        if not sign or not name.strip():
            raise InvalidInputError(f"{part!r} is not an input.", hint="Write name = value, separated by commas.")
        found[name.strip()] = value.strip()
    return found
