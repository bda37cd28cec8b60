"""How fast the ledger appends and verifies: ``python -m benchmarks.ledger [--quick]``.

Appends: four writer processes, each entry in a separate transaction with full durability (SQLite in WAL mode with
synchronous=FULL; a PostgreSQL server with its default settings, in a temporary folder).

Verification: an export of 1 000 000 entries (50 000 with --quick), made by the portal's own code, checked by
``tools/verify_ledger.py`` in a separate process. Compared with *bare SHA-256*: one hash over each entry's bytes, in a
plain loop that reads the same file. Both in processor seconds, the best of three rounds. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import multiprocessing.synchronize
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from sqlalchemy import insert

from services.database.engine import open_engine
from services.database.stores.ledger import SqlLedgerStore, copied_columns, ledger_transactions
from services.database.tables.ledger import ledger_checkpoint, ledger_entry, ledger_head
from services.database.tables.metadata import metadata
from services.ledger.actions import Action
from services.ledger.export import ExportSource, export_folder
from services.ledger.signing.keys import KeyRing, SigningKey
from services.ledger.tree.canonical import digest
from services.ledger.tree.entry import Actor, LedgerEntry, Subject, instant
from services.ledger.tree.merkle import Frontier, leaf_hash
from services.ledger.tree.note import Checkpoint
from services.ledger.verify import verify_ledger
from services.ledger.writer import append
from tests.postgres import start_postgres

NAME = "benchmark.test/ledger"
WRITERS = 4
SCRIPT = Path(__file__).resolve().parents[1] / "tools" / "verify_ledger.py"
START = datetime(2026, 1, 1, tzinfo=UTC)
REASON = "Calibration holds on every slice; the drop on small accounts lies inside the margin of the policy."
Row = tuple[str, str]


def main() -> None:
    """Run everything, print a table, end with one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="fewer entries; for a look, not for the record")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ledger-bench-") as folder:
        rates = _append_rates(Path(folder), 100 if args.quick else 500)
        figures = _verification(Path(folder), 50_000 if args.quick else 1_000_000)
    rows = [(f"appends/s, {WRITERS} writers, {name}", f"{rate:,.0f}") for name, rate in rates.items()]
    _print_table(rows + [(key.replace("_", " "), f"{value:,.2f}") for key, value in figures.items()])
    slowest = min(rates.values())
    summary = {"appends_per_s": round(slowest, 1), **{f"appends_per_s_{k}": round(v, 1) for k, v in rates.items()}}
    print(json.dumps(summary | {key: round(value, 3) for key, value in figures.items()}))


def _print_table(rows: list[Row]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value:>14}")


def _append_rates(folder: Path, each: int) -> dict[str, float]:
    rates = {"sqlite": _append_rate(f"sqlite:///{folder / 'append.db'}", each)}
    with start_postgres(folder, {}) as url:
        rates["postgresql"] = _append_rate(url, each)
    return rates


