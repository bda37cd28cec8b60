"""How fast one prediction is found in a large log: `python -m benchmarks.predictions [--quick] [--rows N]`.

Rows are generated, partitioned by day, with time-ordered ids (UUIDv7). The portal's look-up, which gets only the id, is
compared with a plain DuckDB connection that gets the exact file. Both have an open connection; ids are drawn at random
and looked up by both in turn, so that neither benefits from a warm cache. Files are removed at the end.

The last line is JSON: `over_plain_duckdb` (ratio of medians, target under 5), `peak_mb` (resident memory of the process
that looks up, at its highest).
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from services.adapters.inference_log.embedded import EmbeddedInferenceLog
from services.adapters.inference_log.ids import time_of

FIRST = date(2026, 7, 1)
ROW_GROUP = 122_880
COLUMNS = "request_id, epoch_us(time), environment, model_name, model_version, inputs, output, score"


@dataclass(frozen=True)
class Shape:
    """How the log is cut."""

    rows: int
    days: int
    ids: int

    @property
    def a_day(self) -> int:
        """Rows of one day's file."""
        return self.rows // self.days


def main() -> int:
    """Generate, look up, print, remove."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.predictions")
    parser.add_argument("--quick", action="store_true", help="4 million rows in place of 100 million")
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    shape = Shape(4_000_000, 16, 30) if arguments.quick else Shape(arguments.rows, 100, 60)
    if arguments.make:
        make(arguments.make, shape)
        return 0
    folder = Path(tempfile.mkdtemp(prefix="countersign-predictions-"))
    try:
        began = time.perf_counter()
        _make_elsewhere(folder, arguments)
        size = sum(f.stat().st_size for f in folder.rglob("*.parquet"))
        print(f"made {shape.rows:,} rows, {size / 1e6:,.0f} MB in {time.perf_counter() - began:.0f} s")
        measure(folder, shape)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _make_elsewhere(folder: Path, arguments: argparse.Namespace) -> None:
    """In a separate process, so that its memory does not count as the look-up's."""
    command = [sys.executable, "-m", "benchmarks.predictions", "--make", str(folder), "--rows", str(arguments.rows)]
    subprocess.run([*command, *(["--quick"] if arguments.quick else [])], check=True, timeout=7200)


def make(folder: Path, shape: Shape) -> None:
    """One file a day, rows in the order of their ids."""
    connection = duckdb.connect(config={"threads": 2, "memory_limit": "1GB"})
    for number in range(shape.days):
        day = FIRST + timedelta(days=number)
        start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
        place = folder / f"day={day}"
        place.mkdir(parents=True)
        connection.execute(_rows_sql(place / "part.parquet"), [start, 86_400_000, shape.a_day, shape.a_day])


def _rows_sql(target: Path) -> str:
    hexadecimal = "lpad(to_hex(ms), 12, '0')"
    request_id = (
        f"substr({hexadecimal}, 1, 8) || '-' || substr({hexadecimal}, 9, 4) || '-7' || substr(h, 1, 3) || '-8' || "
        "substr(h, 4, 3) || '-' || substr(h, 7, 12)"
    )
    return f"""
        COPY (
            WITH numbered AS (
                SELECT ? + (range * ?) // ? AS ms, md5(CAST(range AS VARCHAR)) AS h, range AS n FROM range(?)
            )
            SELECT {request_id} AS request_id, make_timestamp(ms * 1000) AS time, 'production' AS environment,
                   'census-income' AS model_name, CAST(1 + n % 8 AS VARCHAR) AS model_version,
                   '{{"age": ' || n % 70 || '}}' AS inputs, '1' AS output, (n % 1000) / 1000.0 AS score
            FROM numbered ORDER BY n
        ) TO '{target}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})
    """  # noqa: S608 - constants and a path of our own


def measure(folder: Path, shape: Shape) -> None:
    """Ask both for the same ids, in turn."""
    wanted = _draw(folder, shape)
    log = EmbeddedInferenceLog(folder)
    plain = duckdb.connect(config={"threads": 2, "memory_limit": "512MB"})
    for request_id in wanted[:3]:
        _ours(log, request_id)
        _plain(plain, folder, request_id)
    times: dict[str, list[float]] = {"plain": [], "ours": []}
    asked: dict[str, Callable[[str], None]] = {
        "plain": lambda i: _plain(plain, folder, i),
        "ours": lambda i: _ours(log, i),
    }
    for number, request_id in enumerate(wanted[3:]):
        for name in sorted(asked, reverse=number % 2 == 0):  # whoever comes second finds the file in memory
            times[name].append(_timed(lambda i=request_id, ask=asked[name]: ask(i)))
    unknown = _timed(lambda: log.find("0199ffff-ffff-7fff-bfff-ffffffffffff"))
    _report(shape, times, unknown)


def _draw(folder: Path, shape: Shape) -> list[str]:
    chance, found = random.Random(17), []
    connection = duckdb.connect()
    for _ in range(shape.ids + 3):
        day = FIRST + timedelta(days=chance.randrange(shape.days))
        sql = "SELECT request_id FROM read_parquet(?) LIMIT 1 OFFSET ?"
        row = connection.execute(sql, [_file(folder, day), chance.randrange(shape.a_day)]).fetchone()
        assert row is not None
        found.append(str(row[0]))
    connection.close()
    return found


def _file(folder: Path, day: date) -> str:
    return str(folder / f"day={day}" / "part.parquet")


def _plain(connection: Any, folder: Path, request_id: str) -> None:
    """The look-up as someone who knows the file would write it."""
    at = time_of(request_id)
    assert at is not None
    sql = f"SELECT {COLUMNS} FROM read_parquet(?) WHERE request_id = ?"  # noqa: S608 - constants
    assert len(connection.execute(sql, [_file(folder, at.date()), request_id]).fetchall()) == 1


def _ours(log: EmbeddedInferenceLog, request_id: str) -> None:
    (found,) = log.find(request_id)
    assert found.request_id == request_id


def _timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def _report(shape: Shape, times: dict[str, list[float]], unknown: float) -> None:
    medians = {name: statistics.median(values) for name, values in times.items()}
    worst = {name: sorted(values)[int(len(values) * 0.95)] for name, values in times.items()}
    print(f"{'look-up of one id':<34}{'median ms':>12}{'95 % ms':>12}")
    print(f"{'plain DuckDB, given the file':<34}{medians['plain']:>12.1f}{worst['plain']:>12.1f}")
    print(f"{'portal, given only the id':<34}{medians['ours']:>12.1f}{worst['ours']:>12.1f}")
    print(f"{'portal, an unknown id':<34}{unknown:>12.1f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = {
        "rows": shape.rows,
        "over_plain_duckdb": round(medians["ours"] / medians["plain"], 2),
        "peak_mb": round(peak),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    sys.exit(main())
