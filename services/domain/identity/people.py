"""People, roles and what each role may do.

Rules kept here:
- a person is an immutable id (issuer and subject in production) plus a display name; names change, ids do not;
- a role gives permissions, never identity: four eyes look at the person, not at the role;
- a service (a token of a pipeline) may read and open requests, and never decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What the identity provider's groups are mapped to."""

    READER = "reader"
    DATA_SCIENTIST = "data_scientist"
    REVIEWER = "reviewer"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    SERVICE = "service"
    ADMINISTRATOR = "administrator"
    """Whoever runs the portal, on its command line: tokens and sign-ins, nothing of the work itself."""


class Permission(StrEnum):
    """One thing that somebody may do."""

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
    """All that these roles give."""
    return frozenset[Permission]().union(*(PERMISSIONS[role] for role in roles))


@dataclass(frozen=True)
class Person:
    """Somebody, as the ledger names them for ever."""

    id: str
    name: str


@dataclass(frozen=True)
class Actor:
    """A person (or service) at work, with the roles that hold at this moment."""

    person: Person
    roles: frozenset[Role]
    known_as: frozenset[str] = frozenset()
    """Names under which other systems know the same person: e-mail, user name, directory id. Lower case."""
    limit: frozenset[Permission] | None = None
    """Scopes of a service token: nothing beyond these, whatever the roles give."""
    groups: frozenset[str] = field(default=frozenset(), kw_only=True)
    """Groups of the identity provider, where it says them; roles and disciplines are mapped from these."""
    signed_in: datetime | None = field(default=None, kw_only=True)
    """When the person last signed in; None when that is unknown, which is never fresh."""

    def may(self, permission: Permission) -> bool:
        """True when one of the roles gives the permission, and no scope takes it away."""
        if self.limit is not None and permission not in self.limit:
            return False
        roles = frozenset({Role.SERVICE}) if self.is_service else self.roles  # no group makes more of a service
        return any(permission in PERMISSIONS[role] for role in roles)

    def is_known_as(self, name: str | None) -> bool:
        """True when another system means this person by that name."""
        return bool(name) and (name == self.person.id or str(name).strip().lower() in self.known_as)

    def is_called(self, name: str) -> bool:
        """True when the name gives this person rights: the id, or a whole name. The part before an at sign does not.

        Anybody's provider may hand out ``chloe.martin@elsewhere``; for four eyes the short form counts (`is_known_as`),
        because there it only keeps people from deciding.
        """
        short = name.strip().lower()
        is_part = "@" not in short and any(known.startswith(f"{short}@") for known in self.known_as)
        return name == self.person.id or (short in self.known_as and not is_part)

    @property
    def works_here(self) -> bool:
        """False for those who only read: auditors and readers change nothing, whatever a policy names them for."""
        return not self.is_service and self.may(Permission.COMMENT)

    @property
    def is_service(self) -> bool:
        """True for a token of a pipeline or job."""
        return Role.SERVICE in self.roles


SYSTEM = Actor(Person("system", "Countersign"), frozenset())
"""The portal itself: side effects are first-class entries under this name."""


@dataclass(frozen=True)
class Circle:
    """People named by role, by group of the identity provider, or one by one. An empty circle holds nobody."""

    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    people: tuple[str, ...] = ()

    def has(self, actor: Actor) -> bool:
        """True when the actor is in the circle by any of the three."""
        by_role = any(role.value in self.roles for role in actor.roles)
        return by_role or bool(actor.groups & set(self.groups)) or any(actor.is_called(name) for name in self.people)

    def in_words(self) -> str:
        """For people: ``role reviewer, group model-risk, chloe.martin``."""
        parts = [f"role {name.replace('_', ' ')}" for name in self.roles]
        return ", ".join(parts + [f"group {name}" for name in self.groups] + list(self.people)) or "nobody"