def _append_rate(url: str, each: int) -> float:
    """Appends a second, from the moment that all writers are ready."""
    engine = open_engine(url)
    metadata.create_all(engine)
    engine.dispose()
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(WRITERS + 1)
    key = SigningKey.generate(NAME).pem()
    writers = [context.Process(target=_write, args=(url, each, key, barrier)) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    barrier.wait(120)
    began = time.perf_counter()
    barrier.wait(600)
    seconds = time.perf_counter() - began
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0, "a writer failed"
    _assert_sound(url, WRITERS * each, KeyRing.parse(NAME, key))
    return WRITERS * each / seconds


def _write(url: str, each: int, pem: str, barrier: multiprocessing.synchronize.Barrier) -> None:
    engine, ring = open_engine(url), KeyRing.parse(NAME, pem)
    engine.connect().close()
    barrier.wait(120)
    for number in range(each):
        with engine.begin() as connection:
            append(
                SqlLedgerStore(connection),
                actor=Actor(f"u-{os.getpid()}", "Grace Hopper"),
                action=Action.DECISION_APPROVED,
                subject=Subject("promotion_request", f"pr-{number}"),
                clock=lambda: datetime.now(UTC),
                signer=ring,
                reason=REASON,
                after={"state": "approved"},
            )
    barrier.wait(600)
    engine.dispose()


def _assert_sound(url: str, size: int, ring: KeyRing) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        found = verify_ledger(SqlLedgerStore(connection), [ring.active.verifier])
    engine.dispose()
    assert (found.holds, found.size) == (True, size), found.findings


def _verification(folder: Path, size: int) -> dict[str, float]:
    ring, vkey = KeyRing(SigningKey.generate(NAME)), folder / "vkey.txt"
    vkey.write_text(str(ring.active.verifier))
    small, export = _make_export(folder, "small.db", size // 10, ring), _make_export(folder, "large.db", size, ring)
    entries = export / "entries.jsonl"
    rounds = [
        (_cpu(lambda: _bare(entries)), _cpu(lambda: _one_hash(entries)), *_script(export, vkey)) for _ in range(3)
    ]
    bare, joined, script, wall, peak = (min(column) for column in zip(*rounds, strict=True))
    forms = _script(export, vkey, "--forms")[0]
    portal = _portal(f"sqlite:///{folder / 'large.db'}", ring)
    return {
        "entries": float(size),
        "bytes_per_entry": entries.stat().st_size / size,
        "bare_sha256_s": bare,
        "verify_s": script,
        "verify_wall_s": wall,
        "verify_over_sha256": script / bare,
        "verify_over_one_long_hash": script / joined,
        "verify_with_forms_over_sha256": forms / bare,
        "portal_verify_over_sha256": portal / bare,
        "peak_mb": peak,
        "peak_mb_at_a_tenth": _script(small, vkey)[2],
    }


def _cpu(work: Callable[[], object]) -> float:
    """Processor seconds of this process, so that a busy machine does not change the figure."""
    began = time.process_time()
    work()
    return time.process_time() - began


def _bare(path: Path) -> None:
    with path.open("rb") as lines:
        for line in lines:
            sha256(line).digest()


def _one_hash(path: Path) -> None:
    """All bytes through one hash object, a megabyte at a time."""
    whole = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            whole.update(block)


def _script(export: Path, vkey: Path, *more: str) -> tuple[float, float, float]:
    """Processor seconds (process start included), wall seconds and peak memory in MB of the independent verifier."""
    arguments = ["--vkey", str(vkey), "--witness", str(export / "witness"), "--max-age", "1e6", *more]
    command = [sys.executable, "-I", "-c", _LAUNCH, str(SCRIPT), str(export), *arguments]
    began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    wall, now = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stdout + done.stderr
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return cpu, wall, int(done.stdout.split()[-2]) / 1024


_LAUNCH = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    print([line for line in open("/proc/self/status") if line.startswith("VmHWM")][0])
    raise
"""
"""Runs the script and reports the peak memory of its process; a parent would report its own size at the fork."""


def _portal(url: str, ring: KeyRing) -> float:
    """Processor seconds of the portal's own pass over its database, without the form of each entry."""
    engine = open_engine(url)
    with engine.begin() as connection:
        began = time.process_time()
        found = verify_ledger(SqlLedgerStore(connection), [ring.active.verifier], forms=False)
        seconds = time.process_time() - began
    engine.dispose()
    assert found.holds, found.findings
    return seconds


def _make_export(folder: Path, name: str, size: int, ring: KeyRing) -> Path:
    """A database filled in bulk with entries as the portal writes them, exported by the portal's code."""
    engine = open_engine(f"sqlite:///{folder / name}")
    metadata.create_all(engine)
    frontier = Frontier()
    while frontier.size < size:
        rows, notes, frontier = _rows(frontier, min(frontier.size + 10_000, size), ring)
        with engine.begin() as connection:
            connection.execute(insert(ledger_entry), rows)
            connection.execute(insert(ledger_checkpoint), notes)
    head = {"id": 1, "origin": f"{NAME}/1", "size": size, "frontier": frontier.to_bytes()}
    with engine.begin() as connection:
        connection.execute(insert(ledger_head), head)
        newest = SqlLedgerStore(connection).checkpoint(size)
    target = folder / f"export-{size}"
    source = ExportSource([ring.active.verifier], datetime.now(UTC), {"bench": [newest or ""]})
    export_folder(ledger_transactions(engine), target, source)
    engine.dispose()
    return target


def _rows(
    frontier: Frontier, last: int, ring: KeyRing
) -> tuple[list[dict[str, object]], list[dict[str, object]], Frontier]:
    rows: list[dict[str, object]] = []
    notes: list[dict[str, object]] = []
    for seq in range(frontier.size + 1, last + 1):
        entry = _entry(seq)
        body = entry.body()
        frontier, nodes = frontier.push(leaf_hash(body.encode()))
        rows.append({"seq": seq, "body": body, "nodes": b"".join(nodes), **copied_columns(entry)})
        note = ring.sign(Checkpoint(f"{NAME}/1", seq, frontier.root()), START)
        notes.append({"size": seq, "note": note.text()})
    return rows, notes, frontier


def _entry(seq: int) -> LedgerEntry:
    """Like a decision: about 590 bytes, most values different in each entry."""
    return LedgerEntry(
        seq=seq,
        at=instant(START + timedelta(seconds=seq)),
        actor=Actor(f"3f2b9d7e-1c1a-4c52-9a5b-{seq % 900:012d}", "Grace Hopper"),
        action=Action.DECISION_APPROVED,
        subject=Subject("promotion_request", f"pr-{seq:012d}"),
        plan_digest=digest(seq),
        before={"state": "open"},
        after={"state": "approved", "slot": seq % 7},
        reason=REASON,
        request_id=f"pr-{seq:012d}",
        portal_version="0.1.0",
    )


if __name__ == "__main__":
    main()
