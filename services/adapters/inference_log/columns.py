"""Which column of the log holds what. The settings may rename each; what they name must be there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from services.errors import SettingsError

SETTING = "COUNTERSIGN_PREDICTIONS_COLUMNS"
FIELDS = ("request_id", "time", "environment", "model", "version", "inputs", "output", "score")
"""What a record is made of, in the order in which statements select it."""


@dataclass(frozen=True)
class LogColumns:
    """Names of columns; an empty name means that the log has no such column."""

    request_id: str = "request_id"
    time: str = "time"
    time_ms: str = ""
    """Milliseconds since 1970 as a number, in place of `time`."""
    day: str = "day"
    """The column that the table is partitioned by: a date, or a text YYYY-MM-DD."""
    environment: str = "environment"
    model: str = "model_name"
    version: str = "model_version"
    inputs: str = "inputs"
    """JSON text, a struct or a map."""
    output: str = "output"
    score: str = "score"
    input_columns: tuple[str, ...] = ()
    """Inputs that have a column each, in place of `inputs` or beside it."""
    named: frozenset[str] = field(default_factory=frozenset)
    """Fields that the settings name: these must exist, the others may be missing."""

    @classmethod
    def parse(cls, named: Mapping[str, str], input_columns: Sequence[str] = ()) -> LogColumns:
        """Out of the settings. Raises SettingsError for a field that does not exist or a name that is none."""
        known = {f.name for f in fields(cls)} - {"named", "input_columns"}
        unknown = sorted(set(named) - known)
        if unknown:
            raise SettingsError(
                f"{SETTING} names {', '.join(unknown)}, which no prediction record has.",
                hint=f"Use {', '.join(sorted(known))}.",
            )
        for name in (*named.values(), *input_columns):
            if not name.isprintable() or len(name) > 200:
                raise SettingsError(f"{SETTING}: {name!r} cannot be the name of a column.")
        values = {"time": ""} | dict(named) if "time_ms" in named and "time" not in named else dict(named)
        return cls(**values, input_columns=tuple(input_columns), named=frozenset(k for k, v in named.items() if v))

    def of(self, name: str) -> str:
        """The column of one of `FIELDS`."""
        column: str = getattr(self, name)
        return column

    def within(self, available: Collection[str]) -> LogColumns:
        """Only what is there. Raises SettingsError when a named column, or the id, is missing."""
        by_fold = {name.casefold(): name for name in available}
        wanted = {f: getattr(self, f) for f in (*FIELDS, "time_ms", "day") if getattr(self, f)}
        there = {f: by_fold.get(column.casefold(), "") for f, column in wanted.items()}
        missing = [wanted[f] for f, column in there.items() if not column and f in self.named | {"request_id"}]
        missing += [name for name in self.input_columns if name.casefold() not in by_fold]
        if missing:
            raise SettingsError(
                f"The prediction log has no column {', '.join(missing)}.",
                hint=f"It has {', '.join(sorted(available)[:30])}; say in {SETTING} which holds what.",
            )
        inputs = tuple(by_fold[name.casefold()] for name in self.input_columns)
        return replace(self, input_columns=inputs, **there)  # type: ignore[arg-type]  # all of these are texts

    @property
    def has_time(self) -> bool:
        """True when rows carry a time."""
        return bool(self.time or self.time_ms)

    def absent(self) -> list[str]:
        """Fields that the log does not have, for people."""
        gone = [name for name in FIELDS if not self.of(name) and name != "time"]
        gone = [name for name in gone if name != "inputs" or not self.input_columns]
        return gone if self.has_time else ["time", *gone]
