"""Prediction records in Parquet files, found with DuckDB.

Layout: ``FOLDER/day=YYYY-MM-DD/*.parquet``. With time-ordered ids (UUIDv7) the day is read out of the id and only
that day's files are opened; any other id is looked for in all files. Values are bound, never pasted into SQL.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Timer
from typing import Any
from uuid import UUID

import duckdb

from services.domain.predictions import PredictionRecord
from services.errors import UpstreamRubbishError, UpstreamUnavailableError
from services.ports import DateRange

SYSTEM = "inference_log"
FOUND_LIMIT = 10
MEMORY = "512MB"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = "request_id, epoch_us(time) AS time, environment, model_name, model_version, inputs, output, score, filename"


class ParquetInferenceLog:
    """Implements `services.ports.InferenceLog`."""

    def __init__(self, folder: Path, *, timeout: float = 10.0) -> None:
        self._folder = folder
        self._timeout = timeout

    def find(self, request_id: str, *, days: DateRange | None = None) -> Sequence[PredictionRecord]:
        """Records with this id, at most ten."""
        wanted = days or _days_of(request_id)
        rows = self._select(self._files(wanted), "request_id = ?", [request_id], FOUND_LIMIT)
        if not rows and wanted is not None and days is None:
            rows = self._select(self._files(None), "request_id = ?", [request_id], FOUND_LIMIT)
        return rows

    def recent(self, limit: int = 20) -> Sequence[PredictionRecord]:
        """The newest records of the newest days."""
        for day in sorted(self._days(), reverse=True)[:7]:
            rows = self._select(self._files(DateRange(day, day)), "true", [], limit)
            if rows:
                return rows
        return ()

    def _days(self) -> list[date]:
        found = []
        for path in self._folder.glob("day=*"):
            try:
                found.append(date.fromisoformat(path.name.removeprefix("day=")))
            except ValueError:
                continue
        return found

    def _files(self, days: DateRange | None) -> list[str]:
        if days is None:
            return [str(p) for p in sorted(self._folder.glob("day=*/*.parquet"))]
        wanted = [d for d in self._days() if days.first <= d <= days.last]
        return [str(p) for d in wanted for p in sorted((self._folder / f"day={d}").glob("*.parquet"))]

    def _select(self, files: list[str], where: str, values: list[Any], limit: int) -> list[PredictionRecord]:
        if not files:
            return []
        sql = (
            f"SELECT {_COLUMNS} FROM read_parquet(?, filename = true, union_by_name = true) "  # noqa: S608 - constants
            f"WHERE {where} ORDER BY 2 DESC NULLS LAST LIMIT {int(limit)}"
        )
        config = {"memory_limit": MEMORY, "threads": 2, "enable_external_access": True}
        with duckdb.connect(config=config) as connection:
            watchdog = Timer(self._timeout, connection.interrupt)
            watchdog.start()
            try:
                rows = connection.execute(sql, [files, *values]).fetchall()
            except duckdb.InterruptException as error:
                raise UpstreamUnavailableError(
                    f"The look-up took longer than {self._timeout:g} s.", system=SYSTEM, hint="Name the day as well."
                ) from error
            except duckdb.Error as error:
                raise UpstreamRubbishError(
                    "The prediction log cannot be read.", system=SYSTEM, hint=f"DuckDB says: {_first_line(error)}"
                ) from error
            finally:
                watchdog.cancel()
        return [_record(row, self._folder) for row in rows]


def _days_of(request_id: str) -> DateRange | None:
    """The day inside a UUIDv7 (RFC 9562, 5.7), a day either side against clock skew; None for any other id."""
    try:
        identifier = UUID(request_id)
    except ValueError:
        return None
    if identifier.version != 7:
        return None
    day = datetime.fromtimestamp((identifier.int >> 80) / 1000, UTC).date()
    return DateRange(day - timedelta(days=1), day + timedelta(days=1))


def _record(row: Sequence[Any], folder: Path) -> PredictionRecord:
    request_id, time, environment, model, version, inputs, output, score, filename = row
    parsed = _json(inputs)
    return PredictionRecord(
        request_id=str(request_id),
        time=_utc(time),
        environment=environment,
        model=model,
        version=_version(version),
        inputs=parsed if isinstance(parsed, Mapping) else {"value": parsed},
        output=_json(output),
        score=score,
        source=f"prediction log, {Path(filename).relative_to(folder)}",
    )


def _utc(microseconds: int | None) -> datetime | None:
    """Microseconds since 1970: DuckDB would need a time-zone library to give a time with its zone."""
    return None if microseconds is None else EPOCH + timedelta(microseconds=microseconds)


def _version(text: Any) -> int | None:
    try:
        return int(text) if text is not None else None
    except (TypeError, ValueError):
        return None


def _json(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
