"""Migrates the database to this release's schema.

Each migration runs in a transaction with a lock time-out; two processes that start at the same time migrate once.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from services.errors import SettingsError

LOCK = 4_517_201_188
"""Key of the advisory lock that serializes migrations on PostgreSQL."""


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run the migrations that are missing.

    Raises SettingsError if the database is unreachable or belongs to a newer release or another program.
    """
    try:
        with engine.begin() as connection:
            _prepare(connection)
            config = _config()
            _demand_known(connection, config)
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    except OperationalError as error:
        raise _unreachable(error) from error


def current_revision(engine: Engine) -> str | None:
    """The database's revision; None if it is empty. Raises SettingsError if it is unreachable."""
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except OperationalError as error:
        raise _unreachable(error) from error


def head_revision() -> str:
    """The revision of this release."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _prepare(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = '10s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})


def _demand_known(connection: Connection, config: Config) -> None:
    """Two releases with one database would overwrite each other, so nothing is changed in that case."""
    found = MigrationContext.configure(connection).get_current_heads()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    unknown = sorted(set(found) - known)
    if unknown:
        raise SettingsError(
            f"The database has the schema {unknown[0]}, which this release does not know: a newer release created it.",
            hint="Install that release or a later one, or restore an earlier backup. Nothing was changed.",
        )


def _unreachable(error: OperationalError) -> SettingsError:
    return SettingsError("The database cannot be opened.", hint=f"Check COUNTERSIGN_DATABASE_URL: {_first_line(error)}")


def _first_line(error: OperationalError) -> str:
    return str(error.orig).splitlines()[0][:200] if str(error.orig) else "no details"
