"""Prediction records in files or a Delta table, found inside the portal: Parquet with DuckDB, JSON lines by Python.

With time-ordered ids (UUIDv7, ULID) the day is read out of the id and only the files of that day and its neighbours are
opened; DuckDB then skips row groups by their smallest and largest id. Any other id is looked for in all files, if they
are not larger than the guard allows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Timer
from typing import Any

import duckdb

from services.adapters.inference_log import duck_sql
from services.adapters.inference_log.columns import FIELDS, LogColumns
from services.adapters.inference_log.duck_sql import TEXT, TIME_HINT, Layout
from services.adapters.inference_log.files import SYSTEM, DeltaFolder, LogFiles, PlainFolder
from services.adapters.inference_log.folders import LINES, PARQUET, Listing, LogFile
from services.adapters.inference_log.ids import days_of
from services.adapters.inference_log.limits import FOUND_LIMIT, LOOKED_THROUGH, TOO_LARGE, Limits
from services.adapters.inference_log.lines import JsonLines
from services.adapters.inference_log.rows import (
    fits,
    ids_to_look_for,
    in_order,
    records_of,
    says_the_same,
    unnamed_models,
)
from services.domain.examined import LeftOut
from services.domain.why.predictions import Found, PredictionQuery, PredictionRecord, row_wanted
from services.errors import InvalidInputError, SettingsError, UpstreamInvalidError, UpstreamUnavailableError
from services.ports.predictions import DateRange

MEMORY = "512MB"
RECENT_DAYS = 7
LISTINGS = 3
DESCRIBED = 200
"""Files whose columns are looked at for a check."""
Listed = Callable[[], Listing]
Where = Callable[[Layout], tuple[str, list[Any]]]
Keep = Callable[[LogFile, Layout], bool]


class EmbeddedInferenceLog:
    """Implements `services.ports.predictions.InferenceLog`."""

    def __init__(
        self, folder: Path, *, columns: LogColumns | None = None, limits: Limits | None = None, threads: int = 2
    ) -> None:
        self._folder = folder
        self._columns = columns or LogColumns()
        self._limits = limits or Limits()
        self._files = _files_of(folder, self._columns)
        self._lines = JsonLines(folder, self._columns, self._limits)
        self._threads = threads
        self._lock = threading.Lock()
        self._database: duckdb.DuckDBPyConnection | None = None

    def find(self, request_id: str, *, days: DateRange | None = None) -> Found:
        """Records with this id, or of the request with this id; rows of at most ten requests."""
        wanted = days or days_of(request_id) or days_of(row_wanted(request_id)[0])
        found = self._with_id(request_id, wanted)
        if not found and wanted is not None and days is None:
            found = self._with_id(request_id, None)  # an id can look time-ordered and be filed elsewhere
        return found

    def search(self, wanted: PredictionQuery) -> Found:
        """Records of a model in a window of time, newest first."""
        days = DateRange(wanted.since.date(), wanted.until.date())

        def listed() -> Listing:
            listing = self._files.listing(days)
            size = sum(f.size for f in listing.files)
            self._limits.demand_bytes(size, narrower="Choose a shorter window of time.")
            return listing

        listing = listed()
        wide = LOOKED_THROUGH if wanted.inputs or wanted.limit > LOOKED_THROUGH else wanted.limit
        rows, is_cut = self._select(
            listing, listed, lambda layout: duck_sql.search_terms(wanted, layout), max(wide, wanted.limit) + 1,
            keep=lambda file, layout: _may_be_of(file, layout, wanted),
        )  # fmt: skip
        lines, left_out = self._lines.search(_of_kind(listing, LINES), wanted)
        records = [record for record in [*rows, *lines] if fits(record, wanted)]
        records.sort(key=_newest, reverse=True)
        if is_cut and len(records) <= wanted.limit and wanted.inputs:
            raise InvalidInputError(
                f"More than {LOOKED_THROUGH:,} requests would have to be looked through.",
                hint="Choose a shorter window of time.",
                code=TOO_LARGE,
            )
        unnamed = unnamed_models([*rows, *lines], wanted)
        return Found(tuple(records[: wanted.limit + 1]), (*self._unread(listing), *left_out, *unnamed))

    def recent(self, limit: int = 20) -> Found:
        """The newest records of the newest days."""
        everything = self._files.listing(None)
        days: list[Any] = sorted({f.day for f in everything.files if f.day is not None}, reverse=True)[:RECENT_DAYS]
        for day in days or [None]:
            listing = self._bounded(everything, day)
            rows, _ = self._select(listing, lambda: self._bounded(self._files.listing(None), None), _all, limit)
            lines, left_out = self._lines.recent(_of_kind(listing, LINES), limit)
            if rows or lines:
                records = sorted([*rows, *lines], key=_newest, reverse=True)[:limit]
                return Found(
                    tuple(records), (*self._unread(everything), *left_out, *_not_read(everything, listing, day))
                )
        return Found((), self._unread(everything))

    def check(self) -> str:
        """What is there. Raises SettingsError, also when there are files and none of them can be read."""
        if not self._folder.is_dir():
            raise SettingsError(
                f"{self._folder} is not a folder.", hint="Set COUNTERSIGN_PREDICTIONS_PATH to the log's folder."
            )
        listing = self._files.listing(None)
        unread = listing.unread_in_words()
        if not listing.files and unread:
            raise SettingsError(
                f"{self._folder} holds {unread}, none of which can be read as a prediction log.",
                hint="The embedded engine reads Parquet, JSON lines and Delta tables; docs/why.md lists the forms.",
            )
        if not listing.files:
            return f"{self._folder} is there and has no {self._kind} yet."
        note = self._described(listing) + (f"; not read: {unread}" if unread else "")
        size = sum(f.size for f in listing.files) / 1e6
        return f"{self._folder}: {len(listing.files)} {self._kind}, {size:,.1f} MB{note}."

    @property
    def _kind(self) -> str:
        return "files of a Delta table" if isinstance(self._files, DeltaFolder) else "files"

    def _described(self, listing: Listing) -> str:
        """What the columns lack, in words; vanished files are left to the next look."""
        note = self._lines.check(_of_kind(listing, LINES))
        there = [f for f in _of_kind(listing, PARQUET) if Path(f.path).exists()]
        if not there:
            return note
        try:
            layout = self._present(there[:DESCRIBED])
        except duckdb.IOException as error:
            raise _unreadable(error) from error
        absent = layout.columns.absent()
        note += f"; no column for {', '.join(absent)}" if absent else ""
        note += "; its time is a text, so nobody can search by it" if layout.time_type == TEXT else ""
        more = len(there) - DESCRIBED
        return note + (f"; the columns of {more:,} more files were not looked at" if more > 0 else "")

    def _bounded(self, listing: Listing, day: Any) -> Listing:
        """The files of this day, or only the last one where they are more than may be read."""
        files = [f for f in listing.files if day is None or f.day in {day, None}]
        is_large = sum(f.size for f in files) > self._limits.scan_bytes
        return Listing(tuple(sorted(files, key=lambda f: f.path)[-1:] if is_large else files))

    def _with_id(self, request_id: str, days: DateRange | None) -> Found:
        texts = ids_to_look_for(request_id, self._columns)

        def listed() -> Listing:
            found = self._files.listing(days)
            files = tuple(f for f in found.files if any(f.may_hold(text) for text in texts))
            if days is None:
                self._limits.demand_bytes(sum(f.size for f in files), narrower="Name the day as well.")
            return Listing(files, found.unread)

        listing = listed()
        rows, _ = self._select(listing, listed, lambda layout: layout.with_id(texts), FOUND_LIMIT)
        lines, left_out = self._lines.find(_of_kind(listing, LINES), request_id)
        return Found((*in_order(rows, request_id), *lines), (*self._unread(listing), *left_out))

    def _unread(self, listing: Listing) -> tuple[LeftOut, ...]:
        words = listing.unread_in_words()
        return (LeftOut(words, "the portal cannot read files of this kind"),) if words else ()

    def _select(
        self,
        listing: Listing,
        again: Listed,
        where: Where,
        limit: int,
        *,
        keep: Keep = lambda *_: True,
        attempts: int = LISTINGS,
    ) -> tuple[list[PredictionRecord], bool]:
        """The records, and whether there were more rows than the limit.

        One file that vanished was merged with others: then they are listed again.
        """
        files = _of_kind(listing, PARQUET)
        if not files:
            return [], False
        try:
            layout = self._present(files)
            chosen = {f.path: f for f in files if keep(f, layout)}
            if not chosen:
                return [], False
            text, values = where(layout)
            sql = (
                f"SELECT {duck_sql.selection(layout)}, filename FROM read_parquet(?, filename = true, "  # noqa: S608 - quoted names from the settings, bound values
                f"union_by_name = true, hive_partitioning = false) WHERE {text} "
                f"ORDER BY 2 DESC NULLS LAST LIMIT {int(limit)}"
            )
            rows = self._run(sql, [list(chosen), *values])
        except duckdb.IOException as error:
            if attempts == 1 or all(Path(f.path).exists() for f in files):
                raise _unreadable(error) from error
            return self._select(again(), again, where, limit, keep=keep, attempts=attempts - 1)
        return [record for row in rows for record in self._records(row, layout, chosen)], len(rows) >= limit

    def _records(self, row: Sequence[Any], layout: Layout, files: Mapping[str, LogFile]) -> list[PredictionRecord]:
        names = (*FIELDS, *layout.columns.input_columns, "filename")
        values = dict(zip(names, row, strict=True))
        file = files[values["filename"]]
        values |= _from_partitions(values, layout, file)
        place = Path(file.path)
        place = place.relative_to(self._folder) if place.is_relative_to(self._folder) else place
        return records_of(values, f"prediction log, {place}", layout.columns)

    def _present(self, files: Sequence[LogFile]) -> Layout:
        sql = "DESCRIBE SELECT * FROM read_parquet(?, union_by_name = true, hive_partitioning = false)"
        types = {str(row[0]): str(row[1]) for row in self._run(sql, [[f.path for f in files]])}
        partitions = {name.casefold(): name for f in files for name in f.parts}
        known = {name.casefold() for name in types}
        more = [name for fold, name in partitions.items() if fold not in known]
        layout = Layout(self._columns.within({*types, *more}), types, partitions)
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
        """One database in memory for all look-ups; each has its cursor, so threads do not meet."""
        with self._lock:
            if self._database is None:
                config = {"memory_limit": MEMORY, "threads": self._threads, "autoinstall_known_extensions": False}
                self._database = duckdb.connect(config=config)
                self._database.execute("SET GLOBAL TimeZone = 'UTC'")
                self._database.execute("SET GLOBAL parquet_metadata_cache = true")
            return self._database


def _all(_: Layout) -> tuple[str, list[Any]]:
    return "true", []


def _files_of(folder: Path, columns: LogColumns) -> LogFiles:
    if (folder / "_delta_log").is_dir():
        return DeltaFolder(folder, columns.day, columns.request_id, columns.other_id)
    return PlainFolder(folder, columns.day)


def _of_kind(listing: Listing, kind: str) -> list[LogFile]:
    return [f for f in listing.files if f.kind == kind]


def _from_partitions(values: Mapping[str, Any], layout: Layout, file: LogFile) -> dict[str, Any]:
    """Fields that the folders say. Where folder and row differ, neither is taken: the file may have been moved."""
    found: dict[str, Any] = {}
    notes: list[str] = []
    for name in FIELDS:
        partition = layout.partition_of(name)
        if not partition or name in layout.columns.keys or name == "time":
            continue
        said = file.parts.get(partition)
        if not layout.is_in_files(name):
            found[name] = said
        elif values[name] is not None and partition in file.parts and not says_the_same(name, values[name], said):
            notes.append(f"The row says {partition} {values[name]} and its folder says {said}: neither counts.")
            found[name] = None
    return found | ({"notes": notes} if notes else {})


def _may_be_of(file: LogFile, layout: Layout, wanted: PredictionQuery) -> bool:
    """False when the file's folders say another model or environment."""
    for name, value in (("model", wanted.model), ("environment", wanted.environment)):
        partition = layout.partition_of(name)
        if value and partition and not layout.is_in_files(name) and file.parts.get(partition) != value:
            return False
    return True


def _not_read(everything: Listing, read: Listing, day: Any) -> tuple[LeftOut, ...]:
    """Files of the newest day that were too many to read; older days are not what "newest" is about."""
    of_day = sum(1 for f in everything.files if day is None or f.day in {day, None})
    missing = of_day - len(read.files)
    return (LeftOut(f"{missing:,} of {of_day:,} files", "more than one look-up may read"),) if missing > 0 else ()


def _newest(record: PredictionRecord) -> tuple[bool, Any]:
    return (record.time is not None, record.time.timestamp() if record.time else 0.0)


def _unreadable(error: Exception) -> UpstreamInvalidError:
    first = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return UpstreamInvalidError("The prediction log cannot be read.", system=SYSTEM, hint=f"DuckDB says: {first}")
