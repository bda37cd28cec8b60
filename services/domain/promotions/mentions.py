"""Resolves ``@name`` in a discussion: by id, by a name in another system, or by the person's name.

Rules kept here:
- an unknown or ambiguous name mentions nobody and is reported;
- a name inside a word or an address (``models:/x@champion``, ``ana@example.com``) mentions nobody.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from services.domain.identity.people import Actor, Person

NAME = re.compile(r"(?<![\w@])@([\w][\w.:|-]{0,198}\w)")


@dataclass(frozen=True)
class Mentioned:
    """The resolved names of a text."""

    people: tuple[Person, ...] = ()
    unknown: tuple[str, ...] = ()
    """Names as typed that match nobody or several people."""


def mentioned(text: str, known: Sequence[Actor]) -> Mentioned:
    """The people whom a text mentions, each once, in order."""
    people: dict[str, Person] = {}
    unknown: list[str] = []
    for name in dict.fromkeys(NAME.findall(text)):
        found = {actor.person.id: actor.person for actor in known if _folded(name) in handles(actor)}
        if len(found) == 1:
            people |= found
        else:
            unknown.append(name)
    return Mentioned(tuple(people.values()), tuple(unknown))


def handles(actor: Actor) -> frozenset[str]:
    """All names for this person after an @, case-folded:  ``chloe.martin`` for Chloé Martin."""
    names = {actor.person.id, *actor.known_as, actor.person.name.replace(" ", ".")}
    names |= {name.partition("@")[0] for name in names if "@" in name}
    return frozenset(_folded(name) for name in names if name)


def _folded(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.strip().casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))
