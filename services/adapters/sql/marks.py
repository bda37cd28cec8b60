"""Small facts that the portal must remember once for all its processes: what was told, which policy is in force."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Connection, String, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services.adapters.sql.metadata import metadata
from services.adapters.sql.types import UtcDateTime

mark = Table(
    "mark",
    metadata,
    Column("key", String(300), primary_key=True),
    Column("value", String(300), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)


class SqlMarks:
    """Implements `services.ports.unit.MarkStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, key: str) -> str | None:
        """The value."""
        found: str | None = self._connection.execute(select(mark.c.value).where(mark.c.key == key)).scalar()
        return found

    def exchange(self, key: str, value: str, at: datetime, *, before: str | None) -> bool:
        """Write it over the value that was read."""
        if before is not None:
            statement = update(mark).where(mark.c.key == key, mark.c.value == before).values(value=value, at=at)
            return self._connection.execute(statement).rowcount == 1
        kind = postgresql.insert if self._connection.dialect.name == "postgresql" else sqlite.insert
        added = kind(mark).values(key=key, value=value, at=at).on_conflict_do_nothing().returning(mark.c.key)
        return self._connection.execute(added).first() is not None
