"""Sessions, known people and service tokens in SQL, on the caller's connection."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services.database.tables.sign_ins import known_person, service_token, sign_in_session
from services.domain.identity.people import Person, Role
from services.domain.identity.sessions import Identity, Session
from services.domain.identity.tokens import Scope, ServiceToken
from services.errors import NotFoundError

_S = sign_in_session.c
_T = service_token.c


class SessionStore:
    """All statements about sessions and known people."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, session: Session, *, reread_from: datetime) -> None:
        """Store a new session."""
        values = _identity_row(session.identity) | {
            "id": session.id, "started": session.started,
            "authenticated": session.authenticated, "seen": session.seen, "roles_read": session.roles_read,
            "reread_from": reread_from, "sealed": session.sealed, "ended": None, "end_reason": "",
            "provider_session": session.provider_session,
        }  # fmt: skip
        self._connection.execute(insert(sign_in_session).values(values))

    def get(self, session_id: str) -> Session | None:
        """One session."""
        row = self._connection.execute(select(sign_in_session).where(_S.id == session_id)).mappings().first()
        return None if row is None else _session(row)

    def touch(self, session_id: str, seen: datetime) -> None:
        """Update the time of last use; a late writer never moves it back."""
        self._connection.execute(
            update(sign_in_session).where(_S.id == session_id, _S.seen < seen, _S.ended.is_(None)).values(seen=seen)
        )

    def end(self, session_id: str, at: datetime, reason: str) -> bool:
        """End one session."""
        statement = update(sign_in_session).where(_S.id == session_id, _S.ended.is_(None))
        values = {"ended": at, "end_reason": reason, "sealed": ""}
        return self._connection.execute(statement.values(values)).rowcount == 1

    def end_all_of(self, person_id: str, at: datetime, reason: str) -> int:
        """End every session of a person."""
        statement = update(sign_in_session).where(_S.person_id == person_id, _S.ended.is_(None))
        return self._connection.execute(statement.values(ended=at, end_reason=reason, sealed="")).rowcount

    def open_of(self, person_id: str, provider_session: str, begun_before: datetime) -> Sequence[Session]:
        """Open sessions of the provider's session, or of the person."""
        whose = _S.provider_session == provider_session if provider_session else _S.person_id == person_id
        query = select(sign_in_session).where(_S.ended.is_(None), _S.started < begun_before, whose)
        return [_session(row) for row in self._connection.execute(query).mappings()]

    def claim_reread(self, now: datetime, *, until: datetime) -> Session | None:
        """One open session whose roles are due for a refresh."""
        due = (_S.ended.is_(None), _S.reread_from <= now, _S.sealed != "")
        row = self._connection.execute(
            select(sign_in_session).where(*due).order_by(_S.reread_from).limit(1)
        ).mappings().first()  # fmt: skip
        if row is None:
            return None
        taken = update(sign_in_session).where(_S.id == row["id"], *due).values(reread_from=until)
        return _session(row) if self._connection.execute(taken).rowcount == 1 else None

    def renew(self, session: Session, *, reread_from: datetime) -> None:
        """Store refreshed roles."""
        values = _identity_row(session.identity) | {
            "roles_read": session.roles_read, "sealed": session.sealed, "reread_from": reread_from,
        }  # fmt: skip
        statement = update(sign_in_session).where(_S.id == session.id, _S.ended.is_(None))
        self._connection.execute(statement.values(values))

    def put_person(self, identity: Identity, now: datetime) -> None:
        """Store a person as last seen."""
        row = _identity_row(identity)
        row["id"], row["name"] = row.pop("person_id"), row.pop("person_name")
        row["last_seen"] = now
        kind = postgresql.insert if self._connection.dialect.name == "postgresql" else sqlite.insert
        added = kind(known_person).values(row | {"first_seen": now})
        self._connection.execute(added.on_conflict_do_update(index_elements=["id"], set_=row))

    def people(self, *, seen_since: datetime | None = None) -> Sequence[Identity]:
        """Everybody who ever signed in, or was seen since then."""
        query = select(known_person).order_by(known_person.c.name)
        query = query if seen_since is None else query.where(known_person.c.last_seen >= seen_since)
        rows = self._connection.execute(query).mappings()
        return [_identity({**row, "person_id": row["id"], "person_name": row["name"]}) for row in rows]

    def drop_ended(self, before: datetime) -> int:
        """Delete old sessions."""
        return self._connection.execute(
            delete(sign_in_session).where(or_(_S.ended < before, _S.seen < before))
        ).rowcount  # fmt: skip


class TokenStore:
    """All statements about service tokens."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, token: ServiceToken, digest: str) -> None:
        """Store a new token."""
        values = {
            "id": token.id, "name": token.name, "digest": digest, "scopes": sorted(token.scopes),
            "created": token.created, "creator_id": token.created_by.id, "creator_name": token.created_by.name,
            "expires": token.expires,
        }  # fmt: skip
        self._connection.execute(insert(service_token).values(values))

    def by_digest(self, digest: str) -> ServiceToken | None:
        """The token with this hash."""
        row = self._connection.execute(select(service_token).where(_T.digest == digest)).mappings().first()
        return None if row is None else _token(row)

    def used(self, token_id: str, at: datetime) -> None:
        """Record a use."""
        self._connection.execute(update(service_token).where(_T.id == token_id).values(last_used=at))

    def find(self) -> Sequence[ServiceToken]:
        """All tokens, newest first."""
        rows = self._connection.execute(select(service_token).order_by(_T.created.desc(), _T.id)).mappings()
        return [_token(row) for row in rows]

    def revoke(self, token_id: str, at: datetime) -> ServiceToken:
        """Revoke; the first revocation time is kept."""
        statement = update(service_token).where(_T.id == token_id, _T.revoked.is_(None))
        self._connection.execute(statement.values(revoked=at))
        row = self._connection.execute(select(service_token).where(_T.id == token_id)).mappings().first()
        if row is None:
            raise NotFoundError(f"There is no token {token_id}.", hint="`countersign token list` shows them.")
        return _token(row)


def _identity_row(identity: Identity) -> dict[str, Any]:
    return {
        "person_id": identity.person.id, "person_name": identity.person.name, "email": identity.email,
        "title": identity.title, "roles": sorted(identity.roles), "known_as": sorted(identity.known_as),
        "groups": sorted(identity.groups),
    }  # fmt: skip


def _identity(row: RowMapping | dict[str, Any]) -> Identity:
    return Identity(
        person=Person(row["person_id"], row["person_name"]),
        roles=frozenset(Role(role) for role in row["roles"]),
        email=row["email"],
        title=row["title"],
        known_as=frozenset(row["known_as"]),
        groups=frozenset(row["groups"]),
    )


def _session(row: RowMapping) -> Session:
    return Session(
        id=row["id"],
        identity=_identity(row),
        started=row["started"],
        seen=row["seen"],
        roles_read=row["roles_read"],
        sealed=row["sealed"],
        provider_session=row["provider_session"],
        ended=row["ended"],
        authenticated=row["authenticated"],
    )


def _token(row: RowMapping) -> ServiceToken:
    return ServiceToken(
        id=row["id"],
        name=row["name"],
        scopes=frozenset(Scope(scope) for scope in row["scopes"]),
        created=row["created"],
        created_by=Person(row["creator_id"], row["creator_name"]),
        expires=row["expires"],
        last_used=row["last_used"],
        revoked=row["revoked"],
    )
