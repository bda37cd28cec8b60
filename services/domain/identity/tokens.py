"""Service tokens: what a pipeline or training job shows to the API.

Rules kept here:
- a token has a name, scopes and an end; the secret is shown once and only its hash is kept;
- a token reads and opens requests; no scope lets it decide.
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
    """One token as it is listed: without its secret."""

    id: str
    name: str
    scopes: frozenset[Scope]
    created: datetime
    created_by: Person
    expires: datetime
    last_used: datetime | None = None
    revoked: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """True while the token may be used."""
        return self.revoked is None and now < self.expires

    @property
    def actor(self) -> Actor:
        """The service at work: never a person, and nothing beyond its scopes."""
        limit = frozenset[Permission]().union(*(PERMISSIONS_OF[scope] for scope in self.scopes))
        return Actor(Person(f"service:{self.name}", f"{self.name} (service)"), frozenset({Role.SERVICE}), limit=limit)
