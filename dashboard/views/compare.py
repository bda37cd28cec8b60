"""Compare: two or more versions of a model. The choice of versions, then the verdict in words."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard import identity, wiring
from dashboard.errors import boundary
from dashboard.text import as_text
from dashboard.widgets.base import links, lists
from dashboard.widgets.base.markup import empty
from dashboard.widgets.compare import candidates
from dashboard.widgets.compare import sections as compare_parts
from services.domain.registry import VersionKey

MOST = 8
MODEL, VERSIONS, UNKNOWN = "compare_model", "compare_versions", "compare_unknown"


def main() -> None:
    """The page."""
    st.title("Compare")
    model, chosen = _choice()
    if model is None:
        empty("The catalogue is empty.", "Register a model in MLflow; it shows up here after the next sync.")
        return
    if model:
        candidates.show_candidates(model, identity.actor())
    if len(chosen) < 2:
        empty("Choose two to eight versions.", "The first one chosen is the baseline; the others are compared with it.")
        return
    keys = [VersionKey(model, number) for number in chosen]
    busy = st.empty()
    busy.caption(
        f"Comparing {', '.join(f'v{n}' for n in chosen[1:])} with v{chosen[0]} on the same held-out rows: "
        "predictions are read, then every metric and slice is measured. The first time takes some seconds …"
    )
    try:
        with st.skeleton(height=400):
            compared = wiring.portal().comparisons.compare(identity.actor(), keys, progress=_scoring())
    finally:
        busy.empty()
    compare_parts.show_all(compared)


def _scoring() -> Callable[[int, int, str], None]:
    """Shows the progress of scoring a version; nothing where the predictions are available."""
    place = st.empty()

    def tell(done: int, total: int, what: str) -> None:
        place.progress(min(1.0, done / max(1, total)), f"A version is being scored: {what}, {done:,} of {total:,}")

    return tell


def _choice() -> tuple[str | None, list[int]]:
    """Model and versions, read from the address and written back; no model is chosen for the reader.

    None where there is no model at all, an empty name where none is chosen.
    """
    models = list(wiring.portal().catalogue.filter_values().models)
    _from_address(models)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = st.selectbox(
            "Model", models, key=MODEL, index=None, on_change=_other_model, width=360, placeholder="Choose a model"
        )
        numbers = [row.key.version for row in wiring.portal().catalogue.versions(model)] if model else []
        _keep_known(model, numbers)
        chosen = st.multiselect(
            "Versions to compare; the first is the baseline", numbers, key=VERSIONS,
            format_func=lambda n: f"v{n}", max_selections=MOST, on_change=_to_address, width=460, disabled=not model,
            placeholder="Choose two to eight",
        )  # fmt: skip
    if not models:
        return None, []
    if st.session_state.get(UNKNOWN):
        st.info(as_text(st.session_state[UNKNOWN]), icon=":material/search_off:")
    if model and len(chosen) == 1:
        lists.version_link(VersionKey(model, chosen[0]))
    return model or "", list(chosen) if model else []


def _keep_known(model: str | None, numbers: list[int]) -> None:
    """Keep the versions that exist; unknown ones in the address are reported until the choice changes."""
    asked = st.session_state.get(VERSIONS, [])
    st.session_state[VERSIONS] = [n for n in asked if n in numbers][:MOST]
    unknown = [f"v{n}" for n in asked if n not in numbers]
    if not model or not asked or len(st.session_state[VERSIONS]) == len(asked):
        return
    what = f"{model} has no {', '.join(unknown)} in the catalogue." if unknown else ""
    more = f" At most {MOST} versions are compared; the first {MOST} are." if len(asked) - len(unknown) > MOST else ""
    st.session_state[UNKNOWN] = (what + more).strip()


def _from_address(models: list[str]) -> None:
    """Apply the address when it has changed: a link was followed."""
    model, text = st.query_params.get("model", ""), st.query_params.get("versions", "")
    if (model, text) == st.session_state.get("compare_seen"):
        return
    st.session_state["compare_seen"] = (model, text)
    st.session_state[UNKNOWN] = ""
    with boundary():
        if model and model not in models:
            st.info(f"{as_text(model)} is not in the catalogue.", icon=":material/search_off:")
            return
        if model:
            st.session_state[MODEL] = model
        if text:
            st.session_state[VERSIONS] = links.version_numbers(text)


def _other_model() -> None:
    st.session_state[VERSIONS] = []
    _to_address()


def _to_address() -> None:
    model, versions = st.session_state.get(MODEL), st.session_state.get(VERSIONS) or []
    params = links.compare_params(model, versions) if model else {}
    st.query_params.from_dict(params)
    st.session_state["compare_seen"] = (params.get("model", ""), params.get("versions", ""))
    st.session_state[UNKNOWN] = ""


main()
