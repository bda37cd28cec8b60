"""Finding a prediction whose id is not known: by model, window of time and values of inputs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from dashboard import identity, wiring
from dashboard.text import as_text
from dashboard.widgets.base import formats
from dashboard.widgets.base.markup import empty
from dashboard.widgets.why import answer as why_parts
from services.domain.why.predictions import PredictionQuery, left_out_of
from services.errors import InvalidInputError

LIMIT = 20


def show_search() -> None:
    """The form, and what it found."""
    with st.expander("Find a prediction without its id", icon=":material/search:"):
        models = wiring.portal().catalogue.filter_values().models
        with st.form("why_search", border=False):
            with st.container(horizontal=True, vertical_alignment="bottom"):
                model = st.selectbox("Model", models, key="search_model", width=260, accept_new_options=True)
                now = formats.now().replace(tzinfo=None)
                since = st.datetime_input("From (UTC)", value=now - timedelta(days=1), key="search_since", width=220)
                until = st.datetime_input("Until (UTC)", value=now + timedelta(hours=1), key="search_until", width=220)
            inputs = st.text_input(
                "Inputs", key="search_inputs", placeholder="age = 39, occupation = Sales", help="Separate by commas."
            )
            asked = st.form_submit_button("Find", icon=":material/search:")
        if asked and model and isinstance(since, datetime) and isinstance(until, datetime):
            query = PredictionQuery(
                model, since.replace(tzinfo=UTC), until.replace(tzinfo=UTC), inputs=parse_inputs(inputs), limit=LIMIT
            )
            _found(query)


def _found(query: PredictionQuery) -> None:
    with st.spinner("Looking in the prediction log …"):
        records = wiring.portal().why.search(identity.actor(), query)
    for item in left_out_of(records):
        st.caption(as_text(item.sentence()))
    if not records:
        empty("No prediction of this model fits.", "Widen the window, or give fewer inputs.")
    elif len(records) > query.limit:
        st.caption(f"More than {query.limit} fit; these are the newest. Give more inputs or a shorter window.")
    elif len(records) > 1:
        st.caption(f"{len(records)} predictions fit: the inputs alone do not tell which one is meant.")
    for record in records[: query.limit]:
        why_parts.show_link(record)


def parse_inputs(text: str) -> dict[str, str]:
    """``age = 39, sex = Male``. Raises InvalidInputError."""
    found: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, sign, value = part.partition("=")
        if not sign or not name.strip():
            raise InvalidInputError(f"{part!r} is no input.", hint="Write name = value, separated by commas.")
        found[name.strip()] = value.strip()
    return found
