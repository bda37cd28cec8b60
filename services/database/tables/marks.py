"""The table of small facts that all processes share."""

from __future__ import annotations

from sqlalchemy import Column, String, Table

from services.database.tables.metadata import metadata
from services.database.tables.types import UtcDateTime

mark = Table(
    "mark",
    metadata,
    Column("key", String(300), primary_key=True),
    Column("value", String(300), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
