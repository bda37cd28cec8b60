"""Tables of notifications: the ledger position and the outbox."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, String, Table, Text, UniqueConstraint

from services.database.tables.metadata import metadata
from services.database.tables.types import UtcDateTime

notice_cursor = Table(
    "notice_cursor",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False, doc="number of the last processed ledger entry"),
)

notice = Table(
    "notice",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("seq", BigInteger, nullable=False, doc="number of the ledger entry"),
    Column("channel", String(500), nullable=False, doc="name of the channel, with the address for personal mail"),
    Column("event", JSON, nullable=False),
    Column("state", String(20), nullable=False, doc="waiting, sending, sent, failed, unknown"),
    Column("attempts", Integer, nullable=False),
    Column("not_before", UtcDateTime, nullable=False, doc="when it is due; while sending, when the lease ends"),
    Column("settled", UtcDateTime),
    Column("error", Text, nullable=False),
    UniqueConstraint("seq", "channel"),
    Index("ix_notice_due", "state", "not_before"),
)

notice_preference = Table(
    "notice_preference",
    metadata,
    Column("person_id", String(300), primary_key=True),
    Column("schedule", JSON, doc="rhythm, quiet hours and zone; null: the channel's setting"),
    Column("muted", JSON, nullable=False),
    Column("changed", UtcDateTime, nullable=False),
)
