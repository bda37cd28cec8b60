"""Sessions: a person's identity according to the identity provider, and how long it stays valid.

Rules kept here:
- a session ends at a fixed age, after idle time, when it is revoked, or when its roles are stale;
- the provider's answer at sign-in is a snapshot: roles are valid only while fresh.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.domain.identity.people import Actor, Person, Role


@dataclass(frozen=True)
class Identity:
    """A person as the identity provider (or the demo's picker) currently describes them."""

    person: Person
    roles: frozenset[Role]
    email: str = ""
    title: str = ""
    known_as: frozenset[str] = frozenset()
    """Names under which other systems know the person, lower case."""
    groups: frozenset[str] = frozenset()
    """The provider's groups that the policy uses for disciplines and rights; others are not kept."""
    signed_in: datetime | None = None
    """When they last authenticated, if known."""


@dataclass(frozen=True)
class Session:
    """One session of one browser. `id` is the hash of the cookie; the cookie itself is not stored."""

    id: str
    identity: Identity
    started: datetime
    seen: datetime
    roles_read: datetime
    sealed: str = ""
    """The provider's tokens, encrypted; empty in the demo."""
    ended: datetime | None = None
    authenticated: datetime | None = None
    """When the person last authenticated; None if the provider does not report it, which never counts as fresh."""
    provider_session: str = ""
    """The provider's session id, if it reports one."""

    @property
    def actor(self) -> Actor:
        """The person with the roles as last read."""
        return Actor(self.identity.person, self.identity.roles, self.identity.known_as)


@dataclass(frozen=True)
class SessionRules:
    """How long a session stays valid."""

    max_age: timedelta = timedelta(hours=12)
    idle: timedelta = timedelta(hours=2)
    roles_max_age: timedelta | None = timedelta(hours=1)
    """None if roles cannot change, as in the demo."""
    issuer: str = ""
    """Only people of this identity provider; empty in the demo, whose people have no issuer."""

    def holds(self, session: Session, now: datetime) -> bool:
        """True while the session is valid. Setting the clock back neither ends nor extends a session."""
        issuer, _, _ = session.identity.person.id.rpartition("|")
        if issuer != self.issuer:
            return False
        if session.ended is not None or now >= session.started + self.max_age or now >= session.seen + self.idle:
            return False
        return self.roles_max_age is None or now < session.roles_read + self.roles_max_age
