"""Role by action by state, generated from a policy: what is open follows from the rules alone, and the rest says why."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from services.domain.checks import Check, Verdict
from services.domain.identity.people import PERMISSIONS, Actor, Permission, Person, Role
from services.domain.promotions.oversight import Assignment, AssignmentKind
from services.domain.promotions.requests import FINAL, Decision, DecisionKind, Participants, RequestState
from services.domain.promotions.rights import RequestFacts, UserAction, actions, waits_for_person
from services.policies.reading import parse_governance
from tests.simulators.basics import START
from tests.unit.policies.test_file import FULL

POLICY = replace(
    parse_governance(FULL).policies[0], reauthenticate=False, break_glass=parse_governance(FULL).policies[0].break_glass
)
ASKER, AUTHOR, REGISTRAR = "asker", "author", "registrar"
JUDGES = {UserAction.APPROVE, UserAction.REVIEW, UserAction.REJECT, UserAction.REQUEST_CHANGES, UserAction.DELEGATE,
          UserAction.REASSIGN, UserAction.DEFER}  # fmt: skip
TALKS = {UserAction.COMMENT, UserAction.RAISE_FINDING}
OWN = {UserAction.WITHDRAW, UserAction.RESEAL}
STATES_OF = {
    **{key: {RequestState.OPEN} for key in JUDGES},
    UserAction.BREAK_GLASS: {RequestState.OPEN},
    UserAction.RESEAL: {RequestState.OPEN, RequestState.CHANGES_REQUESTED},
    UserAction.WITHDRAW: {
        RequestState.DRAFT, RequestState.OPEN, RequestState.CHANGES_REQUESTED, RequestState.APPROVED,
    },
}  # fmt: skip


def facts(state: RequestState, **changed: object) -> RequestFacts:
    made_by = Participants(Person(ASKER, "Asker"), AUTHOR, REGISTRAR)
    base = RequestFacts(state, made_by, (), "sha256:" + "a" * 64, checks=(), policy=POLICY, now=START)
    return replace(base, **changed)  # type: ignore[arg-type]  # fields of the class


def expected(actor: Actor, action: UserAction, state: RequestState) -> bool:
    if action in TALKS:
        return actor.may(Permission.COMMENT)
    if state not in STATES_OF[action]:
        return False
    if action in OWN:
        return actor.person.id == ASKER and actor.may(Permission.OPEN_REQUEST)
    if action is UserAction.BREAK_GLASS:
        named = POLICY.break_glass is not None and POLICY.break_glass.who.has(actor)
        return named and not actor.is_service and actor.may(Permission.COMMENT)
    judges = actor.may(Permission.DECIDE) and not actor.is_service
    judges = judges and actor.person.id not in {ASKER, AUTHOR, REGISTRAR}
    if action in {UserAction.APPROVE, UserAction.REVIEW, UserAction.DELEGATE}:
        first_slot = POLICY.slots[0].members.has(actor)
        return judges and (first_slot or action is UserAction.REVIEW)
    return judges


ROLES = [(role,) for role in Role] + [(Role.REVIEWER, Role.DATA_SCIENTIST), (Role.REVIEWER, Role.SERVICE), ()]
PEOPLE = ["chloe.martin", "ben.okafor", ASKER, AUTHOR, REGISTRAR]


@pytest.mark.parametrize("state", RequestState)
def test_matrix__role_action_and_state__open_exactly_where_the_rules_say(state: RequestState) -> None:
    for roles, person in product(ROLES, PEOPLE):
        actor = Actor(Person(person, person), frozenset(roles))
        for found in actions(actor, facts(state)):
            assert found.is_open is expected(actor, found.action, state), (roles, person, found)


def test_matrix__closed_actions__always_say_why() -> None:
    for roles, person, state in product(ROLES, PEOPLE, RequestState):
        for found in actions(Actor(Person(person, person), frozenset(roles)), facts(state)):
            assert found.is_open or (found.reason and found.reason.endswith(".")), found


@pytest.mark.parametrize("role", [r for r in Role if Permission.DECIDE not in PERMISSIONS[r]])
def test_matrix__roles_without_the_right__never_judge(role: Role) -> None:
    for state in RequestState:
        found = {a.action for a in actions(Actor(Person("x", "x"), frozenset({role})), facts(state)) if a.is_open}
        assert not found & JUDGES


@pytest.mark.parametrize("state", sorted(FINAL))
def test_matrix__final_states__leave_talk_only(state: RequestState) -> None:
    everything = Actor(Person("chloe.martin", "C"), frozenset(Role) - {Role.SERVICE})
    assert {a.action for a in actions(everything, facts(state)) if a.is_open} == TALKS


def test_auditor__reads_everything_and_changes_nothing() -> None:
    auditor = Actor(Person("dev", "Dev"), frozenset({Role.AUDITOR}))
    for state in RequestState:
        assert not [a for a in actions(auditor, facts(state)) if a.is_open]


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.UNKNOWN])
def test_approve__blocking_check__is_closed_and_reject_stays_open(verdict: Verdict) -> None:
    chloe = Actor(Person("chloe.martin", "C"), frozenset({Role.REVIEWER}))
    found = {a.action: a for a in actions(chloe, facts(RequestState.OPEN, checks=(Check("Tests", verdict, "Bad."),)))}
    assert found[UserAction.APPROVE].reason == "You can't approve: Tests is blocking."
    assert found[UserAction.REJECT].is_open


def test_approve__stale__is_closed_for_everybody() -> None:
    chloe = Actor(Person("chloe.martin", "C"), frozenset({Role.REVIEWER}))
    found = {a.action: a for a in actions(chloe, facts(RequestState.OPEN, stale=("auc: 1 → 2",)))}
    assert not found[UserAction.APPROVE].is_open
    assert not found[UserAction.REVIEW].is_open


RISK = Actor(Person("chloe.martin", "Chloe"), frozenset({Role.REVIEWER}))
OTHER = Actor(Person("ben.okafor", "Ben"), frozenset({Role.REVIEWER}))


def signed_by(person: str, slot: str = "risk", *, kind: DecisionKind = DecisionKind.APPROVE) -> Decision:
    return Decision("d", kind, Person(person, person), "sha256:" + "a" * 64, "Fine.", START, slot=slot)


def asked(by: str, to: str, kind: AssignmentKind = AssignmentKind.REASSIGN) -> Assignment:
    return Assignment("a", kind, Person(by, by), Person(to, to), "Please.", START)


def test_waiting__in_the_order_of_the_disciplines__is_whose_turn_it_is() -> None:
    assert waits_for_person(RISK, facts(RequestState.OPEN))
    assert not waits_for_person(OTHER, facts(RequestState.OPEN)), "business comes after risk"
    after = facts(RequestState.OPEN, decisions=(signed_by("chloe.martin"),))
    assert not waits_for_person(RISK, after), "she has signed"
    assert waits_for_person(OTHER, after)


def test_waiting__for_a_discipline_that_is_not_theirs__leaves_others_alone_until_they_are_asked_by_name() -> None:
    policy = replace(POLICY, in_order=False, slots=POLICY.slots[:1], quorum=1)
    open_one = facts(RequestState.OPEN, policy=policy)
    assert not waits_for_person(OTHER, open_one)
    assert waits_for_person(OTHER, replace(open_one, assignments=(asked("chloe.martin", "ben.okafor"),)))
    plain = replace(open_one, policy=replace(policy, quorum=2))
    assert waits_for_person(OTHER, plain), "a second approval, of anybody, is missing"


@pytest.mark.parametrize("state", [state for state in RequestState if state is not RequestState.OPEN])
def test_waiting__in_any_other_state__is_for_nobody(state: RequestState) -> None:
    assert not waits_for_person(RISK, facts(state))


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("roles", ROLES)
def test_waiting__for_somebody__means_that_they_could_decide(roles: tuple[Role, ...], person: str) -> None:
    actor = Actor(Person(person, person), frozenset(roles))
    for policy, decisions in product((POLICY, None), ((), (signed_by("chloe.martin"),))):
        found = facts(RequestState.OPEN, policy=policy, decisions=decisions)
        if waits_for_person(actor, found):
            open_now = {a.action for a in actions(actor, found) if a.is_open}
            assert {UserAction.REJECT, UserAction.APPROVE} <= open_now
