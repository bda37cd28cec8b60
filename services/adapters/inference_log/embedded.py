"""Prediction records in Parquet files or a Delta table, found with DuckDB inside the portal.

With time-ordered ids (UUIDv7, ULID) the day is read out of the id and only the files of that day and its neighbours are
opened; DuckDB then skips row groups by their smallest and largest id. Any other id is looked for in all files, if they
are not larger than the guard allows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Timer
from typing import Any

import duckdb

from services.adapters.inference_log.columns import FIELDS, LogColumns
from services.adapters.inference_log.files import SYSTEM, DeltaFolder, LogFile, LogFiles, ParquetFolder
from services.adapters.inference_log.ids import days_of
from services.adapters.inference_log.limits import FOUND_LIMIT, Limits
from services.adapters.inference_log.rows import record_of, spellings
from services.domain.why.predictions import PredictionQuery, PredictionRecord
from services.errors import SettingsError, UpstreamRubbishError, UpstreamUnavailableError
from services.ports.predictions import DateRange

MEMORY = "512MB"
RECENT_DAYS = 7
LISTINGS = 3
TEXT = "VARCHAR"


@dataclass(frozen=True)
class Layout:
    """The columns that files have, and what DuckDB calls their types."""

    columns: LogColumns
    types: Mapping[str, str]

    @property
    def time_type(self) -> str:
        """Type of the time column; empty where there is none."""
        return self.types.get(self.columns.time, "")

    def equals(self, column: str, value: str) -> tuple[str, list[Any]]:
        """A condition; what cannot be a value of the column's type equals nothing."""
        kind = self.types[column]
        return f"{_quote(column)} = " + ("?" if kind == TEXT else f"TRY_CAST(CAST(? AS VARCHAR) AS {kind})"), [value]


TIME_HINT = "Map time to a timestamp column, or time_ms to milliseconds since 1970."
Listing = Callable[[], Sequence[LogFile]]
Where = Callable[[Layout], tuple[str, list[Any]]]


