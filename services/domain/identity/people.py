"""People, roles and what each role may do.

Rules kept here:
- a person is an immutable id (issuer and subject in production) plus a display name; names change, ids do not;
- a role gives permissions, never identity: the four-eyes rule applies to the person, not to the role;
- a service (a token of a pipeline) may read and open requests, but never decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """Roles, to which the identity provider's groups map."""

    READER = "reader"
    DATA_SCIENTIST = "data_scientist"
    REVIEWER = "reviewer"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    SERVICE = "service"
    ADMINISTRATOR = "administrator"
    """The portal's operator on the command line: manages tokens and sessions, takes no part in reviews."""


class Permission(StrEnum):
    """One permitted action."""

    BROWSE = "browse"
    COMMENT = "comment"
    OPEN_REQUEST = "open_request"
    DECIDE = "decide"
    OPERATE_RELEASE = "operate_release"
    READ_LEDGER = "read_ledger"
    LOOK_UP_PREDICTION = "look_up_prediction"
    SEE_INPUTS = "see_inputs"
    EXPORT = "export"
    MANAGE_ACCESS = "manage_access"


_READ = frozenset({Permission.BROWSE, Permission.READ_LEDGER})

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.READER: _READ,
    Role.DATA_SCIENTIST: _READ
    | {Permission.COMMENT, Permission.OPEN_REQUEST, Permission.LOOK_UP_PREDICTION, Permission.SEE_INPUTS},
    Role.REVIEWER: _READ
    | {Permission.COMMENT, Permission.DECIDE, Permission.LOOK_UP_PREDICTION, Permission.SEE_INPUTS},
    Role.OPERATOR: _READ | {Permission.COMMENT, Permission.OPERATE_RELEASE},
    Role.AUDITOR: _READ | {Permission.LOOK_UP_PREDICTION, Permission.SEE_INPUTS, Permission.EXPORT},
    Role.SERVICE: _READ | {Permission.OPEN_REQUEST},
    Role.ADMINISTRATOR: frozenset({Permission.MANAGE_ACCESS}),
}


def permissions_of(roles: Iterable[Role]) -> frozenset[Permission]:
    """All permissions of these roles."""
    return frozenset[Permission]().union(*(PERMISSIONS[role] for role in roles))


@dataclass(frozen=True)
class Person:
    """A person or service, as the ledger names them permanently."""

    id: str
    name: str


@dataclass(frozen=True)
class Actor:
    """A person (or service) with their current roles."""

    person: Person
    roles: frozenset[Role]
    known_as: frozenset[str] = frozenset()
    """Names under which other systems know the same person: e-mail, user name, directory id. Lower case."""
    limit: frozenset[Permission] | None = None
    """Scopes of a service token; they limit what the roles give."""
    groups: frozenset[str] = field(default=frozenset(), kw_only=True)
    """Groups reported by the identity provider; they map to roles and disciplines."""
    signed_in: datetime | None = field(default=None, kw_only=True)
    """When the person last signed in; None if unknown, which never counts as fresh."""

    def may(self, permission: Permission) -> bool:
        """True if a role gives the permission and no scope removes it."""
        if self.limit is not None and permission not in self.limit:
            return False
        roles = frozenset({Role.SERVICE}) if self.is_service else self.roles  # groups give a service no further roles
        return any(permission in PERMISSIONS[role] for role in roles)

    def is_known_as(self, name: str | None) -> bool:
        """True if another system uses this name for the person."""
        return bool(name) and (name == self.person.id or str(name).strip().lower() in self.known_as)

    def is_called(self, name: str) -> bool:
        """True if the name gives this person rights: the id or a full name, but not the part before an at sign.

        Any provider may issue ``chloe.martin@elsewhere``. For the four-eyes rule the short form counts (`is_known_as`),
        because there it can only prevent a decision.
        """
        short = name.strip().lower()
        is_part = "@" not in short and any(known.startswith(f"{short}@") for known in self.known_as)
        return name == self.person.id or (short in self.known_as and not is_part)

    @property
    def works_here(self) -> bool:
        """False for auditors and readers: they only read, whatever a policy names them for."""
        return not self.is_service and self.may(Permission.COMMENT)

    @property
    def is_service(self) -> bool:
        """True for a token of a pipeline or job."""
        return Role.SERVICE in self.roles


SYSTEM = Actor(Person("system", "Countersign"), frozenset())
"""The portal itself: the ledger records side effects under this name."""


@dataclass(frozen=True)
class Circle:
    """People named by role, by group of the identity provider, or one by one. An empty circle includes nobody."""

    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    people: tuple[str, ...] = ()

    def has(self, actor: Actor) -> bool:
        """True if the actor is in the circle by role, group or id."""
        by_role = any(role.value in self.roles for role in actor.roles)
        return by_role or bool(actor.groups & set(self.groups)) or any(actor.is_called(name) for name in self.people)

    def in_words(self) -> str:
        """For people: ``role reviewer, group model-risk, chloe.martin``."""
        parts = [f"role {name.replace('_', ' ')}" for name in self.roles]
        return ", ".join(parts + [f"group {name}" for name in self.groups] + list(self.people)) or "nobody"
