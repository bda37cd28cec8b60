"""Versions tagged as candidates: rank them against the live one, and request the best."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st
from markupsafe import Markup

from dashboard import wiring
from dashboard.text import as_text, join, shorten
from dashboard.widgets.base import formats
from dashboard.widgets.base.markup import badge, show, soft, table
from dashboard.widgets.evidence.verdict import interval
from dashboard.widgets.request import asking
from dashboard.widgets.version import grid as tables
from services.domain.identity.people import Actor, Permission
from services.errors import PortalError
from services.evidence.record import Gap

if TYPE_CHECKING:
    from services.promotions.ranking import CandidateLine, CandidateRanking

_TONES = {"better": "good", "not_worse": "mute", "worse": "bad", "cannot_tell": "warn", "": "mute"}


def show_candidates(model: str, actor: Actor) -> None:
    """A line and a button where versions are tagged; nothing where none is, or MLflow is unavailable."""
    try:
        tagged = wiring.portal().candidates.tagged(model)
    except PortalError as error:
        st.caption(as_text(f"Could not look for versions tagged as candidates: {error.sentence()}"))
        return
    if not tagged:
        return
    names = ", ".join(f"v{key.version}" for key in tagged)
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        what = "version is tagged as a candidate" if len(tagged) == 1 else "versions are tagged as candidates"
        st.markdown(f"**{len(tagged)} {what}:** {as_text(names)}")
        if st.button("Pick the best", key=f"candidates:{model}", icon=":material/emoji_events:"):
            asking.forget(_name(model))
            st.dialog("Pick the best candidate", width="large")(_body)(model, actor)


def _name(model: str) -> str:
    return f"best:{model}"


def _body(model: str, actor: Actor) -> None:
    places = [place.name for place in wiring.portal().promotions.environments(model)]
    if not places:
        st.info("No policy allows this model in any environment.", icon=":material/policy:")
        return
    place = str(st.selectbox("Environment", places, key=f"candidates_env:{model}"))
    try:
        with st.spinner("Comparing every candidate with the live version …"):
            ranking = wiring.portal().candidates.rank(actor, model, place)
    except PortalError as error:
        st.warning(as_text(error.sentence()), icon=":material/help:")
        return
    _show(ranking)
    if ranking.winner is None or not actor.may(Permission.OPEN_REQUEST):
        return
    version = ranking.winner.version
    asking.ask(
        _name(model),
        lambda actor, reason: wiring.portal().candidates.open_best(actor, model, place, reason=reason).request,
        label=f"Request promotion of v{version}",
        done=f"Request opened for v{version}; the other candidates' tags are cleared.",
        reason_label="Why should it be promoted?",
    )


def _show(ranking: CandidateRanking) -> None:
    st.markdown(f"**{as_text(ranking.sentence)}**")
    current = f"v{ranking.current}"
    head = (
        "Version",
        "Verdict",
        f"{ranking.metric} against {current}",
        f"Adjusted p-value (better than {current})",
        "Why",
    )
    show(table(head, [_cells(line) for line in ranking.lines], caption="Candidates", classes="cs-stack"))
    names = ("candidate", "verdict", "difference", "low", "high", "p_adjusted", "may_win", "reason")
    rows = [[line.name, *(getattr(line, name) for name in names[1:])] for line in ranking.lines]
    tables.download("Download ranking", names, rows, key=f"ranking-{ranking.environment}")


def _cells(line: CandidateLine) -> tuple[str, ...]:
    gap = Gap(line.difference, line.low, line.high)
    verdict = line.verdict.replace("_", " ") or "not compared"
    return (
        line.name,
        join([badge(verdict, _TONES[line.verdict]), *_advice(line)], " "),
        interval(gap) if line.difference is not None else soft(formats.UNKNOWN),
        formats.p_value(line.p_adjusted),
        shorten(line.reason, 160),
    )


def _advice(line: CandidateLine) -> list[Markup]:
    """Which candidates may win, and which are rejected for harming a group although the average does not show it."""
    if line.may_win:
        return [badge("may win", "good")]
    return [badge("reject", "bad")] if line.recommendation == "reject" and line.verdict != "worse" else []
