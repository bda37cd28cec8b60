"""What a name gives: rights only to the whole of it, and nothing more to a service whatever its groups."""

from __future__ import annotations

import pytest

from services.domain.identity.people import Actor, Circle, Permission, Person, Role

CHLOE = Actor(
    Person("https://id.example|1", "Chloé"),
    frozenset({Role.REVIEWER}),
    frozenset({"chloe.martin@example.com", "chloe.martin"}),
)
GUEST = Actor(
    Person("https://id.example|2", "Chloé?"),
    frozenset({Role.REVIEWER}),
    frozenset({"chloe.martin@elsewhere.example", "chloe.martin"}),
)


@pytest.mark.parametrize("name", ["https://id.example|1", "chloe.martin@example.com", "Chloe.Martin@Example.com"])
def test_circle__id_or_whole_name__is_in(name: str) -> None:
    assert Circle(people=(name,)).has(CHLOE)
    assert not Circle(people=(name,)).has(GUEST)


def test_circle__part_before_the_at_sign__gives_nobody_a_right_and_still_keeps_from_deciding() -> None:
    for actor in (CHLOE, GUEST):
        assert not Circle(people=("chloe.martin",)).has(actor)
        assert actor.is_known_as("chloe.martin")


def test_circle__user_name_without_an_address__is_a_whole_name() -> None:
    plain = Actor(Person("https://id.example|3", "Chloé"), frozenset(), frozenset({"chloe.martin"}))
    assert Circle(people=("chloe.martin",)).has(plain)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SERVICE])
def test_service__with_another_role_beside__gains_nothing(role: Role) -> None:
    service = Actor(Person("service:x", "X"), frozenset({Role.SERVICE, role}))
    given = {permission for permission in Permission if service.may(permission)}
    assert given == {Permission.BROWSE, Permission.READ_LEDGER, Permission.OPEN_REQUEST}
    assert not service.works_here
