"""The files of a log on disk, and which of them a look-up has to open: plain folders, or a Delta table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

from services.adapters.inference_log.folders import Listing, LogFile, day_in, walk
from services.errors import SettingsError, UpstreamInvalidError
from services.ports.predictions import DateRange

SYSTEM = "inference_log"
PARTITION = "partition."
READER_VERSION = 3
HARMLESS = frozenset({"timestampNtz", "v2Checkpoint", "vacuumProtocolCheck"})
"""Reader features that change nothing in how the bare files are read."""


class LogFiles(Protocol):
    """The files of one log as they are now."""

    def listing(self, days: DateRange | None) -> Listing:
        """Files of these days, newest day first, and those that are not read; all of them for None."""

    def within(self, days: DateRange | None) -> Sequence[LogFile]:
        """The readable files alone."""

    def days(self) -> Sequence[date]:
        """Days that there are files of, newest first; empty where the log is not partitioned."""


class PlainFolder:
    """Files in folders of any depth; `day` is the name of the partition by day."""

    def __init__(self, folder: Path, day: str) -> None:
        self._folder = folder
        self._day = day

    def days(self) -> Sequence[date]:
        """Days by the names of the folders."""
        return sorted({f.day for f in self.within(None) if f.day is not None}, reverse=True)

    def listing(self, days: DateRange | None) -> Listing:
        """Files of these days; files outside of any day folder are always among them."""
        return walk(self._folder, self._day, days)

    def within(self, days: DateRange | None) -> Sequence[LogFile]:
        """The readable files alone."""
        return self.listing(days).files


class DeltaFolder:
    """A Delta table, with the files listed in its log (the package `deltalake`; no Java, no download)."""

    def __init__(self, folder: Path, day: str, request_id: str, other_id: str = "") -> None:
        self._folder = folder
        self._day = day
        self._id = request_id
        self._other = other_id

    def days(self) -> Sequence[date]:
        """Days by the table's partitions."""
        return sorted({f.day for f in self.within(None) if f.day is not None}, reverse=True)

    def listing(self, days: DateRange | None) -> Listing:
        """The files that the table itself counts."""
        return Listing(tuple(self.within(days)))

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
            raise UpstreamInvalidError(
                "The Delta table cannot be read.", system=SYSTEM, hint=str(error).splitlines()[0][:200]
            ) from error
        files = [self._one(columns, i) for i in range(len(columns["path"]))]
        return sorted(files, key=lambda f: (f.day or date.min, f.path), reverse=True)

    def _one(self, columns: dict[str, Any], index: int) -> LogFile:
        def value(name: str) -> Any:
            return columns[name][index] if name in columns else None

        has_other = f"null_count.{self._other}" in columns  # an id of another column says nothing about this one's
        low, high = (None, None) if has_other else (value(f"min.{self._id}"), value(f"max.{self._id}"))
        names = [name.removeprefix(PARTITION) for name in columns if name.startswith(PARTITION)]
        parts = {name: None if value(PARTITION + name) is None else str(value(PARTITION + name)) for name in names}
        return LogFile(
            path=self._place(str(columns["path"][index])),
            size=int(columns["size_bytes"][index]),
            day=day_in(parts.get(self._day) or ""),
            lowest=low if isinstance(low, str) else None,
            highest=high if isinstance(high, str) else None,
            parts=parts,
        )

    def _place(self, path: str) -> str:
        """The file on this disk. Raises SettingsError where it lies elsewhere, as in a shallow clone."""
        plain = unquote(path)
        if "://" in plain or plain.startswith("/") or ".." in Path(plain).parts:
            raise SettingsError(
                "The Delta table has files outside of its own folder (a shallow clone?), which the embedded engine "
                "does not read.",
                hint="Use the engine spark or databricks for this table.",
            )
        return str(self._folder / plain)


def _demand_plain(table: Any) -> None:
    """Files are read as they are: a table whose files do not say everything by themselves is refused, by any protocol.

    https://github.com/delta-io/delta/blob/master/PROTOCOL.md: column mapping needs reader version 2, or 3 with the
    feature; with it a column of a file may hold what the table calls by another name.
    """
    protocol = table.protocol()
    features = {str(f) for f in protocol.reader_features or ()}
    strange = features - HARMLESS
    configuration = table.metadata().configuration or {}
    if str(configuration.get("delta.columnMapping.mode") or "none").lower() != "none":
        strange.add("columnMapping")
    if int(protocol.min_reader_version) > READER_VERSION:
        strange.add(f"reader version {protocol.min_reader_version}")
    if strange:
        raise SettingsError(
            f"The Delta table uses {', '.join(sorted(strange))}, which the embedded engine does not read.",
            hint="Use the engine spark or databricks for this table.",
        )
