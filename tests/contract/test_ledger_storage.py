"""The ledger's store on SQLite and on PostgreSQL: one suite, the same promises."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from services.database.engine import open_engine
from services.database.stores.ledger import SqlLedgerStore, ledger_transactions
from services.errors import IntegrityError, SettingsError
from services.ledger.actions import Action
from services.ledger.reader import page_entries, prove_consistency, prove_inclusion, root_at
from services.ledger.signing.keys import KeyRing
from services.ledger.store import EntryFilter, EntryPage, StoredReceipt
from services.ledger.tree.entry import Actor, Subject, instant
from services.ledger.tree.merkle import Frontier, leaf_hash
from services.ledger.verify import verify_ledger
from services.ledger.writer import append
from tests.schema import make_tables
from tests.unit.ledger.build import GRACE, REQUEST, START, TABLES, Bench, Clock, fixed_key

PROCESSES, EACH = 4, 40


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'portal.db'}"
    return str(request.getfixturevalue("postgres_database"))


@pytest.fixture
def bench(url: str, tmp_path: Path) -> Iterator[Bench]:
    engine = open_engine(url)
    make_tables(engine, TABLES)
    yield Bench(engine, tmp_path)
    engine.dispose()


def test_append__several__are_dense_signed_and_proven(bench: Bench) -> None:
    appended = bench.append(21)
    assert [entry.seq for entry in appended] == list(range(1, 22))
    with bench.store() as store:
        assert verify_ledger(store, [fixed_key().verifier]).holds
        for seq in range(1, 22):
            prove_inclusion(store, seq)
            prove_consistency(store, seq, 21)
            assert root_at(store, seq) == appended[seq - 1].root


def test_append__several_in_one_transaction__commit_together(bench: Bench) -> None:
    with bench.engine.begin() as connection:
        store = SqlLedgerStore(connection)
        seqs = [_append(store, bench).seq for _ in range(3)]
    assert seqs == [1, 2, 3]
    with bench.store() as store:
        assert verify_ledger(store, [fixed_key().verifier]).holds


def test_append__rolled_back__leaves_no_gap(bench: Bench) -> None:
    bench.append(2)
    with bench.engine.connect() as connection, connection.begin() as transaction:
        assert _append(SqlLedgerStore(connection), bench).seq == 3
        transaction.rollback()
    assert bench.append_one().seq == 3
    with bench.store() as store:
        assert verify_ledger(store, [fixed_key().verifier]).holds


def test_append__rolled_back_to_a_savepoint__leaves_no_gap(bench: Bench) -> None:
    with bench.engine.begin() as connection:
        _append(SqlLedgerStore(connection), bench)
        inner = connection.begin_nested()
        _append(SqlLedgerStore(connection), bench)
        inner.rollback()
        assert _append(SqlLedgerStore(connection), bench).seq == 2


def test_append__by_the_signer_of_another_log__is_refused_and_changes_nothing(bench: Bench) -> None:
    bench.append()
    other = Bench(bench.engine, bench.folder, ring=KeyRing(fixed_key("other.test/ledger")))
    with pytest.raises(SettingsError, match="name it"):
        other.append()
    with bench.store() as store:
        head = store.head()
        assert head is not None
        assert head.size == 1


@pytest.mark.parametrize("table", ["ledger_entry", "ledger_checkpoint"])
@pytest.mark.parametrize("operation", ["DELETE FROM {0}", "UPDATE {0} SET {1} = {1} + 100", "TRUNCATE {0}"])
def test_guards__change_of_written_rows__is_refused(bench: Bench, table: str, operation: str) -> None:
    if operation.startswith("TRUNCATE") and bench.engine.dialect.name == "sqlite":
        operation = "DELETE FROM {0} WHERE 1"  # SQLite has no TRUNCATE
    bench.append(2)
    key = "seq" if table == "ledger_entry" else "size"
    with pytest.raises(DatabaseError, match="append-only"), bench.engine.begin() as connection:
        connection.execute(text(operation.format(table, key)))
    with bench.store() as store:
        assert verify_ledger(store, [fixed_key().verifier]).holds


def test_page__each_filter__finds_in_sql_and_continues(bench: Bench) -> None:
    bench.append(3, request_id="pr-1")
    bench.append(4, action=Action.VERSION_LIVE, subject=Subject("model_version", "fraud/3"), request_id="pr-2")
    moment = instant(bench.clock.peek())
    bench.append(2, action=Action.COMMENT_ADDED, subject=Subject("model_version", "100%_sure"))

    def found(**wanted: str) -> list[int]:
        with bench.store() as store:
            page = page_entries(store, EntryFilter(**wanted), EntryPage(limit=50))
            assert store.count(EntryFilter(**wanted)) == len(page)
            return [entry.seq for entry in page]

    assert found() == list(range(9, 0, -1))
    assert found(action_prefix="registry:") == [7, 6, 5, 4]
    assert found(action_prefix="registry:version:live") == [7, 6, 5, 4]
    assert found(action_prefix="%") == []
    assert found(subject_type="model_version", subject_id="100%_sure") == [9, 8]
    assert found(request_id="pr-1") == [3, 2, 1]
    assert found(actor_id="u-1", since=moment) == [9, 8, 7]
    assert found(until=moment) == [6, 5, 4, 3, 2, 1]
    assert found(actor_id="nobody") == []
    with bench.store() as store:
        assert [row.seq for row in store.page(EntryFilter(), EntryPage(2, before_seq=5))] == [4, 3]


def test_page__parts_of_names__are_found_in_any_case_and_taken_literally(bench: Bench) -> None:
    bench.append(2, subject=Subject("model_version", "Fraud/3"))
    bench.append(1, subject=Subject("model_version", "100%_sure/12"))
    bench.append(1, subject=Subject("prediction", "fraud-0001"))
    with bench.engine.begin() as connection:
        _append(SqlLedgerStore(connection), bench, Actor("u-1", "Grace Murray Hopper"))
        _append(SqlLedgerStore(connection), bench, Actor("u_2", "Ada Lovelace"))

    def found(**wanted: str) -> list[int]:
        with bench.store() as store:
            rows = store.page(EntryFilter(**wanted), EntryPage(limit=50))
            assert store.count(EntryFilter(**wanted)) == len(rows)
            return [row.seq for row in rows]

    assert found(actor="hopper") == [5, 4, 3, 2, 1]
    assert found(actor="MURRAY") == [5, 4, 3, 2, 1]  # the person, whatever the name was at that time
    assert found(actor="lovel") == found(actor="u_2") == [6]
    assert found(actor="u_1") == []
    assert found(subject="fraud") == [4, 2, 1]
    assert found(model="fra") == [2, 1]
    assert found(model="100%_SURE") == [3]
    assert found(model="3") == found(model="12") == []  # a version's number is no part of the model's name
    assert found(model="%") == [3]
    assert found(actor="hopper", model="fraud") == [2, 1]
    with bench.store() as store:
        assert [row.seq for row in store.page(EntryFilter(), EntryPage(2, skip=3))] == [3, 2]


def test_personal__kept_and_erased__by_entry_and_field(bench: Bench) -> None:
    bench.append(2, personal={"email": "grace@navy.test", "address": "10.0.0.1"})
    with bench.store() as store:
        kept = store.personal([1, 2])
        assert [(value.seq, value.field) for value in kept] == [
            (1, "address"),
            (1, "email"),
            (2, "address"),
            (2, "email"),
        ]
        assert store.personal_before(instant(bench.clock()), (1, "address"), 2)[0].field == "email"
        assert store.erase_personal([(1, "email"), (2, "address"), (3, "none")]) == [(1, "email"), (2, "address")]
        assert [value.field for value in store.personal([1, 2])] == ["address", "email"]


def test_receipts__same_one_twice__is_kept_once(bench: Bench) -> None:
    with bench.store() as store:
        for size, witness in ((1, "git"), (1, "git"), (3, "git"), (2, "file")):
            store.keep_receipt(StoredReceipt(size, witness, "{}", instant(START)))
        assert [(r.size, r.witness) for r in store.receipts(1, 9)] == [(1, "git"), (2, "file"), (3, "git")]
        assert [(r.witness, r.size) for r in store.last_receipts()] == [("file", 2), ("git", 3)]


def test_transactions__that_fail__keep_nothing(bench: Bench) -> None:
    def fail() -> None:
        with ledger_transactions(bench.engine)() as ledger:
            ledger.keep_receipt(StoredReceipt(1, "git", "{}", instant(START)))
            raise IntegrityError("stop")

    with pytest.raises(IntegrityError):
        fail()
    with bench.store() as store:
        assert store.last_receipts() == []


def test_append__four_processes_at_once__is_dense_and_verifies(bench: Bench, url: str) -> None:
    context = multiprocessing.get_context("spawn")
    bench.engine.dispose()
    writers = [context.Process(target=_write, args=(url, number)) for number in range(PROCESSES)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0] * PROCESSES
    with bench.store() as store:
        found = verify_ledger(store, [fixed_key().verifier])
        assert (found.holds, found.size) == (True, PROCESSES * EACH)
        bodies = [row.body for row in store.stream(1, found.size)]
        frontier = Frontier()
        for seq, body in enumerate(bodies, 1):
            frontier, _ = frontier.push(leaf_hash(body.encode()))
            assert f'"seq":{seq},' in body
        assert frontier.root() == found.root


def _write(url: str, number: int) -> None:
    """One writer process; every third transaction is rolled back, so that gaps would show."""
    engine = open_engine(url)
    for turn in range(EACH + EACH // 2):
        with engine.connect() as connection, connection.begin() as transaction:
            bench = Bench(engine, Path(), clock=Clock())
            _append(SqlLedgerStore(connection), bench, Actor(f"u-{number}", f"writer {number}"))
            if turn % 3 == 2:
                transaction.rollback()
    engine.dispose()


def _append(store: SqlLedgerStore, bench: Bench, actor: Actor = GRACE):
    return append(
        store, actor=actor, action=Action.COMMENT_ADDED, subject=REQUEST, clock=bench.clock, signer=bench.ring
    )
