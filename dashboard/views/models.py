"""Models: all versions of all registered models, searched, filtered, sorted and paged in the catalogue."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard import wiring
from dashboard.text import as_text, shorten
from dashboard.widgets.base import formats, links, lists
from dashboard.widgets.base.markup import empty
from dashboard.widgets.version import grid as tables
from services.domain.catalogue import SortBy, TestState, VersionPage, VersionQuery

PAGE = "models_page"
ANY = "any"
SORTS = {
    "Last activity": SortBy.LAST_ACTIVITY,
    "Model name": SortBy.MODEL,
    "Version": SortBy.VERSION,
    "Created": SortBy.CREATED,
    "Metric": SortBy.METRIC,
    "Owner": SortBy.OWNER,
    "Stage": SortBy.STAGE,
}


def main() -> None:
    """The page."""
    st.title("Models")
    actions = st.container()
    query = _query()
    page = lists.paged(partial(_search, query), _show, key=PAGE)
    with actions:
        tables.version_actions(page.rows)


def _search(query: VersionQuery, number: int) -> VersionPage:
    from dataclasses import replace

    return wiring.portal().catalogue.search(replace(query, page=number))


def _query() -> VersionQuery:
    """The filters, kept in the address."""
    changed = partial(lists.first_page, PAGE)
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters"):
        text = st.text_input(
            "Search", key="q", type="search", live="400ms", bind="query-params", on_change=changed, width=340,
            placeholder="Model, owner, alias, tag or data set",
        )  # fmt: skip
        sort = st.selectbox("Sort by", list(SORTS), key="sort", bind="query-params", on_change=changed, width=170)
        order = st.segmented_control(
            "Order", ["descending", "ascending"], default="descending", required=True, key="order",
            bind="query-params", on_change=changed,
        )  # fmt: skip
        with st.popover("Filters", icon=":material/filter_list:"):
            chosen = _filters(changed)
    return VersionQuery(
        text=(text or "").strip(),
        model=chosen["model"],
        stage=chosen["stage"],
        alias=chosen["alias"],
        owner=chosen["owner"],
        live_in=chosen["live_in"],
        tests=TestState(chosen["tests"]) if chosen["tests"] else None,
        sort=SORTS[sort],
        descending=order != "ascending",
    )


def _filters(changed: partial[None]) -> dict[str, str]:
    values = wiring.portal().catalogue.filter_values()
    offered = {
        "model": ("Model", values.models),
        "stage": ("Stage", values.stages),
        "alias": ("Alias", values.aliases),
        "owner": ("Owner", values.owners),
        "live_in": ("Live in", values.environments),
        "tests": ("Tests", tuple(state.value for state in TestState)),
    }
    chosen = {
        name: st.selectbox(label, [ANY, *options], key=f"in_{name}", bind="query-params", on_change=changed)
        for name, (label, options) in offered.items()
    }
    return {name: "" if value == ANY else str(value) for name, value in chosen.items()}


def _show(page: VersionPage) -> None:
    if not page.rows:
        is_filtered = any(
            k in st.query_params
            for k in ("q", "in_model", "in_stage", "in_alias", "in_owner", "in_live_in", "in_tests")
        )
        if is_filtered:
            empty("No version matches.", "Remove a filter, or search for part of the name.")
            st.page_link(links.MODELS, label="Show all versions", query_params={})
        else:
            empty("The catalogue is empty.", "Register a model in MLflow; it shows up here after the next sync.")
        return
    first = (page.page - 1) * page.page_size + 1
    models = {row.key.model for row in page.rows}
    of_one = f" of {as_text(shorten(next(iter(models)), 40))}" if len(models) == 1 else ""
    count = formats.count(page.total, "version")
    st.caption(f"{count}{of_one} · {first} to {first + len(page.rows) - 1} shown · times in UTC")
    tables.versions(page.rows)


main()
