"""The ledger against a list: append, crash in the middle of a transaction, publish, restore a backup, verify."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.strategies import integers

from services.database.stores.ledger import SqlLedgerStore
from services.ledger.actions import Action
from services.ledger.keeping.restore import open_origin, witnessed_tails
from services.ledger.signing.keys import KeyRing
from services.ledger.tree.merkle import root_of
from services.ledger.verify import verify_ledger
from services.ledger.writer import append
from tests.unit.ledger.build import GRACE, NAME, REQUEST, Bench, fixed_key, make_bench


class LedgerMachine(RuleBasedStateMachine):
    bench: Bench

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.bench = make_bench(self.folder)
        self.model: list[str] = []
        self.backup: list[str] | None = None
        self.origin = 1
        self.witnessed = 0

    @rule(count=integers(1, 5))
    def append(self, count: int) -> None:
        self.bench.append(count)
        self.model = self.bench.bodies()

    @rule()
    def crash_before_commit(self) -> None:
        with self.bench.engine.connect() as connection:
            store = SqlLedgerStore(connection)
            clock, ring = self.bench.clock, self.bench.ring
            append(store, actor=GRACE, action=Action.COMMENT_ADDED, subject=REQUEST, clock=clock, signer=ring)
            connection.rollback()

    @precondition(lambda self: self.model)
    @rule()
    def publish(self) -> None:
        self.bench.publish()
        self.witnessed = len(self.model)

    @precondition(lambda self: self.model)
    @rule()
    def take_backup(self) -> None:
        self.bench.engine.dispose()
        shutil.copy(self.folder / "portal.db", self.folder / "backup.db")
        self.backup, self.backup_origin, self.backup_witnessed = list(self.model), self.origin, self.witnessed

    @precondition(lambda self: self.backup is not None)
    @rule()
    def restore_backup(self) -> None:
        """If the witness saw more than the backup holds, publishing must fail until a new origin is opened."""
        self.bench.engine.dispose()
        for file in self.folder.glob("portal.db*"):
            file.unlink()
        shutil.copy(self.folder / "backup.db", self.folder / "portal.db")
        lost = self.witnessed > len(self.backup) or self.origin != self.backup_origin
        self.model, self.origin = list(self.backup), self.backup_origin
        if lost:
            self._go_on()
        else:
            self.bench.publish()
            self.witnessed = len(self.model)

    def _go_on(self) -> None:
        bench = self.bench
        tails = witnessed_tails(f"{NAME}/{self.origin}", [bench.witness], [fixed_key().verifier])
        with bench.store() as store:
            open_origin(store, tails, actor=GRACE, reason="disk failed", clock=bench.clock, signer=KeyRing(fixed_key()))
            head = store.head()
            assert head is not None
            self.origin = int(head.origin.rpartition("/")[2])
        self.model = bench.bodies()
        bench.publish()
        self.witnessed = len(self.model)

    @invariant()
    def ledger_is_the_list(self) -> None:
        if not hasattr(self, "folder"):
            return
        bodies = self.bench.bodies()
        assert bodies == self.model
        origins = [f"{NAME}/{number}" for number in range(1, self.origin + 1)]
        notes = [note for origin in origins for note in self.bench.witness.all(origin)]
        with self.bench.store() as store:
            found = verify_ledger(store, [fixed_key().verifier], witnesses={"file": notes})
        assert found.holds, found.findings
        assert found.root == root_of(body.encode() for body in bodies)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.bench.engine.dispose()
            shutil.rmtree(self.folder)


LedgerMachine.TestCase.settings = settings(max_examples=10, stateful_step_count=12, deadline=None)
TestLedgerMachine = LedgerMachine.TestCase
