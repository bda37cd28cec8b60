"""Tables of findings, assignments and re-reviews. People are stored as id and name; nothing cascades."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from services.database.tables.metadata import metadata
from services.database.tables.types import UtcDateTime

finding = Table(
    "finding",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("kind", String(30), nullable=False),
    Column("model", String(300), nullable=False),
    Column("version", Integer, doc="null: it applies to every version"),
    Column("environment", String(100), doc="null: it applies to every environment"),
    Column("request_id", String(60)),
    Column("severity", String(20), nullable=False),
    Column("title", Text, nullable=False),
    Column("owner_id", String(300), nullable=False),
    Column("owner_name", String(300), nullable=False),
    Column("due", UtcDateTime, nullable=False),
    Column("opener_id", String(300), nullable=False),
    Column("opener_name", String(300), nullable=False),
    Column("opened", UtcDateTime, nullable=False),
    Column("closed", UtcDateTime),
    Column("closer_id", String(300)),
    Column("closer_name", String(300)),
    Column("resolution", Text, nullable=False),
    Column("idempotency_key", String(200), nullable=False, unique=True),
    Index("ix_finding_model", "model", "closed"),
)

assignment = Table(
    "assignment",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("request_id", String(60), ForeignKey("promotion_request.id"), nullable=False, index=True),
    Column("kind", String(30), nullable=False),
    Column("by_id", String(300), nullable=False),
    Column("by_name", String(300), nullable=False),
    Column("to_id", String(300), nullable=False),
    Column("to_name", String(300), nullable=False),
    Column("slot", String(100), nullable=False),
    Column("until", UtcDateTime),
    Column("reason", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("idempotency_key", String(200), nullable=False, unique=True),
)

re_review = Table(
    "re_review",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("deployment_id", String(60), nullable=False, index=True),
    Column("person_id", String(300), nullable=False),
    Column("person_name", String(300), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("idempotency_key", String(200), nullable=False, unique=True),
)
