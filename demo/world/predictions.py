"""The demo's prediction log: Parquet files by day, with time-ordered ids (UUIDv7, RFC 9562)."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import requests

if TYPE_CHECKING:
    import pandas as pd

SCORING_SECONDS = 20
COMPACTED = "compacted"
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
    """One scored request; `latency_ms` is None if it was not measured."""

    request_id: str
    time: datetime
    environment: str | None
    model_name: str | None
    model_version: str | None
    inputs: Mapping[str, Any]
    output: Any
    score: float | None
    latency_ms: float | None


@dataclass(frozen=True)
class Served:
    """What an endpoint serves, as its log rows name it."""

    environment: str
    model_name: str
    model_version: str | None


def new_request_id(at: datetime) -> str:
    """A UUIDv7: the time in milliseconds first, so that ids sort by time."""
    milliseconds = int(at.timestamp() * 1000)
    number = (milliseconds << 80) | (7 << 76) | (secrets.randbits(12) << 64) | (2 << 62) | secrets.randbits(62)
    return str(UUID(int=number))


class PredictionLog:
    """Appends scored requests: one new file per day and flush, written atomically; many writers may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def append(self, records: Sequence[Scored]) -> None:
        """Write records into the folders of their days. Raises ValueError for a time without zone."""
        by_day: dict[str, list[Scored]] = {}
        for record in records:
            if record.time.tzinfo is None:
                raise ValueError(f"The prediction {record.request_id} has a time without zone.")
            by_day.setdefault(record.time.astimezone(UTC).date().isoformat(), []).append(record)
        with self._lock:
            for day, rows in by_day.items():
                _write(self._folder / f"day={day}", f"{rows[0].request_id}-{uuid4().hex[:8]}", _table(rows))


def compact(folder: Path, day: str) -> int:
    """Turn the small files of a day that is over into one, sorted by id; returns its rows.

    The whole file is in place before the small ones go, so nothing is lost; a reader may see rows twice for that
    moment, and rows that a crash between the two left twice are written once by the next compaction.
    """
    place = folder / f"day={day}"
    files = sorted(place.glob("*.parquet"))
    if not files:
        return 0
    table = pa.concat_tables([pq.read_table(file, schema=SCHEMA, partitioning=None) for file in files])
    table = _once(table)
    if len(files) > 1:
        _write(place, COMPACTED, table)
        for file in files:
            if file.stem != COMPACTED:
                file.unlink()
    return int(table.num_rows)


def score_and_log(endpoint_url: str, rows: pd.DataFrame, *, served: Served, log: PredictionLog) -> list[Scored]:
    """Post rows to an MLflow scoring server (``/invocations``), log what came back. Raises requests' errors.

    For a scoring server without gateway; the serving host logs by itself.
    """
    records = plain_rows(rows)
    data = [list(record.values()) for record in records]
    body = {"dataframe_split": {"columns": list(rows.columns), "data": data}}
    at, start = datetime.now(UTC), time.perf_counter()
    answer = requests.post(f"{endpoint_url.rstrip('/')}/invocations", json=body, timeout=SCORING_SECONDS)
    answer.raise_for_status()
    each = (time.perf_counter() - start) * 1000 / max(1, len(rows))
    scored = [
        Scored(
            new_request_id(at), at, served.environment, served.model_name, served.model_version,
            inputs, output, score_of(output), each,
        )
        for inputs, output in zip(records, answer.json()["predictions"], strict=True)
    ]  # fmt: skip
    log.append(scored)
    return scored


def score_of(output: Any) -> float | None:
    """The positive class's probability, or the number itself; None for anything else."""
    last = output[-1] if isinstance(output, list) and output else output
    return float(last) if isinstance(last, int | float) and not isinstance(last, bool) else None


def plain_rows(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain Python values, ready for JSON; a missing value is None."""
    import pandas as pd

    return [
        {str(name): None if pd.isna(value) else value for name, value in row.items()} for row in rows.to_dict("records")
    ]


def _once(table: pa.Table) -> pa.Table:
    """Sorted by id, each id's first row."""
    ordered = table.sort_by("request_id")
    ids = ordered["request_id"].combine_chunks()
    if len(ids) < 2:
        return ordered
    is_new = pa.concat_arrays([pa.array([True]), pc.not_equal(ids[1:], ids[:-1])])
    return ordered.filter(is_new)


def _write(place: Path, name: str, table: pa.Table) -> None:
    place.mkdir(parents=True, exist_ok=True)
    part = place / f".{name}.part"
    pq.write_table(table, part, compression="zstd", row_group_size=50_000)
    part.replace(place / f"{name}.parquet")


def _table(rows: Sequence[Scored]) -> pa.Table:
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
