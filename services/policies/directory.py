"""The people there are, for the linter and the replay: out of a file, or those whom the portal knows.

The file is YAML or JSON, a list of `{id, name, roles, groups}`; roles also follow from groups by the policy's `roles`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from services.domain.people import Actor, Person, Role
from services.domain.policy import Governance
from services.errors import InvalidInputError


class _PersonFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str = ""
    roles: tuple[Role, ...] = ()
    groups: tuple[str, ...] = ()


_PEOPLE = TypeAdapter(tuple[_PersonFile, ...])


def read_people(path: Path, rules: Governance) -> tuple[Actor, ...]:
    """The people of a file with the roles that the policy gives them. Raises InvalidInputError."""
    try:
        listed = _PEOPLE.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")) or ())
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read ({error.strerror}).", hint="Give a file of people.") from error
    except (yaml.YAMLError, ValidationError, UnicodeDecodeError) as error:
        told = str(error).splitlines()[0]
        hint = "It must be a list of {id, name, roles, groups}."
        raise InvalidInputError(f"{path} is no list of people: {told}.", hint=hint) from error
    ids = [person.id for person in listed]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise InvalidInputError(f"{path} lists somebody twice: {', '.join(twice)}.", hint="One person counts once.")
    return tuple(
        Actor(
            Person(person.id, person.name or person.id),
            frozenset(person.roles) | roles_of(person.groups, rules.groups),
            groups=frozenset(person.groups),
        )
        for person in listed
    )


def roles_of(groups: Sequence[str], mapping: Mapping[str, Sequence[str]]) -> frozenset[Role]:
    """The roles that these groups give."""
    return frozenset(Role(role) for role, theirs in mapping.items() if set(theirs) & set(groups))
