"""Fixtures that all tests share. What is heavy is imported by the fixture that needs it: unit tests stay quick."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.long_files import longest_first
from tests.memory_folder import use_memory

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from tests.world import World


def pytest_configure() -> None:
    """A shell starts what runs in its background deaf to Ctrl-C, and `nohup` deaf to SIGHUP; children inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    use_memory(os.environ)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file of tests stays on one worker: a long one that begins last would keep the others waiting."""
    items[:] = longest_first(items)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's machine reaches a test."""
    for name in list(os.environ):
        if name.startswith("COUNTERSIGN_") and name != "COUNTERSIGN_TEST_DATA":
            monkeypatch.delenv(name)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    from services.database.engine import open_engine

    opened = open_engine(f"sqlite:///{tmp_path / 'portal.db'}")
    yield opened
    opened.dispose()


@pytest.fixture
def world(engine: Engine, tmp_path: Path) -> World:
    from tests.world import World

    return World(engine, tmp_path)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One real PostgreSQL server a test process."""
    from tests.postgres import start_postgres

    with start_postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture
def postgres_database(postgres_server: str) -> Iterator[str]:
    """An empty database of its own on that server."""
    from tests.postgres import fresh_database

    with fresh_database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """The name of a database on that server with the schema as the migrations make it."""
    from services.database import migrate
    from services.database.engine import open_engine
    from tests.postgres import fresh_database

    with fresh_database(postgres_server) as url:
        engine = open_engine(url)
        migrate.upgrade(engine)
        engine.dispose()
        yield str(engine.url.database)


@pytest.fixture
def migrated_postgres(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """A database of its own on that server, with the portal's schema."""
    from tests.postgres import fresh_database

    with fresh_database(postgres_server, postgres_template) as url:
        yield url
