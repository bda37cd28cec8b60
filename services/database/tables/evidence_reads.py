"""The table of who read which evidence on which day."""

from __future__ import annotations

from sqlalchemy import Column, Date, String, Table

from services.database.tables.metadata import metadata

evidence_read = Table(
    "evidence_read",
    metadata,
    Column("person_id", String(300), primary_key=True),
    Column("digest", String(80), primary_key=True),
    Column("day", Date, primary_key=True),
)
