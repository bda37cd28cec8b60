"""Opens the portal's database: SQLite by default, PostgreSQL by URL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from services.errors import SettingsError

SQLITE_BUSY_SECONDS = 15


def open_engine(url: str) -> Engine:
    """An engine with the settings that the portal relies on. Raises SettingsError for an unusable URL."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SettingsError(
            "The database URL cannot be read.",
            hint="Set COUNTERSIGN_DATABASE_URL to sqlite:///path/file.db or postgresql://user:…@host/name.",
        ) from error
    if parsed.get_backend_name() == "postgresql":
        plain = parsed.set(drivername="postgresql+psycopg")
        return create_engine(plain, pool_pre_ping=True, connect_args={"connect_timeout": 5})
    if parsed.get_backend_name() != "sqlite":
        raise SettingsError(
            f"The database kind {parsed.get_backend_name()!r} is not supported.",
            hint="Set COUNTERSIGN_DATABASE_URL to SQLite or PostgreSQL.",
        )
    engine = create_engine(parsed, connect_args={"timeout": SQLITE_BUSY_SECONDS, "check_same_thread": False})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # the driver's transaction handling is off: `_begin_immediate` starts transactions
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Any) -> None:
    """Take the write lock at once: upgrading a read to a write later could fail midway."""
    options = connection.get_execution_options()
    connection.exec_driver_sql("BEGIN" if options.get("read_only") else "BEGIN IMMEDIATE")
