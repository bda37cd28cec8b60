"""Tables of sessions, known people and service tokens. Secrets are hashed or encrypted, never plain."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, String, Table, Text

from services.database.tables.metadata import metadata
from services.database.tables.types import UtcDateTime

sign_in_session = Table(
    "sign_in_session",
    metadata,
    Column("id", String(64), primary_key=True, doc="SHA-256 of the cookie"),
    Column("person_id", String(300), nullable=False, index=True),
    Column("person_name", String(300), nullable=False),
    Column("email", String(320), nullable=False),
    Column("title", String(300), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("known_as", JSON, nullable=False),
    Column("groups", JSON, nullable=False, server_default="[]", doc="only those that the policy names"),
    Column("started", UtcDateTime, nullable=False),
    Column("authenticated", UtcDateTime, doc="when the person last authenticated; NULL: unknown"),
    Column("seen", UtcDateTime, nullable=False),
    Column("roles_read", UtcDateTime, nullable=False),
    Column("reread_from", UtcDateTime, nullable=False, doc="workers do not refresh before then"),
    Column("sealed", Text, nullable=False, doc="the provider's tokens, encrypted"),
    Column("provider_session", String(300), nullable=False, server_default="", doc="the provider's session id"),
    Column("ended", UtcDateTime),
    Column("end_reason", String(60), nullable=False),
    Index("ix_sign_in_session_open", "ended", "reread_from"),
)

known_person = Table(
    "known_person",
    metadata,
    Column("id", String(300), primary_key=True),
    Column("name", String(300), nullable=False),
    Column("email", String(320), nullable=False),
    Column("title", String(300), nullable=False),
    Column("roles", JSON, nullable=False, doc="as last read; a hint for notifications, never a right"),
    Column("known_as", JSON, nullable=False),
    Column("groups", JSON, nullable=False, server_default="[]", doc="only those that the policy names"),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
)

service_token = Table(
    "service_token",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("name", String(100), nullable=False, index=True),
    Column("digest", String(64), nullable=False, unique=True, doc="SHA-256 of the secret (256 random bits)"),
    Column("scopes", JSON, nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("creator_id", String(300), nullable=False),
    Column("creator_name", String(300), nullable=False),
    Column("expires", UtcDateTime, nullable=False),
    Column("last_used", UtcDateTime),
    Column("revoked", UtcDateTime),
)