class EmbeddedInferenceLog:
    """Implements `services.ports.predictions.InferenceLog`."""

    def __init__(
        self, folder: Path, *, columns: LogColumns | None = None, limits: Limits | None = None, threads: int = 2
    ) -> None:
        self._folder = folder
        self._columns = columns or LogColumns()
        self._limits = limits or Limits()
        self._files = _files_of(folder, self._columns)
        self._threads = threads
        self._lock = threading.Lock()
        self._database: duckdb.DuckDBPyConnection | None = None

    def find(self, request_id: str, *, days: DateRange | None = None) -> Sequence[PredictionRecord]:
        """Records with this id, at most ten."""
        wanted = days or days_of(request_id)
        rows = self._with_id(request_id, wanted)
        if not rows and wanted is not None and days is None:
            rows = self._with_id(request_id, None)  # an id can look time-ordered and be filed elsewhere
        return rows

    def search(self, wanted: PredictionQuery) -> Sequence[PredictionRecord]:
        """Records of a model in a window of time, newest first."""
        days = DateRange(wanted.since.date(), wanted.until.date())

        def listed() -> Sequence[LogFile]:
            files = self._files.within(days)
            self._limits.demand_bytes(sum(f.size for f in files), narrower="Choose a shorter window of time.")
            return files

        return self._select(listed, lambda layout: _search_terms(wanted, layout), wanted.limit + 1)

    def recent(self, limit: int = 20) -> Sequence[PredictionRecord]:
        """The newest records of the newest days."""
        days: list[DateRange | None] = [DateRange(day, day) for day in self._files.days()[:RECENT_DAYS]]
        for wanted in days or [None]:
            rows = self._select(partial(self._bounded, wanted), lambda _: ("true", []), limit)
            if rows:
                return rows
        return ()

    def check(self) -> str:
        """What is there. Raises SettingsError."""
        if not self._folder.is_dir():
            raise SettingsError(
                f"{self._folder} is no folder.", hint="Set COUNTERSIGN_PREDICTIONS_PATH to the log's folder."
            )
        kind = "Delta table" if isinstance(self._files, DeltaFolder) else "Parquet files"
        files = self._files.within(None)
        if not files:
            return f"{self._folder} is there and has no {kind.lower()} yet."
        there = [f for f in files if Path(f.path).exists()]  # one may vanish meanwhile
        layout = self._described(there[:1] or files[:1])
        absent = layout.columns.absent()
        note = f"; no column for {', '.join(absent)}" if absent else ""
        note += "; its time is a text, so nobody can search by it" if layout.time_type == TEXT else ""
        return f"{self._folder}: {len(files)} {kind}, {sum(f.size for f in files) / 1e6:,.1f} MB{note}."

    def _bounded(self, days: DateRange | None) -> Sequence[LogFile]:
        """All files of these days, or only the last one where they are more than may be read."""
        files = self._files.within(days)
        is_large = sum(f.size for f in files) > self._limits.scan_bytes
        return sorted(files, key=lambda f: f.path)[-1:] if is_large else files

    def _with_id(self, request_id: str, days: DateRange | None) -> list[PredictionRecord]:
        def listed() -> Sequence[LogFile]:
            files = [f for f in self._files.within(days) if f.may_hold(request_id)]
            if days is None:
                self._limits.demand_bytes(sum(f.size for f in files), narrower="Name the day as well.")
            return files

        return self._select(listed, lambda layout: layout.equals(layout.columns.request_id, request_id), FOUND_LIMIT)

    def _select(self, listed: Listing, where: Where, limit: int, *, attempts: int = LISTINGS) -> list[PredictionRecord]:
        """Read the columns that the files have. One that vanished was put together with others: list them anew."""
        files = listed()
        paths = [f.path for f in files]
        if not paths:
            return []
        try:
            layout = self._present(files)
            text, values = where(layout)
            sql = (
                f"SELECT {_selection(layout)}, filename FROM read_parquet(?, filename = true, union_by_name = true, "  # noqa: S608 - quoted names from the settings, bound values
                f"hive_partitioning = false) WHERE {text} ORDER BY 2 DESC NULLS LAST LIMIT {int(limit)}"
            )
            rows = self._run(sql, [paths, *values])
        except duckdb.IOException as error:
            if attempts == 1 or all(Path(path).exists() for path in paths):
                raise _unreadable(error) from error
            return self._select(listed, where, limit, attempts=attempts - 1)
        return [self._record(row, layout.columns) for row in rows]

    def _record(self, row: Sequence[Any], columns: LogColumns) -> PredictionRecord:
        names = (*FIELDS, *columns.input_columns, "filename")
        values = dict(zip(names, row, strict=True))
        place = Path(values["filename"])
        place = place.relative_to(self._folder) if place.is_relative_to(self._folder) else place
        return record_of(values, f"prediction log, {place}", columns.input_columns)

    def _described(self, files: Sequence[LogFile]) -> Layout:
        try:
            return self._present(files)
        except duckdb.IOException as error:
            raise _unreadable(error) from error

    def _present(self, files: Sequence[LogFile]) -> Layout:
        sql = "DESCRIBE SELECT * FROM read_parquet(?, union_by_name = true, hive_partitioning = false)"
        types = {str(row[0]): str(row[1]) for row in self._run(sql, [[f.path for f in files]])}
        layout = Layout(self._columns.within(types), types)
        if not layout.time_type.startswith(("TIMESTAMP", "DATE", TEXT)) and layout.time_type:
            raise SettingsError(f"The log's {layout.columns.time} is {layout.time_type}, and no time.", hint=TIME_HINT)
        return layout

    def _run(self, sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
        cursor = self._open().cursor()
        watchdog = Timer(self._limits.seconds, cursor.interrupt)
        watchdog.daemon = True
        watchdog.start()
        try:
            rows: list[tuple[Any, ...]] = cursor.execute(sql, values).fetchall()
        except duckdb.InterruptException as error:
            raise UpstreamUnavailableError(
                f"The look-up took longer than {self._limits.seconds:g} s.",
                system=SYSTEM,
                hint="Name the day, or choose a shorter window of time.",
            ) from error
        except duckdb.IOException as error:
            if "No files found" in str(error) or "Cannot open file" in str(error):
                raise
            raise _unreadable(error) from error
        except duckdb.Error as error:
            raise _unreadable(error) from error
        finally:
            watchdog.cancel()
            cursor.close()
        return rows

    def _open(self) -> duckdb.DuckDBPyConnection:
        """One database in memory for all look-ups; each has a cursor of its own, so threads do not meet."""
        with self._lock:
            if self._database is None:
                config = {"memory_limit": MEMORY, "threads": self._threads, "autoinstall_known_extensions": False}
                self._database = duckdb.connect(config=config)
                self._database.execute("SET GLOBAL TimeZone = 'UTC'")
                self._database.execute("SET GLOBAL parquet_metadata_cache = true")
            return self._database


def _files_of(folder: Path, columns: LogColumns) -> LogFiles:
    if (folder / "_delta_log").is_dir():
        return DeltaFolder(folder, columns.day, columns.request_id)
    return ParquetFolder(folder, columns.day)


def _selection(layout: Layout) -> str:
    """The fields in their order; time as microseconds since 1970, which needs no time-zone library, or as its text."""
    columns, parts = layout.columns, []
    for name in FIELDS:
        column = columns.of(name)
        if name == "time" and columns.time_ms:
            parts.append(f"{_quote(columns.time_ms)} * 1000 AS time")
        elif name == "time" and column and layout.time_type != TEXT:
            parts.append(f"epoch_us({_quote(column)}) AS time")
        else:
            parts.append(f"{_quote(column) if column else 'NULL'} AS {name}")
    return ", ".join([*parts, *(_quote(name) for name in columns.input_columns)])


def _search_terms(wanted: PredictionQuery, layout: Layout) -> tuple[str, list[Any]]:
    columns = layout.columns
    if not columns.has_time:
        raise SettingsError("The prediction log has no time, so it cannot be searched by time.", hint=TIME_HINT)
    if layout.time_type == TEXT:
        raise SettingsError("The log's time is a text, so it cannot be searched by time.", hint=TIME_HINT)
    terms: list[str] = []
    values: list[Any] = []
    if columns.time_ms:
        terms += [f"{_quote(columns.time_ms)} >= ?", f"{_quote(columns.time_ms)} < ?"]
        values += [int(t.timestamp() * 1000) for t in (wanted.since, wanted.until)]
    else:
        has_zone = layout.time_type == "TIMESTAMP WITH TIME ZONE"
        time = _quote(columns.time) if has_zone else f"CAST({_quote(columns.time)} AS TIMESTAMP)"
        terms += [f"{time} >= ?", f"{time} < ?"]
        values += [wanted.since, wanted.until]
    for name, value in (("model", wanted.model), ("environment", wanted.environment)):
        if value and columns.of(name):
            term, bound = layout.equals(columns.of(name), value)
            terms.append(term)
            values += bound
    for name, value in wanted.inputs.items():
        term, bound = _input_term(name, value, columns)
        terms.append(term)
        values += bound
    return " AND ".join(terms), values


def _input_term(name: str, value: str, columns: LogColumns) -> tuple[str, list[Any]]:
    texts = spellings(value)
    marks = ", ".join("?" for _ in texts)
    if name in columns.input_columns:
        return f"CAST({_quote(name)} AS VARCHAR) IN ({marks})", [*texts]
    if not columns.inputs:
        raise SettingsError("The prediction log has no inputs, so it cannot be searched by them.")
    path = "/" + name.replace("~", "~0").replace("/", "~1")  # RFC 6901: no name has a meaning of its own in it
    column = _quote(columns.inputs)
    as_json = (
        f"CASE WHEN typeof({column}) IN ('VARCHAR', 'JSON') THEN TRY_CAST(CAST({column} AS VARCHAR) AS JSON) "
        f"ELSE to_json({column}) END"
    )
    return f"json_extract_string({as_json}, ?) IN ({marks})", [path, *texts]


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _unreadable(error: Exception) -> UpstreamRubbishError:
    first = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return UpstreamRubbishError("The prediction log cannot be read.", system=SYSTEM, hint=f"DuckDB says: {first}")
