"""Service tokens, with which a pipeline or training job authenticates to the API.

Rules kept here:
- a token has a name, scopes and an expiry; the secret is shown once and only its hash is stored;
- a token can read and open requests; no scope allows decisions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.domain.identity.people import Actor, Permission, Person, Role


class Scope(StrEnum):
    """What a token is for."""

    READ = "read"
    OPEN_REQUESTS = "open_requests"


PERMISSIONS_OF: dict[Scope, frozenset[Permission]] = {
    Scope.READ: frozenset({Permission.BROWSE, Permission.READ_LEDGER}),
    Scope.OPEN_REQUESTS: frozenset({Permission.OPEN_REQUEST, Permission.BROWSE}),
}


@dataclass(frozen=True)
class ServiceToken:
    """One token as listed, without its secret."""

    id: str
    name: str
    scopes: frozenset[Scope]
    created: datetime
    created_by: Person
    expires: datetime
    last_used: datetime | None = None
    revoked: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """True while the token is valid."""
        return self.revoked is None and now < self.expires

    @property
    def actor(self) -> Actor:
        """The service as an actor: never a person, and limited to its scopes."""
        limit = frozenset[Permission]().union(*(PERMISSIONS_OF[scope] for scope in self.scopes))
        return Actor(Person(f"service:{self.name}", f"{self.name} (service)"), frozenset({Role.SERVICE}), limit=limit)
