"""The known people, for the linter and the replay: from a file, or those who have signed in.

The file is YAML or JSON, a list of `{id, name, roles, groups}`; groups also give roles through the policy's `roles`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from services.domain.identity.people import Actor, Person, Role
from services.domain.policy import Governance
from services.errors import InvalidInputError
from services.policies import telling, yaml_lines


class _PersonFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str = ""
    roles: tuple[Role, ...] = ()
    groups: tuple[str, ...] = ()


_PEOPLE = TypeAdapter(tuple[_PersonFile, ...])


def read_people(path: Path, rules: Governance) -> tuple[Actor, ...]:
    """The people in a file, with the roles that the policy gives them. Raises InvalidInputError."""
    listed = _listed(path)
    ids = [person.id for person in listed]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise InvalidInputError(f"{path} lists people twice: {', '.join(twice)}.", hint="List each person once.")
    return tuple(
        Actor(
            Person(person.id, person.name or person.id),
            frozenset(person.roles) | roles_of(person.groups, rules.groups),
            groups=frozenset(person.groups),
        )
        for person in listed
    )


def _listed(path: Path) -> tuple[_PersonFile, ...]:
    root, text = None, ""
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml_lines.compose(text)
        return _PEOPLE.validate_python(yaml_lines.data_of(root))
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read ({error.strerror}).", hint="Name a file of people.") from error
    except ValidationError as error:
        found = telling.in_words(telling.problems(root, error))
    except UnicodeDecodeError:
        found = "it is not UTF-8 text."
    except RecursionError:
        found = "it is nested too deeply."
    except (yaml.YAMLError, ValueError) as error:
        found = f"{yaml_lines.problem_of(error, text)}."
    raise InvalidInputError(
        f"{path} is not a list of people: {found}", hint="It must be a list of {id, name, roles, groups}."
    )


def roles_of(groups: Sequence[str], mapping: Mapping[str, Sequence[str]]) -> frozenset[Role]:
    """The roles that these groups map to."""
    return frozenset(Role(role) for role, theirs in mapping.items() if set(theirs) & set(groups))
