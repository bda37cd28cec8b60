"""Walks the folder of a log: every file that can be read, with the values that its folders say, and every other file.

Folders may be ``name=value`` (Hive) or plain dates (``2026/11/28/10``, ``2026-11-28``), to any depth. Tables that keep
their own list of files (Delta, Iceberg, Hudi) are never read as bare files: files that they no longer count would be
read as well.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from urllib.parse import unquote

from services.errors import InvalidInputError, SettingsError
from services.ports.predictions import DateRange

MOST_FILES, MOST_FOLDERS, MOST_DEPTH = 500_000, 200_000, 16
TOO_MANY = "too_many_files"
NULL = "__HIVE_DEFAULT_PARTITION__"
PARQUET, LINES = "parquet", "lines"
_LINES = re.compile(r"\.(jsonl|ndjson|json|log)(\.gz)?$|\.log\.[\w.-]+$", re.IGNORECASE)
_PARQUET = re.compile(r"\.(parquet|parq|pq)$", re.IGNORECASE)
_BOOKS = frozenset({"_delta_log", "_spark_metadata", "_checkpoints"})
DAY_NAMES = ("day", "date", "dt", "ds", "request_date", "event_date")


@dataclass(frozen=True)
class LogFile:
    """One file; `day` is None where the log is not partitioned by day."""

    path: str
    size: int
    day: date | None = None
    lowest: str | None = None
    """Smallest and largest request id, where the table says so."""
    highest: str | None = None
    kind: str = PARQUET
    parts: Mapping[str, str | None] = field(default_factory=dict)
    """Values of the partitions that the file lies in."""

    def may_hold(self, request_id: str) -> bool:
        """False when the statistics rule the id out."""
        if self.lowest is None or self.highest is None:
            return True
        return self.lowest <= request_id and request_id[: len(self.highest)] <= self.highest


@dataclass(frozen=True)
class Listing:
    """The files of a log as they are now."""

    files: tuple[LogFile, ...] = ()
    unread: tuple[str, ...] = ()
    """Names of files that are there and are not read."""

    def unread_in_words(self) -> str:
        """Like ``3 files (.csv)``; empty when every file is read."""
        if not self.unread:
            return ""
        kinds = sorted({Path(name).suffix or Path(name).name for name in self.unread})
        noun = "file" if len(self.unread) == 1 else "files"
        return f"{len(self.unread):,} {noun} ({', '.join(kinds[:5])}{', …' if len(kinds) > 5 else ''})"


@dataclass(frozen=True)
class _Place:
    """A folder on the way down, with what its name and those above it say."""

    path: str
    parts: Mapping[str, str | None]
    digits: tuple[str, ...] = ()
    """Plain year, month, day and hour so far."""
    day: date | None = None
    depth: int = 0


@dataclass
class _Walk:
    day_name: str
    days: DateRange | None
    files: list[LogFile] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    folders: int = 0
    seen: set[tuple[int, int]] = field(default_factory=set)


def walk(folder: Path, day_name: str, days: DateRange | None = None) -> Listing:
    """All files below a folder, newest day first; with `days` only folders that may hold them.

    Raises SettingsError for a table of a kind that has its own list of files, InvalidInputError above the limits.
    """
    state = _Walk(day_name, days)
    if folder.is_dir():
        _enter(_Place(str(folder), {}), state)
    newest_first = sorted(state.files, key=lambda f: f.path)
    newest_first.sort(key=lambda f: f.day or date.min, reverse=True)
    return Listing(tuple(newest_first), tuple(sorted(state.unread)))


def _enter(place: _Place, state: _Walk) -> None:
    entries = _entries(place, state)
    _refuse_tables(place, {entry.name for entry in entries})
    for entry in entries:
        if entry.name.startswith((".", "_")):
            state.unread += [entry.path] if _may_be_data(entry) else []
            continue
        if entry.is_dir():
            inner = _inside(place, entry, state.day_name)
            if _may_hold(inner, state.days):
                _enter(inner, state)
            continue
        kind = PARQUET if _PARQUET.search(entry.name) else LINES if _LINES.search(entry.name) else ""
        if kind:
            _take(entry, kind, place, state)
        else:
            state.unread.append(entry.path)


def _may_be_data(entry: os.DirEntry[str]) -> bool:
    """Whether a name that writers keep for themselves hides rows: `_old/`, or a file like `.part-0.parquet`."""
    if entry.is_dir():
        return entry.name.startswith("_") and entry.name not in _BOOKS
    return _PARQUET.search(entry.name) is not None or _LINES.search(entry.name) is not None


def _entries(place: _Place, state: _Walk) -> Sequence[os.DirEntry[str]]:
    state.folders += 1
    if state.folders > MOST_FOLDERS or place.depth > MOST_DEPTH:
        raise InvalidInputError(
            f"The prediction log has more than {MOST_FOLDERS:,} folders, or folders deeper than {MOST_DEPTH}.",
            hint="Set COUNTERSIGN_PREDICTIONS_PATH to the log itself, or name the day.",
            code=TOO_MANY,
        )
    try:
        here = os.stat(place.path)  # noqa: PTH116 - a link back to a folder above would be walked for ever
        if (here.st_dev, here.st_ino) in state.seen:
            return ()
        state.seen.add((here.st_dev, here.st_ino))
        with os.scandir(place.path) as found:
            return sorted(found, key=lambda entry: entry.name)
    except PermissionError:
        state.unread.append(place.path)
        return ()
    except OSError:  # removed between listing and reading
        return ()


def _take(entry: os.DirEntry[str], kind: str, place: _Place, state: _Walk) -> None:
    try:
        size = entry.stat().st_size
    except OSError:  # removed between listing and reading: the writer merges small files
        return
    state.files.append(LogFile(entry.path, size, place.day, kind=kind, parts=place.parts))
    if len(state.files) > MOST_FILES:
        raise InvalidInputError(
            f"The prediction log has more than {MOST_FILES:,} files.", hint="Name the day.", code=TOO_MANY
        )


def _inside(place: _Place, entry: os.DirEntry[str], day_name: str) -> _Place:
    parts, digits = dict(place.parts), place.digits
    name, sign, value = entry.name.partition("=")
    if sign:
        parts[unquote(name)] = None if value == NULL else unquote(value)
        digits = ()
    elif entry.name.isascii() and entry.name.isdigit() and len(entry.name) == (2 if digits else 4) and len(digits) < 4:
        digits = (*digits, entry.name)
    else:
        digits = place.digits if len(place.digits) >= 3 else ()
    day = _day_of(parts, digits, day_name) or (None if sign else _iso(entry.name)) or place.day
    if day is not None and not sign and day_name:
        parts.setdefault(day_name, day.isoformat())
    return _Place(entry.path, parts, digits, day, place.depth + 1)


def _day_of(parts: Mapping[str, str | None], digits: Sequence[str], day_name: str) -> date | None:
    """The day that the folders give so far: one column, or separate folders for year, month and day."""
    by_fold = {name.casefold(): value or "" for name, value in parts.items()}
    for name in (day_name.casefold(), *DAY_NAMES):
        day = _iso(by_fold.get(name, ""))
        if day is not None:
            return day
    split = tuple(by_fold.get(name, "") for name in ("year", "month", "day"))
    return _calendar(split) or (_calendar(tuple(digits[:3])) if len(digits) >= 3 else None)


def _calendar(parts: tuple[str, ...]) -> date | None:
    try:
        year, month, day = (int(part) for part in parts)
        return date(year, month, day)
    except ValueError:
        return None


def _iso(text: str) -> date | None:
    """``2026-11-28``, with a time or not, or ``20261128``."""
    try:
        return date.fromisoformat(text[:10]) if "-" in text else date.fromisoformat(text) if len(text) == 8 else None
    except ValueError:
        return None


def day_in(text: str) -> date | None:
    """The day that a partition's value says, or None."""
    return _iso(text)


def _may_hold(place: _Place, days: DateRange | None) -> bool:
    return days is None or place.day is None or days.first <= place.day <= days.last


def _refuse_tables(place: _Place, names: set[str]) -> None:
    kind = next(iter(_tables(place, names)), "")
    if kind:
        raise SettingsError(
            f"{place.path} is {kind}, inside the folder of the log.",
            hint="Set COUNTERSIGN_PREDICTIONS_PATH to a Delta table itself; read other tables through Spark or SQL.",
        )


def _tables(place: _Place, names: set[str]) -> Iterator[str]:
    if "_delta_log" in names:
        yield "a Delta table"
    if ".hoodie" in names:
        yield "a Hudi table"
    if "metadata" in names and any(Path(place.path, "metadata").glob("*.metadata.json")):
        yield "an Iceberg table"
