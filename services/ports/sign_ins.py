"""What sign-ins and tokens need from the database, inside a unit of work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from services.domain.sessions import Identity, Session
from services.domain.tokens import ServiceToken


class SessionStore(Protocol):
    """All statements about sign-ins and people seen."""

    def add(self, session: Session, *, reread_from: datetime) -> None:
        """Keep a new sign-in."""

    def get(self, session_id: str) -> Session | None:
        """One sign-in, ended ones included."""

    def touch(self, session_id: str, seen: datetime) -> None:
        """The browser was here."""

    def end(self, session_id: str, at: datetime, reason: str) -> bool:
        """End one; False when it had ended before."""

    def end_all_of(self, person_id: str, at: datetime, reason: str) -> int:
        """End every sign-in of a person; returns how many."""

    def open_of(self, person_id: str, provider_session: str, begun_before: datetime) -> Sequence[Session]:
        """Open sign-ins of the provider's session, or, where that is empty, of the person."""

    def claim_reread(self, now: datetime, *, until: datetime) -> Session | None:
        """One open sign-in whose roles are due; others leave it alone until `until`."""

    def renew(self, session: Session, *, reread_from: datetime) -> None:
        """Write identity, time and tokens of a re-read, unless it has ended meanwhile."""

    def put_person(self, identity: Identity, now: datetime) -> None:
        """Keep how somebody was last seen."""

    def people(self, *, seen_since: datetime | None = None) -> Sequence[Identity]:
        """Everybody who ever signed in, as last seen."""

    def drop_ended(self, before: datetime) -> int:
        """Delete sign-ins that ended, or were last seen, before a moment; returns how many."""


class TokenStore(Protocol):
    """All statements about service tokens."""

    def add(self, token: ServiceToken, digest: str) -> None:
        """Keep a new token by the hash of its secret."""

    def by_digest(self, digest: str) -> ServiceToken | None:
        """The token with this hash, revoked and expired ones included."""

    def used(self, token_id: str, at: datetime) -> None:
        """Note a use."""

    def find(self) -> Sequence[ServiceToken]:
        """All tokens, newest first."""

    def revoke(self, token_id: str, at: datetime) -> ServiceToken:
        """Revoke; the first time stands. Raises NotFoundError."""


class ReadStore(Protocol):
    """All statements about reads of evidence."""

    def is_noted(self, person_id: str, digest: str, day: date) -> bool:
        """True when this person has read this evidence on this day."""

    def note(self, person_id: str, digest: str, day: date) -> bool:
        """Note it; False when somebody was faster (the same person in two tabs)."""
