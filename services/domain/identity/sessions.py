"""Sign-ins: who somebody is by the identity provider, and how long that is believed.

Rules kept here:
- a session ends at a fixed age, after idle time, when it is revoked, and when its roles are no longer fresh;
- what the provider said at sign-in is a snapshot: roles hold only while they are fresh.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.domain.identity.people import Actor, Person, Role


@dataclass(frozen=True)
class Identity:
    """Somebody as the identity provider (or the demo's picker) describes them now."""

    person: Person
    roles: frozenset[Role]
    email: str = ""
    title: str = ""
    known_as: frozenset[str] = frozenset()
    """Names under which other systems know the person, lower case."""
    groups: frozenset[str] = frozenset()
    """Those of the provider's groups that the policy names for disciplines and rights; no others are kept."""
    signed_in: datetime | None = None
    """When they last proved who they are, where that is known."""


@dataclass(frozen=True)
class Session:
    """One sign-in of one browser. `id` is the hash of the cookie: the cookie itself is kept nowhere."""

    id: str
    identity: Identity
    started: datetime
    seen: datetime
    roles_read: datetime
    sealed: str = ""
    """The provider's tokens, encrypted; empty in the demo."""
    ended: datetime | None = None
    authenticated: datetime | None = None
    """When the person was last asked who they are; None where the provider does not say, which is never fresh."""
    provider_session: str = ""
    """The provider's id of its own session, where it tells one."""

    @property
    def actor(self) -> Actor:
        """The person at work with the roles as last read."""
        return Actor(self.identity.person, self.identity.roles, self.identity.known_as)


@dataclass(frozen=True)
class SessionRules:
    """How long a sign-in is believed."""

    max_age: timedelta = timedelta(hours=12)
    idle: timedelta = timedelta(hours=2)
    roles_max_age: timedelta | None = timedelta(hours=1)
    """None where roles cannot change: the demo."""
    issuer: str = ""
    """People of this identity provider only; empty in the demo, whose people have no issuer."""

    def holds(self, session: Session, now: datetime) -> bool:
        """True while the session may be used. A clock that went back ends nothing early and prolongs nothing."""
        issuer, _, _ = session.identity.person.id.rpartition("|")
        if issuer != self.issuer:
            return False
        if session.ended is not None or now >= session.started + self.max_age or now >= session.seen + self.idle:
            return False
        return self.roles_max_age is None or now < session.roles_read + self.roles_max_age
