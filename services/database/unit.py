"""Units of work on one SQLAlchemy engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Unpack

from sqlalchemy import Connection, Engine

from services.database.stores.catalogue import CatalogueStore
from services.database.stores.deployments import DeploymentStore
from services.database.stores.evidence_reads import ReadStore
from services.database.stores.hooks import HookStore
from services.database.stores.ledger import SqlLedgerStore
from services.database.stores.marks import MarkStore
from services.database.stores.notices import NoticeStore
from services.database.stores.oversight import OversightStore
from services.database.stores.requests import RequestStore
from services.database.stores.rollouts import RolloutStore
from services.database.stores.sign_ins import SessionStore, TokenStore
from services.database.times import DatabaseTimes, Times
from services.domain.identity.people import Actor
from services.ledger import writer
from services.ledger.actions import Action
from services.ledger.tree.entry import Actor as LedgerActor
from services.ledger.tree.entry import Subject
from services.ports.time import Clock


class LedgerWriter:
    """Appends in the unit's transaction."""

    def __init__(self, connection: Connection, signer: writer.Signer, clock: Clock) -> None:
        self._store = SqlLedgerStore(connection)
        self._signer = signer
        self._clock = clock

    def append(
        self, actor: Actor, action: Action, subject: Subject, **fields: Unpack[writer.EntryFields]
    ) -> writer.AppendedEntry:
        """Write one entry. Take no other lock afterwards: the ledger's head must be locked last."""
        who = LedgerActor(actor.person.id, actor.person.name)
        return writer.append(
            self._store, actor=who, action=action, subject=subject, clock=self._clock.now, signer=self._signer, **fields
        )


class Unit:
    """One transaction with its stores."""

    def __init__(self, connection: Connection, signer: writer.Signer, clock: Clock, times: Times) -> None:
        self.requests = RequestStore(connection)
        self.rollouts = RolloutStore(connection, times)
        self.oversight = OversightStore(connection)
        self.deployments = DeploymentStore(connection)
        self.catalogue = CatalogueStore(connection)
        self.sessions = SessionStore(connection)
        self.tokens = TokenStore(connection)
        self.evidence_reads = ReadStore(connection)
        self.marks = MarkStore(connection)
        self.hooks = HookStore(connection)
        self.notices = NoticeStore(connection)
        self.log = SqlLedgerStore(connection)
        self.archive = self.log
        self.ledger = LedgerWriter(connection, signer, clock)


class Units:
    """Opens units of work."""

    def __init__(self, engine: Engine, signer: writer.Signer, clock: Clock, *, times: Times | None = None) -> None:
        self.engine = engine
        self._signer = signer
        self._clock = clock
        self._times = times or DatabaseTimes()

    def generation(self, model: str, environment: str) -> int:
        """How often what is live in the target has changed, for sealing it into a plan."""
        with self.read() as unit:
            return unit.rollouts.generation(model, environment)

    @contextmanager
    def begin(self) -> Iterator[Unit]:
        """A writing transaction."""
        with self.engine.begin() as connection:
            yield Unit(connection, self._signer, self._clock, self._times)

    @contextmanager
    def read(self) -> Iterator[Unit]:
        """A reading transaction: one snapshot of the data from its first statement to its last."""
        options: dict[str, Any] = {"read_only": True}
        if self.engine.dialect.name == "postgresql":
            options["isolation_level"] = "REPEATABLE READ"  # SQLite's readers always have it
        with self.engine.connect().execution_options(**options) as connection, connection.begin():
            yield Unit(connection, self._signer, self._clock, self._times)
