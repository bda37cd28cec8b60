"""One request on one screen: changes, objections, evidence, discussion, decision."""

from __future__ import annotations

import streamlit as st

from dashboard import errors, identity, wiring
from dashboard.text import as_html, html
from dashboard.widgets.base import formats, links, lists
from dashboard.widgets.base.markup import badge, bullets, empty, paragraphs, row, show, soft, state_badge, time
from dashboard.widgets.request import actions as decide
from dashboard.widgets.request import discussion as talk
from dashboard.widgets.request import oversight, tense
from dashboard.widgets.request import sections as parts
from dashboard.widgets.request import summary as request_summary
from dashboard.widgets.request.recover import show_recovery
from dashboard.widgets.request.rollout import show_rollout
from services.domain.promotions.plan import in_words
from services.domain.promotions.requests import RequestState
from services.domain.promotions.rollout import RolloutState
from services.promotions.answers import RequestDetail

FOLLOW_SECONDS = 4
_UNDECIDED = {RequestState.DRAFT, RequestState.OPEN, RequestState.CHANGES_REQUESTED}
_MOVING = {RequestState.APPROVED, RequestState.ROLLING_OUT}


def main() -> None:
    """The page."""
    request_id = st.query_params.get("id", "")
    if not request_id:
        st.title("Request")
        empty("No request is chosen.", "Choose one on the Requests page.")
        st.page_link(links.REQUESTS, label="Go to Requests")
        return
    actor = identity.actor()
    with errors.or_heading("Request not found", links.REQUESTS, "Go to Requests"):
        detail = wiring.portal().promotions.detail(actor, request_id)
    _header(detail)
    if tense.is_out_of_date(detail):
        st.warning(tense.out_of_date(detail), icon=":material/difference:")
        show(bullets(in_words(change) for change in detail.request.stale))
    main_part, side = st.columns([5, 3], gap="large")
    with main_part:
        with st.container(border=True):
            st.subheader("In short")
            show(bullets(request_summary.sentences(detail)))
        if detail.findings:
            st.subheader("Open findings")
            oversight.show_findings(detail.findings, actor, where="request")
        st.subheader("Checks")
        parts.show_checks(detail.checks)
        st.subheader(tense.heading(detail))
        parts.show_evidence(detail)
        parts.show_since(detail)
        _papers(detail)
        st.subheader("Discussion")
        talk.show_discussion(detail, actor)
    with side:
        _decision(detail)
        if detail.request.state in _MOVING and not _needs_person(detail):
            st.fragment(run_every=FOLLOW_SECONDS)(_follow)(request_id)
        else:
            show_rollout(detail)
            show_recovery(detail)
        _ledger_link(detail)


def _papers(detail: RequestDetail) -> None:
    st.subheader("Documentation")
    tabs = st.tabs(["Model card", "Tests", "Policy", "What is signed"])
    with tabs[0]:
        parts.show_card(detail)
    with tabs[1]:
        parts.show_failed_tests(detail.evidence)
    with tabs[2]:
        parts.show_policy(detail)
    with tabs[3]:
        parts.show_plan(detail)


def _header(detail: RequestDetail) -> None:
    request = detail.request
    st.set_page_config(
        page_title=f"{lists.version_label(request.key, limit=40)} to {request.environment} · Countersign"
    )
    title = f"{lists.version_label(request.key, limit=80)} to {request.environment}"
    show(html('<h1 class="cs-name" title="{}">{}</h1>', request.key, title))
    who = request.participants.requester.name
    marks = [
        state_badge(request.state),
        badge(decide.quorum_line(detail), "good" if detail.signatures >= detail.quorum else "mute"),
    ]
    line = html("<span>{} · requested by {} {}</span>", request.id, who, time(request.created))
    expires = "" if request.is_final else soft(f"expires {formats.age(request.expires)}")
    show(row([*marks, line, expires]))
    show(paragraphs(request.reason))
    show(html('<a class="cs-jump" href="#decide">Go to the decision</a>'))
    with st.container(horizontal=True):
        st.page_link(links.VERSION, label="Version", query_params=links.version_params(request.key))
        _compare_link(detail)


def _compare_link(detail: RequestDetail) -> None:
    """Against what is live now; what was live when it was sealed stands on the page itself."""
    key, live = detail.request.key, detail.live_version
    against = detail.plan.current_version if live in {None, key.version} else live
    if against is not None and against != key.version:
        label = f"Compare with v{against}{' (live)' if against == live else ' (live when sealed)'}"
        params = links.compare_params(key.model, [against, key.version])
        st.page_link(links.COMPARE, label=label, query_params=params)


def _decision(detail: RequestDetail) -> None:
    with st.container(border=True):
        is_open = detail.request.state in _UNDECIDED
        st.subheader("Decide" if is_open else "Decisions", anchor="decide")
        if is_open:
            if not tense.is_out_of_date(detail):
                show(as_html("Once the last signature is in, Countersign will:"))
                show(bullets(detail.consequences, ordered=True))
            decide.show_actions(detail)
        talk.show_decisions(detail)
        oversight.show_assignments(detail.assignments)


def _follow(request_id: str) -> None:
    """Refreshes while the rollout runs; the whole page runs again once it has ended."""
    detail = wiring.portal().promotions.detail(identity.actor(), request_id)
    if detail.request.state not in _MOVING or _needs_person(detail):
        st.rerun()
    show_rollout(detail)


def _needs_person(detail: RequestDetail) -> bool:
    return detail.rollout is not None and detail.rollout.state is RolloutState.NEEDS_HUMAN


def _ledger_link(detail: RequestDetail) -> None:
    st.page_link(links.LOG, label="View in ledger", query_params={"ledger_request": detail.request.id})


main()
