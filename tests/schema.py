"""The portal's tables, made once for each test process and copied from then on: making them costs more than most tests."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from sqlalchemy import Engine, Table, inspect

from services.database.engine import open_engine
from services.database.tables.everything import metadata


def make_tables(engine: Engine, tables: Sequence[Table] | None = None) -> None:
    """All tables, or the given ones, where they are not there yet."""
    wanted = tuple(tables or metadata.sorted_tables)
    if not _copied(engine, lambda: _tables(wanted)) and not inspect(engine).has_table(wanted[-1].name):
        metadata.create_all(engine, tables=wanted)


def migrate_by_copy(engine: Engine) -> None:
    """The schema as the migrations make it, in an empty SQLite file that nobody has opened yet."""
    assert _copied(engine, _migrated), "the database is no empty SQLite file"


def _copied(engine: Engine, make: Callable[[], bytes]) -> bool:
    path = Path(engine.url.database or "")
    if engine.dialect.name != "sqlite" or not path.name or path.exists():
        return False
    path.write_bytes(make())
    return True


@cache
def _tables(tables: tuple[Table, ...]) -> bytes:
    return _file(lambda engine: metadata.create_all(engine, tables=tables))


@cache
def _migrated() -> bytes:
    from services.database import migrate  # not at the top: processes that tests start need no migrations

    return _file(migrate.upgrade)


def _file(fill: Callable[[Engine], None]) -> bytes:
    """The bytes of a SQLite database after `fill`; closing the last connection takes the write-ahead log in."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.db"
        engine = open_engine(f"sqlite:///{path}")
        fill(engine)
        engine.dispose()
        return path.read_bytes()
