"""Sessions of people, kept in the portal's database: revocable, with a maximum age, shared by all replicas.

The cookie is 256 random bits; only its SHA-256 is stored, so a copy of the database opens no session.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from services.database.unit import Unit, Units
from services.domain.identity.people import SYSTEM, Actor, Permission, Role
from services.domain.identity.sessions import Identity, Session, SessionRules
from services.errors import NotAllowedError, PortalError, UpstreamRefusedError
from services.ledger.actions import Action
from services.ledger.tree.canonical import Json
from services.ledger.tree.entry import Subject
from services.ports.identity import Ended
from services.ports.time import Clock

log = logging.getLogger(__name__)

TOUCH_EVERY = timedelta(seconds=60)
REREAD_LEASE = timedelta(seconds=60)
KEEP_ENDED = timedelta(days=7)
LOGOUT_LEEWAY = timedelta(seconds=60)
"""How far the provider's clock may lag behind the portal's."""


class RoleReader(Protocol):
    """Refreshes an identity at the identity provider."""

    def read_again(self, sealed: str) -> tuple[Identity, str]:
        """Identity and new sealed tokens. Raises UpstreamRefusedError (session over), UpstreamUnavailableError."""


class SessionDesk:
    """Starts, finds and ends sessions."""

    def __init__(
        self, units: Units, clock: Clock, *, rules: SessionRules, reread_every: timedelta = timedelta(minutes=15)
    ) -> None:
        self._units = units
        self._clock = clock
        self._every = reread_every
        self.rules = rules

    def start(
        self,
        identity: Identity,
        *,
        sealed: str = "",
        instead_of: str | None = None,
        authenticated: datetime | None = None,
        provider_session: str = "",
    ) -> str:
        """Start a session and return its cookie; an earlier session of the same browser ends."""
        cookie = secrets.token_urlsafe(32)
        now = self._clock.now()
        session = Session(
            digest(cookie), identity, started=now, seen=now, roles_read=now, sealed=sealed,
            authenticated=authenticated, provider_session=provider_session[:300],
        )  # fmt: skip
        with self._units.begin() as unit:
            if instead_of:
                unit.sessions.end(digest(instead_of), now, "signed in again")
            unit.sessions.add(session, reread_from=now + self._every)
            unit.sessions.put_person(identity, now)
            _record(unit, session.actor, Action.SESSION_SIGNED_IN, identity, after=sorted(identity.roles))
        return cookie

    def find(self, cookie: str | None, *, is_at_work: bool = True) -> Session | None:
        """The valid session of a cookie. `is_at_work` is False for requests that the person did not make."""
        if not cookie:
            return None
        now = self._clock.now()
        with self._units.read() as unit:
            session = unit.sessions.get(digest(cookie))
        if session is None or not self.rules.holds(session, now):
            return None
        if is_at_work and now - session.seen >= TOUCH_EVERY:
            with self._units.begin() as unit:
                unit.sessions.touch(session.id, now)
        return session

    def end(self, cookie: str | None) -> Session | None:
        """Sign out; returns the session as it was, with its tokens, or None if there was none."""
        if not cookie:
            return None
        with self._units.begin() as unit:
            session = unit.sessions.get(digest(cookie))
            if session is None or not unit.sessions.end(session.id, self._clock.now(), "signed out"):
                return None
            _record(unit, session.actor, Action.SESSION_SIGNED_OUT, session.identity)
        return session

    def end_all_of(self, actor: Actor, person_id: str, *, reason: str = "revoked") -> int:
        """End every session of a person, everywhere; returns how many. Raises NotAllowedError."""
        if not actor.may(Permission.MANAGE_ACCESS):
            raise NotAllowedError("Only administrators can end sessions of others.", hint="Use the command line.")
        with self._units.begin() as unit:
            count = unit.sessions.end_all_of(person_id, self._clock.now(), reason)
            if count:
                subject = Subject("person", person_id)
                unit.ledger.append(actor, Action.SESSION_SIGNED_OUT, subject, reason=reason)
        return count

    def end_at_provider(self, ended: Ended) -> int:
        """The provider signed somebody out; returns how many sessions ended. Later ones stay: a replay ends nothing."""
        begun_before = ended.at + LOGOUT_LEEWAY
        with self._units.begin() as unit:
            found = unit.sessions.open_of(ended.person_id, ended.provider_session, begun_before)
            for session in found:
                unit.sessions.end(session.id, self._clock.now(), "signed out at the provider")
                _record(unit, SYSTEM, Action.SESSION_SIGNED_OUT, session.identity, reason="Signed out at the provider.")
        return len(found)

    def reread_due(self, reader: RoleReader) -> int:
        """Refresh the roles that are due at the provider; called by the worker."""
        count = 0
        while (session := self._claim()) is not None:
            self._reread(session, reader)
            count += 1
        with self._units.begin() as unit:
            unit.sessions.drop_ended(self._clock.now() - self.rules.max_age - KEEP_ENDED)
        return count

    def _claim(self) -> Session | None:
        now = self._clock.now()
        with self._units.begin() as unit:
            return unit.sessions.claim_reread(now, until=now + REREAD_LEASE)

    def _reread(self, session: Session, reader: RoleReader) -> None:
        now = self._clock.now()
        if not self.rules.holds(session, now):
            self._end(session, "expired", "The session is over.")
            return
        try:
            identity, sealed = reader.read_again(session.sealed)
        except UpstreamRefusedError as error:
            self._end(session, "refused by the provider", error.message)
            return
        except PortalError as error:
            # stale roles stay valid until roles_max_age, then the session ends
            log.warning("The roles of %s could not be refreshed: %s", session.identity.person.id, error.message)
            return
        renewed = replace(session, identity=identity, sealed=sealed, roles_read=now)
        with self._units.begin() as unit:
            unit.sessions.renew(renewed, reread_from=now + self._every)
            unit.sessions.put_person(identity, now)
            _record_roles(unit, session.identity.roles, identity)

    def _end(self, session: Session, why: str, sentence: str) -> None:
        with self._units.begin() as unit:
            if unit.sessions.end(session.id, self._clock.now(), why):
                _record(unit, SYSTEM, Action.SESSION_SIGNED_OUT, session.identity, reason=sentence)


def digest(secret: str) -> str:
    """The stored form of a cookie or token."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _record(
    unit: Unit, actor: Actor, action: Action, identity: Identity, *, after: list[Role] | None = None, reason: str = ""
) -> None:
    told: Json = [role.value for role in after] if after is not None else None
    unit.ledger.append(actor, action, Subject("person", identity.person.id), after=told, reason=reason or None)


def _record_roles(unit: Unit, before: Iterable[Role], identity: Identity) -> None:
    old, new = frozenset(before), identity.roles
    for action, changed in ((Action.ROLE_GRANTED, new - old), (Action.ROLE_REVOKED, old - new)):
        for role in sorted(changed):
            unit.ledger.append(SYSTEM, action, Subject("person", identity.person.id), after=role.value)
