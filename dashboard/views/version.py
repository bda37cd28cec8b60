"""One version: lineage, metrics, environments and requests."""

from __future__ import annotations

import streamlit as st

from dashboard import errors, identity, wiring
from dashboard.text import as_text, html, join, shorten
from dashboard.widgets.base import formats, links, lists
from dashboard.widgets.base.markup import (  # fmt: skip
    alias_badges,
    code,
    empty,
    external,
    live_badges,
    row,
    show,
    soft,
    stage_badge,
    table,
    time,
)
from dashboard.widgets.request.new import launch_request
from dashboard.widgets.version import card, facts
from dashboard.widgets.version.grid import baseline_rank
from dashboard.widgets.version.lineage import show_graph
from dashboard.widgets.version.numbers import show_numbers
from services.domain.catalogue import VersionDetail
from services.domain.identity.people import Permission


def main() -> None:
    """The page."""
    with errors.or_heading("Version not found", links.MODELS, "Go to Models"):
        key = links.version_key(st.query_params)
    if key is None:
        st.title("Version")
        empty("No version is chosen.", "Choose one on the Models page.")
        st.page_link(links.MODELS, label="Go to Models")
        return
    with errors.or_heading("Version not found", links.MODELS, "Go to Models"):
        detail = wiring.portal().catalogue.detail(key)
    _header(detail)
    st.subheader("Lineage")
    show_graph(detail.graph)
    tabs = st.tabs(["Facts", "Metrics and parameters", "Tests", "Documentation", "Requests", "History"])
    with tabs[0]:
        facts.show_facts(detail.facts, caption="Facts about this version")
        _identity(detail)
    with tabs[1]:
        show_numbers(detail)
    with tabs[2]:
        facts.show_tests(detail.tests)
    with tabs[3]:
        _documentation(detail)
    with tabs[4]:
        _requests(detail)
    with tabs[5]:
        facts.show_history(detail.history)


def _header(detail: VersionDetail) -> None:
    version = detail.row
    st.set_page_config(page_title=f"{lists.version_label(version.key, limit=40)} · Countersign")
    name = lists.version_label(version.key, limit=90)
    show(html('<h1 class="cs-name" title="{}">{}</h1>', version.key, name))
    marks = [stage_badge(version.stage), alias_badges(version.aliases), live_badges(version.live_in)]
    metric = f"{shorten(version.metric_name, 30)} {formats.number(version.metric_value)}" if version.metric_name else ""
    show(row([*marks, soft(metric), html("<span>last activity {}</span>", time(version.last_activity))]))
    if version.description:
        st.text(shorten(version.description, 2000))
    with st.container(horizontal=True, vertical_alignment="center"):
        _actions(detail)


def _actions(detail: VersionDetail) -> None:
    key, actor = detail.row.key, identity.actor()
    may_ask = actor.may(Permission.OPEN_REQUEST)
    if st.button("Request promotion", type="primary", disabled=not may_ask, icon=":material/approval:"):
        launch_request(key)
    if not may_ask:
        st.caption("Your role can't request promotions.", width="content")
    others = [v.key.version for v in wiring.portal().catalogue.versions(key.model) if v.key != key]
    if others:
        rows = [row for row in wiring.portal().catalogue.versions(key.model) if row.key != key]
        live = next(iter(sorted((row for row in rows if row.live_in), key=baseline_rank)), None)
        against = live.key.version if live else max(others)
        params = links.compare_params(key.model, [against, key.version])
        where = f" (live in {as_text(', '.join(live.live_in))})" if live else ""
        st.page_link(links.COMPARE, label=f"Compare with v{against}{where}", query_params=params)
    show(join((external(label, link) for label, link in detail.links.items() if links.outside(link)), " · "))


def _identity(detail: VersionDetail) -> None:
    version = detail.version
    rows = [
        ("Registered", time(version.created)),
        ("Status", version.status.lower()),
        ("Source", code(version.source or "unknown")),
    ]
    rows += [(f"tag {shorten(k, 50)}", shorten(v, 300)) for k, v in sorted(version.tags.items())]
    with st.expander("Registry entry and tags"):
        show(table(("Field", "Value"), rows, caption="Registry entry", classes="cs-stack"))


def _documentation(detail: VersionDetail) -> None:
    if detail.model.description:
        st.text(shorten(detail.model.description, 2000))
    if not detail.card:
        empty("No model card.", "Log model_card.md as an artifact of the run; it shows up here and counts as evidence.")
        return
    card.show_card(detail.card)


def _requests(detail: VersionDetail) -> None:
    if not detail.requests:
        empty("Nobody has requested promotion of this version.", "Press Request promotion above.")
    lists.requests(detail.requests)
    for live in detail.deployments:
        until = time(live.live_until) if live.live_until else "now"
        show(html("Live in {} from {} until {}", live.environment, time(live.live_from), until))
        if live.run_project and live.run_id:
            params = links.release_params(live.run_project, live.run_id)
            st.page_link(
                links.RELEASE, label=f"Release {as_text(live.run_name or str(live.run_id))}", query_params=params
            )


main()
