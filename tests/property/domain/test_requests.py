"""The table of transitions: no path to promoted without a valid quorum."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.domain.identity.people import Person
from services.domain.promotions.requests import (
    FINAL,
    TRANSITIONS,
    Decision,
    DecisionKind,
    RequestEvent,
    RequestState,
    next_state,
    quorum_reached,
)
from tests.simulators.basics import START

DIGEST = "sha256:" + "a" * 64


def test_table__promoted__is_reached_only_through_the_quorum_or_broken_glass() -> None:
    opens = {RequestEvent.REACH_QUORUM, RequestEvent.BREAK_GLASS}
    reachable = {RequestState.DRAFT}
    while True:
        more = {to for (state, event), to in TRANSITIONS.items() if state in reachable and event not in opens}
        if more <= reachable:
            break
        reachable |= more
    assert RequestState.PROMOTED not in reachable
    assert RequestState.ROLLING_OUT not in reachable


def test_table__final_states__lead_nowhere_but_rolled_back() -> None:
    ways_out = {(state, to) for (state, _), to in TRANSITIONS.items() if state in FINAL}
    assert ways_out == {(RequestState.PROMOTED, RequestState.ROLLED_BACK)}


@given(st.lists(st.sampled_from(RequestEvent), max_size=12))
def test_table__any_events__stay_in_known_states(events: list[RequestEvent]) -> None:
    state = RequestState.DRAFT
    for event in events:
        state = next_state(state, event) or state
    assert state in RequestState


def decisions(kinds: list[tuple[str, DecisionKind, bool, bool]]) -> list[Decision]:
    return [
        Decision(
            str(i), kind, Person(person, person), DIGEST if same else "sha256:" + "b" * 64, "r",
            START + timedelta(seconds=i), "changed" if void else "",
        )
        for i, (person, kind, same, void) in enumerate(kinds)
    ]  # fmt: skip


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(DecisionKind), st.booleans(), st.booleans()),
        max_size=10,
    ),
    st.integers(1, 4),
)
def test_quorum__any_decisions__counts_people_whose_last_word_on_this_plan_is_yes(
    kinds: list[tuple[str, DecisionKind, bool, bool]], quorum: int
) -> None:
    last = {person: kind for person, kind, same, void in kinds if same and not void}
    expected = sum(kind is DecisionKind.APPROVE for kind in last.values()) >= quorum
    assert quorum_reached(decisions(kinds), DIGEST, quorum) is expected


@given(st.lists(st.tuples(st.sampled_from("ab"), st.just(DecisionKind.APPROVE), st.just(True), st.just(False))))
def test_quorum__not_configured__is_never_reached(kinds: list[tuple[str, DecisionKind, bool, bool]]) -> None:
    assert not quorum_reached(decisions(kinds), DIGEST, None)
    assert not quorum_reached(decisions(kinds), DIGEST, 0)
