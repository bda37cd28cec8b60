"""Home: requests waiting for me, my requests, what is live, what needs attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from dashboard import identity, wiring
from dashboard.text import as_text, html, shorten
from dashboard.widgets.base import formats, links, lists
from dashboard.widgets.base.markup import alias_badges, badge, empty, row, show, soft, stage_badge, time
from dashboard.widgets.request import oversight
from services.clock import SystemClock
from services.domain.catalogue import VersionPage, VersionQuery, VersionRow
from services.domain.identity.people import Actor, Permission
from services.domain.promotions.promotion import Incident, PromotionRequest
from services.domain.promotions.requests import FINAL, Comment, RequestState
from services.portal import Portal
from services.promotions.answers import RequestPage

SHOWN = 8
"""Lines of a section; the rest is one link away."""
UNDECIDED = [state for state in RequestState if state not in FINAL]


def main() -> None:
    """The page."""
    portal, actor = wiring.portal(), identity.actor()
    st.title("Queue")
    waiting = list(portal.promotions.waiting_for(actor))
    undecided = portal.promotions.find(states=UNDECIDED, requester=actor.person.id)
    asked = portal.promotions.find(requester=actor.person.id)
    live = _live(portal)
    incidents = list(portal.health.incidents())
    now = SystemClock().now()
    overdue = [due for due in portal.findings.reviews_due() if due.is_overdue(now)]
    findings = portal.findings.findings()
    with st.grid(5, min_column_width=150):
        st.metric("Waiting for your review", len(waiting), border=True)
        st.metric("Your open requests", undecided.total, border=True)
        st.metric("Live versions", sum(page.total for page in live.values()), border=True)
        st.metric("Open incidents", len(incidents), border=True)
        st.metric("Re-reviews overdue", len(overdue), border=True)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _waiting(waiting, actor)
        _mentions(portal.promotions.mentions(actor))
        _asked_for(undecided, asked, actor)
    with right:
        _incidents(incidents)
        if overdue:
            st.subheader("Re-reviews overdue")
            oversight.show_reviews(overdue[:SHOWN], actor)
            _rest(len(overdue), links.COVERAGE, "All re-reviews")
        if findings:
            st.subheader("Open findings")
            oversight.show_findings(findings[:SHOWN], actor, where="home")
            _rest(len(findings), links.COVERAGE, "All open findings")
        _live_now(live)
        st.page_link(links.COVERAGE, label="Live models without governance")


def _live(portal: Portal) -> dict[str, VersionPage]:
    places = portal.catalogue.filter_values().environments
    return {place: portal.catalogue.search(VersionQuery(live_in=place, page_size=SHOWN)) for place in places}


def _rest(total: int, page: str, label: str, params: dict[str, str] | None = None) -> None:
    """Shows the total where not all are shown, with a link to them."""
    if total > SHOWN:
        st.page_link(page, label=f"{label} ({total})", query_params=params)


def _waiting(rows: list[PromotionRequest], actor: Actor) -> None:
    st.subheader("Waiting for your review")
    if not rows:
        is_reviewer = actor.may(Permission.DECIDE)
        hint = "Requests from others will appear here." if is_reviewer else "Only reviewers decide on requests."
        empty("Nothing is waiting for your review.", hint)
    lists.requests(rows[:SHOWN])
    _rest(len(rows), links.REQUESTS, "All requests waiting for your review", links.requests_params(links.WAITS_FOR_ME))


def _mentions(found: Sequence[tuple[PromotionRequest, Comment]]) -> None:
    if not found:
        return
    st.subheader("Questions for you")
    for request, said in found[:SHOWN]:
        _mention(request, said)
    if found[SHOWN:]:
        with st.expander(f"{len(found) - SHOWN} more"):
            for request, said in found[SHOWN:]:
                _mention(request, said)


def _mention(request: PromotionRequest, said: Comment) -> None:
    with st.container(border=True, gap="xxsmall"):
        label = f"**{as_text(lists.version_label(request.key))}** to **{as_text(request.environment)}**"
        st.page_link(links.REQUEST, label=label, query_params=links.request_params(request.id))
        who = html("<span>{} {}</span>", said.person.name, time(said.at))
        show(row([who, soft(shorten(said.text, 160))]))


def _asked_for(undecided: RequestPage, asked: RequestPage, actor: Actor) -> None:
    """Undecided ones first, then the latest of the others."""
    st.subheader("Your requests")
    if not asked.total:
        can = actor.may(Permission.OPEN_REQUEST)
        empty(
            "You haven't requested a promotion yet.",
            "Open a version under Models and press Request promotion."
            if can
            else "Your role can't request promotions.",
        )
    rows = {request.id: request for request in (*undecided.rows, *asked.rows)}
    lists.requests(list(rows.values())[:SHOWN])
    _rest(asked.total, links.REQUESTS, "All your requests", links.requests_params(links.ASKED_BY_ME))


def _live_now(live: Mapping[str, VersionPage]) -> None:
    st.subheader("Live now")
    if not any(page.total for page in live.values()):
        empty("Nothing is live.", "A version goes live when its promotion request has been approved and rolled out.")
    for place, page in live.items():
        if page.total:
            show(row([badge(place, "good"), soft(f"{page.total} live")]))
        for version in page.rows:
            _live_version(version)
        _rest(page.total, links.MODELS, f"All versions live in {as_text(place)}", {"in_live_in": place})


def _live_version(version: VersionRow) -> None:
    with st.container(border=True, gap="xxsmall"):
        lists.version_link(version.key, limit=36)
        marks = [stage_badge(version.stage), alias_badges(version.aliases)]
        metric = (
            f"{shorten(version.metric_name, 24)} {formats.number(version.metric_value)}" if version.metric_name else ""
        )
        show(row([*marks, soft(metric)]))


def _incidents(incidents: list[Incident]) -> None:
    st.subheader("Incidents")
    if not incidents:
        empty("No open incidents.", "Changes made outside Countersign appear here.")
    for incident in incidents[:SHOWN]:
        with st.container(border=True, gap="xxsmall"):
            st.markdown(f"**{as_text(incident.sentence)}**")
            show(
                row(
                    [
                        badge(incident.kind.replace("_", " "), "bad"),
                        soft(incident.subject),
                        html("<span>since {}</span>", time(incident.opened)),
                    ]
                )
            )
    if len(incidents) > SHOWN:
        st.caption(f"and {len(incidents) - SHOWN} more open incidents")


main()
