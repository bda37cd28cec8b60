"""Writers that die in the middle of an append: nothing acknowledged is lost, nothing forks, the next writer goes on."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from services.database.engine import open_engine
from services.database.stores.ledger import SqlLedgerStore
from services.database.unit import Units
from services.ledger.actions import Action
from services.ledger.signing.keys import KeyRing
from services.ledger.tree.entry import Actor, LedgerEntry
from services.ledger.verify import verify_ledger
from services.ledger.writer import append
from tests.schema import make_tables
from tests.simulators.basics import ANA, StillClock
from tests.unit.ledger.build import REQUEST, TABLES, Bench, fixed_key

SPAWN = multiprocessing.get_context("spawn")
POINTS = ("advance", "write", "finish", "commit")


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


class Stopping(SqlLedgerStore):
    """Says when it has done its part, and waits there for the end."""

    def __init__(self, connection: object, point: str, line: Connection) -> None:
        super().__init__(connection)  # type: ignore[arg-type]
        self._point, self._line = point, line

    def advance(self, *args, **kwargs):
        done = super().advance(*args, **kwargs)
        self._stop("advance")
        return done

    def write(self, *args, **kwargs):
        super().write(*args, **kwargs)
        self._stop("write")

    def finish(self, *args, **kwargs):
        super().finish(*args, **kwargs)
        self._stop("finish")

    def _stop(self, here: str) -> None:
        if here == self._point:
            self._line.send(here)
            time.sleep(600)


def _append(store: SqlLedgerStore, who: str, clock) -> int:
    return append(
        store, actor=Actor(who, who), action=Action.COMMENT_ADDED, subject=REQUEST, clock=clock,
        signer=KeyRing(fixed_key()),
    ).seq  # fmt: skip


def _write_until(url: str, point: str, line: Connection) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        _append(Stopping(connection, point, line), "killed", StillClock().now)
    line.send("commit")
    time.sleep(600)


def _write_on(url: str, who: str, line: Connection) -> None:
    """Append for ever; each number is told only after its commit."""
    engine = open_engine(url)
    while True:
        with engine.begin() as connection:
            seq = _append(SqlLedgerStore(connection), who, StillClock().now)
        line.send(seq)


def kill(process) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.join(30)


@pytest.mark.parametrize("point", POINTS)
def test_kill_9__at_each_point_of_an_append__leaves_the_whole_entry_or_nothing(
    bench: Bench, url: str, point: str
) -> None:
    bench.append(2)
    bench.engine.dispose()
    ours, theirs = SPAWN.Pipe()
    writer = SPAWN.Process(target=_write_until, args=(url, point, theirs))
    writer.start()
    try:
        assert ours.poll(60)
        assert ours.recv() == point
    finally:
        kill(writer)
    after = bench.append_one().seq  # waits for no dead writer's lock
    assert after == (4 if point == "commit" else 3)
    with bench.store() as store:
        found = verify_ledger(store, [fixed_key().verifier])
        assert (found.holds, found.size) == (True, after)


def test_kill_9__of_writers_at_work__loses_nothing_told_and_forks_nothing(bench: Bench, url: str) -> None:
    bench.append(1)
    bench.engine.dispose()
    told: dict[str, list[int]] = {}
    lines, writers = {}, {}
    for number in range(3):
        lines[f"w{number}"], theirs = SPAWN.Pipe(duplex=False)
        writers[f"w{number}"] = SPAWN.Process(target=_write_on, args=(url, f"w{number}", theirs))
        writers[f"w{number}"].start()
    try:
        for name, line in lines.items():
            told[name] = [_next(line) for _ in range(5)]
        for name in ("w0", "w1"):  # one after the other, while the rest goes on
            kill(writers[name])
            told["w2"] += [_next(lines["w2"]) for _ in range(5)]
    finally:
        for writer in writers.values():
            if writer.is_alive():
                kill(writer)
    for name, line in lines.items():
        while line.poll(0):
            try:
                told[name].append(line.recv())
            except EOFError:
                break
    with bench.store() as store:
        found = verify_ledger(store, [fixed_key().verifier])
        assert found.holds, found.findings
        wrote = {row.seq: LedgerEntry.parse(row.body).actor.id for row in store.stream(1, found.size)}
    assert sorted(wrote) == list(range(1, found.size + 1))
    for name, numbers in told.items():
        assert all(wrote[seq] == name for seq in numbers)


def _next(line: Connection) -> int:
    assert line.poll(60)
    return int(line.recv())


def test_verify__while_others_write__sees_one_picture(bench: Bench, url: str) -> None:
    """A reader that saw a newer row than its head would cry wolf."""
    bench.append(5)
    units = Units(bench.engine, KeyRing(fixed_key()), StillClock())
    with units.read() as unit:
        head = unit.archive.head()
        with units.begin() as other:
            other.ledger.append(ANA, Action.COMMENT_ADDED, REQUEST)
        found = verify_ledger(unit.archive, [fixed_key().verifier])
    assert head is not None
    assert (found.holds, found.size) == (True, 5), found.findings
    with units.read() as unit:
        assert verify_ledger(unit.archive, [fixed_key().verifier]).size == 6
