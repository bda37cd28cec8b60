"""Units of work on one SQLAlchemy engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Unpack

from sqlalchemy import Connection, Engine

from services.adapters.sql.access_store import SqlSessionStore, SqlTokenStore
from services.adapters.sql.catalogue_store import SqlCatalogueStore
from services.adapters.sql.deployment_store import SqlDeploymentStore
from services.adapters.sql.evidence_reads import SqlEvidenceReads
from services.adapters.sql.hook_store import SqlHookStore
from services.adapters.sql.ledger import SqlLedgerStore
from services.adapters.sql.marks import SqlMarks
from services.adapters.sql.notice_store import SqlNoticeStore
from services.adapters.sql.oversight_store import SqlOversightStore
from services.adapters.sql.request_store import SqlRequestStore
from services.adapters.sql.rollout_store import SqlRolloutStore
from services.domain.people import Actor
from services.ledger import writer
from services.ledger.actions import Action
from services.ledger.entry import Actor as LedgerActor
from services.ledger.entry import Subject
from services.ports.time import Clock


class SqlLedgerWriter:
    """Appends in the unit's transaction."""

    def __init__(self, connection: Connection, signer: writer.Signer, clock: Clock) -> None:
        self._store = SqlLedgerStore(connection)
        self._signer = signer
        self._clock = clock

    def append(
        self, actor: Actor, action: Action, subject: Subject, **fields: Unpack[writer.EntryFields]
    ) -> writer.AppendedEntry:
        """Write one entry."""
        who = LedgerActor(actor.person.id, actor.person.name)
        return writer.append(
            self._store, actor=who, action=action, subject=subject, clock=self._clock.now, signer=self._signer, **fields
        )


class SqlUnit:
    """One transaction with its stores."""

    def __init__(self, connection: Connection, signer: writer.Signer, clock: Clock) -> None:
        self.requests = SqlRequestStore(connection)
        self.rollouts = SqlRolloutStore(connection)
        self.oversight = SqlOversightStore(connection)
        self.deployments = SqlDeploymentStore(connection)
        self.catalogue = SqlCatalogueStore(connection)
        self.sessions = SqlSessionStore(connection)
        self.tokens = SqlTokenStore(connection)
        self.evidence_reads = SqlEvidenceReads(connection)
        self.marks = SqlMarks(connection)
        self.hooks = SqlHookStore(connection)
        self.notices = SqlNoticeStore(connection)
        self.log = SqlLedgerStore(connection)
        self.archive = self.log
        self.ledger = SqlLedgerWriter(connection, signer, clock)


class SqlUnits:
    """Opens units of work."""

    def __init__(self, engine: Engine, signer: writer.Signer, clock: Clock) -> None:
        self.engine = engine
        self._signer = signer
        self._clock = clock

    @contextmanager
    def begin(self) -> Iterator[SqlUnit]:
        """A writing transaction."""
        with self.engine.begin() as connection:
            yield SqlUnit(connection, self._signer, self._clock)

    @contextmanager
    def read(self) -> Iterator[SqlUnit]:
        """A reading transaction: one picture of the data from its first statement to its last."""
        options: dict[str, Any] = {"read_only": True}
        if self.engine.dialect.name == "postgresql":
            options["isolation_level"] = "REPEATABLE READ"  # SQLite's readers have it anyway
        with self.engine.connect().execution_options(**options) as connection, connection.begin():
            yield SqlUnit(connection, self._signer, self._clock)
