"""People, roles and what each role may do.

Rules kept here:
- a person is an immutable id (issuer and subject in production) plus a display name; names change, ids do not;
- a role gives permissions, never identity: four eyes look at the person, not at the role;
- a service (a token of a pipeline) may read and open requests, and never decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What the identity provider's groups are mapped to."""

    READER = "reader"
    DATA_SCIENTIST = "data_scientist"
    REVIEWER = "reviewer"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    SERVICE = "service"


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
}


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

    def may(self, permission: Permission) -> bool:
        """True when one of the roles gives the permission."""
        return any(permission in PERMISSIONS[role] for role in self.roles)

    @property
    def is_service(self) -> bool:
        """True for a token of a pipeline or job."""
        return Role.SERVICE in self.roles


SYSTEM = Actor(Person("system", "Countersign"), frozenset())
"""The portal itself: side effects are first-class entries under this name."""
