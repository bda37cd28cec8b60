"""Rows that every engine must answer the same questions about, and the files that hold them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

START = datetime(2026, 11, 18, 23, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    request_id: str
    time: datetime | None
    environment: str | None
    model_name: str | None
    model_version: str | None
    inputs: dict[str, Any] | None
    output: Any
    score: float | None


def uuid7(at: datetime, number: int) -> str:
    return str(UUID(int=(int(at.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62) | number))


def rows() -> list[Row]:
    """48 hours, a row an hour; the twins at the end share an id."""
    found = []
    for number in range(48):
        at = START + timedelta(hours=number)
        inputs = {"age": 20 + number, "job": "Sales" if number % 2 else 'O\'Neil "x"', "odd.name": number / 2}
        version = "5" if number % 7 else None
        found.append(
            Row(uuid7(at, number), at, "production", "census", version, inputs, [0.3, 0.7], 0.7 + number / 1000)
        )
    twin = START + timedelta(hours=10, minutes=1)
    found += [Row("order-17", twin, "production", "census", "5", {"age": 1}, 1, None)] * 2
    found.append(Row("order-18", twin, "staging", "census", "v6", {"age": 1}, 1, None))
    found.append(Row("order-19", None, None, None, None, None, None, None))
    return found


def table(wanted: list[Row]) -> pa.Table:
    def text(value: Any) -> str | None:
        return None if value is None else json.dumps(value)

    return pa.table(
        {
            "request_id": [r.request_id for r in wanted],
            "time": pa.array([r.time for r in wanted], pa.timestamp("us", tz="UTC")),
            "environment": pa.array([r.environment for r in wanted], pa.string()),
            "model_name": pa.array([r.model_name for r in wanted], pa.string()),
            "model_version": pa.array([r.model_version for r in wanted], pa.string()),
            "inputs": pa.array([text(r.inputs) for r in wanted], pa.string()),
            "output": pa.array([text(r.output) for r in wanted], pa.string()),
            "score": pa.array([r.score for r in wanted], pa.float64()),
        }
    )


def by_day() -> dict[str, list[Row]]:
    days: dict[str, list[Row]] = {}
    for row in rows():
        days.setdefault((row.time or START).date().isoformat(), []).append(row)
    return days


def write_parquet(folder: Path) -> Path:
    for day, wanted in by_day().items():
        place = folder / f"day={day}"
        place.mkdir(parents=True)
        pq.write_table(table(wanted), place / "part.parquet")
    return folder


def write_delta(folder: Path) -> Path:
    import deltalake

    for day, wanted in by_day().items():
        made = table(wanted).append_column("day", pa.array([day] * len(wanted)))
        deltalake.write_deltalake(folder, made, mode="append", partition_by=["day"])
    return folder
