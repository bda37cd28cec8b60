"""The database's own clock: leases are compared on it, so that no machine's clock can shorten or stretch one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy import Connection, text

from services.ports.time import Clock


class Times(Protocol):
    """Tells the time inside a transaction."""

    def now(self, connection: Connection) -> datetime:
        """The current time, UTC-aware."""


class DatabaseTimes:
    """PostgreSQL's clock; SQLite has no server, so there it is that of the machine that holds the file."""

    def now(self, connection: Connection) -> datetime:
        """The time of the statement, not of the transaction's beginning."""
        if connection.dialect.name == "postgresql":
            moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
            return moment.astimezone(UTC)
        told = connection.execute(text("SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')")).scalar_one()
        return datetime.fromisoformat(told)


class ClockTimes:
    """Another clock in its place, for tests that move the time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self, connection: Connection) -> datetime:
        """The clock's time."""
        del connection
        return self._clock.now()
