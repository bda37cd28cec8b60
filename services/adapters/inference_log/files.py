"""The files of a log on disk, and which of them a look-up has to open: Parquet in day folders, or a Delta table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

from services.errors import SettingsError, UpstreamRubbishError
from services.ports.predictions import DateRange

SYSTEM = "inference_log"


@dataclass(frozen=True)
class LogFile:
    """One Parquet file; `day` is None where the log is not partitioned by day."""

    path: str
    size: int
    day: date | None = None
    lowest: str | None = None
    """Smallest and largest request id, where the table says so."""
    highest: str | None = None

    def may_hold(self, request_id: str) -> bool:
        """False when the statistics rule the id out."""
        if self.lowest is None or self.highest is None:
            return True
        return self.lowest <= request_id and request_id[: len(self.highest)] <= self.highest


class LogFiles(Protocol):
    """The files of one log as they are now."""

    def within(self, days: DateRange | None) -> Sequence[LogFile]:
        """Files of these days, newest day first; all of them for None."""

    def days(self) -> Sequence[date]:
        """Days that there are files of, newest first; empty where the log is not partitioned."""


class ParquetFolder:
    """``FOLDER/day=YYYY-MM-DD/*.parquet``, or Parquet files straight in the folder."""

    def __init__(self, folder: Path, day: str) -> None:
        self._folder = folder
        self._prefix = f"{day}="

    def days(self) -> Sequence[date]:
        """Days by the names of the folders."""
        found = (_day(path.name.removeprefix(self._prefix)) for path in self._folder.glob(f"{self._prefix}*"))
        return sorted((day for day in found if day is not None), reverse=True)

    def within(self, days: DateRange | None) -> Sequence[LogFile]:
        """Files of these days; files outside of any day folder are always among them."""
        wanted = [d for d in self.days() if days is None or days.first <= d <= days.last]
        found = [_file(p, d) for d in wanted for p in sorted((self._folder / f"{self._prefix}{d}").glob("*.parquet"))]
        return [f for f in [*found, *(_file(p, None) for p in sorted(self._folder.glob("*.parquet")))] if f]


class DeltaFolder:
    """A Delta table, its files told by its own log (the package `deltalake`; no Java, no download)."""

    def __init__(self, folder: Path, day: str, request_id: str) -> None:
        self._folder = folder
        self._day = day
        self._id = request_id

    def days(self) -> Sequence[date]:
        """Days by the table's partitions."""
        return sorted({f.day for f in self.within(None) if f.day is not None}, reverse=True)

    def within(self, days: DateRange | None) -> Sequence[LogFile]:
        """Files of the newest version of the table."""
        return [f for f in self._all() if days is None or f.day is None or days.first <= f.day <= days.last]

    def _all(self) -> list[LogFile]:
        try:
            from deltalake import DeltaTable
            from deltalake.exceptions import DeltaError
        except ImportError as error:
            raise SettingsError("The log is a Delta table.", hint="Install the package deltalake.") from error
        try:
            table = DeltaTable(str(self._folder))
            _demand_plain(table)
            actions = table.get_add_actions(flatten=True)
            names = actions.column_names
            columns: dict[str, Any] = {name: actions.column(name).to_pylist() for name in names}
        except DeltaError as error:
            raise UpstreamRubbishError(
                "The Delta table cannot be read.", system=SYSTEM, hint=str(error).splitlines()[0][:200]
            ) from error
        files = [self._one(columns, i) for i in range(len(columns["path"]))]
        return sorted(files, key=lambda f: (f.day or date.min, f.path), reverse=True)

    def _one(self, columns: dict[str, Any], index: int) -> LogFile:
        def value(name: str) -> Any:
            return columns[name][index] if name in columns else None

        low, high = value(f"min.{self._id}"), value(f"max.{self._id}")
        return LogFile(
            path=str(self._folder / unquote(str(columns["path"][index]))),
            size=int(columns["size_bytes"][index]),
            day=_day(str(value(f"partition.{self._day}"))),
            lowest=low if isinstance(low, str) else None,
            highest=high if isinstance(high, str) else None,
        )


def _demand_plain(table: Any) -> None:
    """Files are read as they are: a table whose files do not say everything by themselves is refused."""
    features = {str(f) for f in table.protocol().reader_features or ()}
    strange = features & {"deletionVectors", "columnMapping"}
    if strange:
        raise SettingsError(
            f"The Delta table uses {', '.join(sorted(strange))}, which the embedded engine does not read.",
            hint="Use the engine spark or databricks for this table.",
        )


def _file(path: Path, day: date | None) -> LogFile | None:
    try:
        return LogFile(str(path), path.stat().st_size, day)
    except OSError:  # taken away between listing and asking: the writer puts small files together
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
