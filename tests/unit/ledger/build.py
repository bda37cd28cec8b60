"""A small ledger for tests: database, key, clock, and the verifier script beside it."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, text

from services.adapters.witness.file import FileWitness
from services.database.engine import open_engine
from services.database.stores.ledger import SqlLedgerStore, ledger_transactions
from services.database.tables.ledger import (
    guard_statements,
    ledger_actor,
    ledger_checkpoint,
    ledger_entry,
    ledger_head,
    ledger_personal,
    ledger_receipt,
)
from services.ledger.actions import Action
from services.ledger.export import ExportSource, export_folder
from services.ledger.signing.keys import KeyRing, SigningKey
from services.ledger.tree.entry import Actor, Subject, instant
from services.ledger.witnessing import publish_head
from services.ledger.writer import AppendedEntry, append
from tests.schema import make_tables

NAME = "countersign.test/ledger"
SCRIPT = Path(__file__).parents[3] / "tools" / "verify_ledger.py"
TABLES = [ledger_actor, ledger_head, ledger_entry, ledger_checkpoint, ledger_receipt, ledger_personal]
GRACE = Actor("u-1", "Grace Hopper")
REQUEST = Subject("promotion_request", "pr-1")
START = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)


def fixed_key(name: str = NAME, seed: int = 1) -> SigningKey:
    return SigningKey(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


@dataclass
class Clock:
    """Each reading is one second later."""

    now: datetime = START

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def peek(self) -> datetime:
        return self.now


@dataclass
class Bench:
    """A ledger, the people around it, and the means to attack it."""

    engine: Engine
    folder: Path
    ring: KeyRing = field(default_factory=lambda: KeyRing(fixed_key()))
    clock: Clock = field(default_factory=Clock)

    @property
    def witness(self) -> FileWitness:
        return FileWitness(self.folder / "witness.txt", clock=self.clock.peek)

    @property
    def transactions(self):
        return ledger_transactions(self.engine)

    def append(self, count: int = 1, **fields) -> list[AppendedEntry]:
        return [self.append_one(number, **fields) for number in range(count)]

    def append_one(self, number: int = 0, **fields) -> AppendedEntry:
        told = {"after": {"n": number}, "action": Action.DECISION_APPROVED, "subject": REQUEST} | fields
        with self.engine.begin() as connection:
            return append(SqlLedgerStore(connection), actor=GRACE, clock=self.clock, signer=self.ring, **told)

    def publish(self) -> None:
        publish_head(self.transactions, self.witness, self.clock.peek)

    @contextmanager
    def store(self) -> Iterator[SqlLedgerStore]:
        with self.engine.begin() as connection:
            yield SqlLedgerStore(connection)

    def attack(self, *statements: str, **values: object) -> None:
        """What somebody with the database's owner role does: take the guards off, change, put them back."""
        with self.engine.begin() as connection:
            for table in ("ledger_entry", "ledger_checkpoint"):
                for statement in drop_guard_statements(connection.dialect.name, table):
                    connection.exec_driver_sql(statement)
            for statement in statements:
                connection.execute(text(statement), values)
            for table in ("ledger_entry", "ledger_checkpoint"):
                for statement in guard_statements(connection.dialect.name, table):
                    connection.exec_driver_sql(statement)

    def bodies(self) -> list[str]:
        with self.store() as store:
            head = store.head()
            return [] if head is None else [row.body for row in store.stream(1, head.size)]

    def notes(self) -> list[str]:
        with self.store() as store:
            head = store.head()
            return [] if head is None else [note for _, note in store.checkpoints(1, head.size)]

    def export(self, name: str = "export") -> Path:
        folder = self.folder / name
        export_folder(self.transactions, folder, ExportSource([self.ring.active.verifier], self.clock.peek()))
        return folder

    def verify(self, export: Path, *more: str, vkey: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run the script as an auditor does: isolated, with the pinned key and the witness's own file."""
        options = ["--vkey", vkey or str(fixed_key().verifier), "--now", instant(self.clock.peek()), *more]
        if "--witness" not in more:
            options += ["--witness", str(self.folder / "witness.txt")]
        return run_script(str(export), *options)


def run_script(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(SCRIPT), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def make_bench(folder: Path) -> Bench:
    engine = open_engine(f"sqlite:///{folder / 'portal.db'}")
    make_tables(engine, TABLES)
    return Bench(engine, folder)


def root_text(root: bytes) -> str:
    return base64.b64encode(root).decode()


def drop_guard_statements(dialect: str, table: str) -> list[str]:
    """The reverse of `guard_statements`: what an owner of the database can do."""
    if dialect == "sqlite":
        return [f"DROP TRIGGER {table}_no_update", f"DROP TRIGGER {table}_no_delete"]
    return [f"DROP TRIGGER {table}_rows ON {table}", f"DROP TRIGGER {table}_truncate ON {table}"]
