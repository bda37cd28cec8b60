"""Small facts shared by all processes of the portal: sent reminders, the active policy."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services.database.tables.marks import mark


class MarkStore:
    """All statements about marks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, key: str) -> str | None:
        """The value of the key."""
        found: str | None = self._connection.execute(select(mark.c.value).where(mark.c.key == key)).scalar()
        return found

    def exchange(self, key: str, value: str, at: datetime, *, before: str | None) -> bool:
        """Replace the value that was read (None: none existed); False if another process changed it first."""
        if before is not None:
            statement = update(mark).where(mark.c.key == key, mark.c.value == before).values(value=value, at=at)
            return self._connection.execute(statement).rowcount == 1
        kind = postgresql.insert if self._connection.dialect.name == "postgresql" else sqlite.insert
        added = kind(mark).values(key=key, value=value, at=at).on_conflict_do_nothing().returning(mark.c.key)
        return self._connection.execute(added).first() is not None
