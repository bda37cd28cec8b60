"""Who is meant by ``@name``: somebody in particular, or nobody, and that is said."""

from __future__ import annotations

import pytest

from services.domain.identity.people import Actor, Person
from services.domain.promotions.mentions import mentioned

CHLOE = Actor(Person("https://idp|7", "Chloé Martin"), frozenset(), frozenset({"chloe@example.com", "cmartin"}))
MARTIN = Actor(Person("https://idp|8", "Martin Chlo"), frozenset(), frozenset({"chloe@other.example"}))
BEN = Actor(Person("ben.okafor", "Ben Okafor"), frozenset())
KNOWN = (CHLOE, MARTIN, BEN)


@pytest.mark.parametrize(
    ("text", "people", "unknown"),
    [
        ("@cmartin look", ["https://idp|7"], ()),
        ("@chloe.martin, please", ["https://idp|7"], ()),
        ("@Chloé.Martin please", ["https://idp|7"], ()),
        ("(@ben.okafor) and @BEN.OKAFOR", ["ben.okafor"], ()),
        ("@chloe is two people", [], ("chloe",)),
        ("@nobody @ben.okafor", ["ben.okafor"], ("nobody",)),
        ("mail ben.okafor@cmartin.com or models:/census@champion", [], ()),
        ("@ alone, @@twice", [], ()),
        ("", [], ()),
    ],
)
def test_mention__of_one_person__tells_them_and_nobody_else(
    text: str, people: list[str], unknown: tuple[str, ...]
) -> None:
    found = mentioned(text, KNOWN)
    assert [person.id for person in found.people] == people
    assert found.unknown == unknown
