"""The demo's prediction log: Parquet files by day, with time-ordered ids (UUIDv7, RFC 9562)."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA = pa.schema(
    [
        ("request_id", pa.string()),
        ("time", pa.timestamp("us", tz="UTC")),
        ("environment", pa.string()),
        ("model_name", pa.string()),
        ("model_version", pa.string()),
        ("inputs", pa.string()),
        ("output", pa.string()),
        ("score", pa.float64()),
        ("latency_ms", pa.float64()),
    ]
)


@dataclass(frozen=True)
class Scored:
    """One scored request."""

    request_id: str
    time: datetime
    environment: str | None
    model_name: str | None
    model_version: str | None
    inputs: Mapping[str, Any]
    output: Any
    score: float | None
    latency_ms: float | None


def new_request_id(at: datetime) -> str:
    """A UUIDv7: the time in milliseconds first, so that ids sort by time."""
    milliseconds = int(at.timestamp() * 1000)
    number = (milliseconds << 80) | (7 << 76) | (secrets.randbits(12) << 64) | (2 << 62) | secrets.randbits(62)
    return str(UUID(int=number))


class PredictionLog:
    """Appends scored requests; safe to be used by many threads, one file a flush, whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def append(self, records: Sequence[Scored]) -> None:
        """Write records into the folders of their days."""
        by_day: dict[str, list[Scored]] = {}
        for record in records:
            by_day.setdefault(record.time.astimezone(UTC).date().isoformat(), []).append(record)
        with self._lock:
            for day, rows in by_day.items():
                self._write(day, rows)

    def _write(self, day: str, rows: list[Scored]) -> None:
        folder = self._folder / f"day={day}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{rows[0].request_id}.parquet"
        part = folder / f".{path.name}.part"
        pq.write_table(_table(rows), part, compression="zstd")
        part.replace(path)


def compact(folder: Path, day: str) -> None:
    """Turn the small files of a day into one, sorted by id."""
    files = sorted((folder / f"day={day}").glob("*.parquet"))
    if len(files) < 2:
        return
    table = pa.concat_tables([pq.read_table(f, schema=SCHEMA, partitioning=None) for f in files])
    part = folder / f"day={day}" / ".compact.part"
    pq.write_table(table.sort_by("request_id"), part, compression="zstd", row_group_size=50_000)
    for file in files[1:]:
        file.unlink()
    part.replace(files[0])


def _table(rows: list[Scored]) -> pa.Table:
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    for row in rows:
        values = {
            **vars(row),
            "inputs": json.dumps(dict(row.inputs), ensure_ascii=False),
            "output": json.dumps(row.output),
        }
        for name, column in columns.items():
            column.append(values[name])
    return pa.table(columns, schema=SCHEMA)
