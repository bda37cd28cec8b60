"""Which column of the log holds what. The settings may rename each; what they name must be there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType

from services.adapters.inference_log.profiles import profile_of
from services.errors import SettingsError

SETTING = "COUNTERSIGN_PREDICTIONS_COLUMNS"
FIELDS = (
    "request_id", "time", "environment", "model", "version", "inputs", "output", "score",
    "other_id", "status", "trouble", "served",
)  # fmt: skip
"""What a record is made of, in the order in which statements select it."""
OPTIONAL = frozenset({"other_id", "status", "trouble", "served"})
"""Fields that most logs do not have; their absence is not worth a word."""
FIXABLE = ("model", "environment")


@dataclass(frozen=True)
class LogColumns:
    """Names of columns; an empty name means that the log has no such column.

    ``request_metadata.model_version`` names one key of a map, struct or JSON text, unless a column has that very name.
    """

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
    other_id: str = "client_request_id"
    """A second id, such as the one that the client chose."""
    status: str = "status_code"
    """HTTP status of the answer: from 400 on the request failed, and there is no prediction."""
    trouble: str = "logging_error_codes"
    """Why a payload was not logged."""
    served: str = ""
    """Id of what served the request, looked up in `served_entities`."""
    input_columns: tuple[str, ...] = ()
    """Inputs that have a column each, in place of `inputs` or beside it."""
    named: frozenset[str] = field(default_factory=frozenset)
    """Fields that the settings name: these must exist, the others may be missing."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Field to key, where the field is one key of its column."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """What the settings say of every row: model or environment."""
    served_entities: Mapping[str, str] = field(default_factory=dict)
    """Id of a served entity to ``model/version``."""
    log_format: str = "auto"

    @classmethod
    def parse(
        cls,
        named: Mapping[str, str],
        input_columns: Sequence[str] = (),
        *,
        fixed: Mapping[str, str] = MappingProxyType({}),
        served_entities: Mapping[str, str] = MappingProxyType({}),
        log_format: str = "auto",
    ) -> LogColumns:
        """Out of the settings. Raises SettingsError for a field that does not exist or a name that is invalid."""
        settable = {f.name for f in fields(cls)} - {
            "named", "input_columns", "keys", "fixed", "served_entities", "log_format",
        }  # fmt: skip
        unknown = sorted(set(named) - settable)
        if unknown:
            raise SettingsError(
                f"{SETTING} names {', '.join(unknown)}, which no prediction record has.",
                hint=f"Use {', '.join(sorted(settable))}.",
            )
        for name in (*named.values(), *input_columns):
            if not name.isprintable() or len(name) > 200:
                raise SettingsError(f"{SETTING}: {name!r} cannot be the name of a column.")
        _demand_fixable(fixed)
        values = {"time": ""} | dict(named) if "time_ms" in named and "time" not in named else dict(named)
        return cls(
            **values,  # type: ignore[arg-type]  # all of these are texts
            input_columns=tuple(input_columns),
            named=frozenset(k for k, v in named.items() if v),
            fixed=dict(fixed),
            served_entities=dict(served_entities),
            log_format=log_format,
        )

    def of(self, name: str) -> str:
        """The column of one of `FIELDS`."""
        column: str = getattr(self, name)
        return column

    def within(self, available: Collection[str]) -> LogColumns:
        """Only what is there. Raises SettingsError when a named column, or the id, is missing."""
        by_fold = {name.casefold(): name for name in available}
        wanted = self._wanted(by_fold)
        found = {f: _resolved(column, by_fold) for f, column in wanted.items()}
        missing = [wanted[f] for f, (column, _) in found.items() if not column and f in self.named | {"request_id"}]
        missing += [name for name in self.input_columns if name.casefold() not in by_fold]
        if missing:
            raise SettingsError(
                f"The prediction log has no column {', '.join(missing)}.",
                hint=f"It has {', '.join(sorted(available)[:30])}; say in {SETTING} which holds what.",
            )
        inputs = tuple(by_fold[name.casefold()] for name in self.input_columns)
        keys = {f: key for f, (_, key) in found.items() if key}
        texts = {f: column for f, (column, _) in found.items()}
        blank = {f: "" for f in (*FIELDS, "time_ms", "day") if f not in texts}
        return replace(self, input_columns=inputs, keys=keys, **texts, **blank)  # type: ignore[arg-type]  # texts

    def _wanted(self, by_fold: Mapping[str, str]) -> dict[str, str]:
        """Field to column: what the settings name, else what a known writer calls it, else our own names."""
        mine = {f: getattr(self, f) for f in (*FIELDS, "time_ms", "day")}
        known = profile_of(by_fold) if self.log_format in {"auto", "databricks", "mlflow"} else None
        if known is not None and "request_id" not in self.named:
            theirs = {f: column for f, column in known.items() if f not in self.named}
            if self.named & {"time", "time_ms"}:
                theirs = {f: c for f, c in theirs.items() if f not in {"time", "time_ms"}}
            elif theirs.get("time_ms"):
                theirs.setdefault("time", "")
            mine |= theirs
        return {f: column for f, column in mine.items() if column}

    @property
    def has_time(self) -> bool:
        """True when rows carry a time."""
        return bool(self.time or self.time_ms)

    def absent(self) -> list[str]:
        """Fields that the log does not have, for people."""
        lacking = [name for name in FIELDS if not self.of(name) and name != "time" and name not in OPTIONAL]
        lacking = [name for name in lacking if name not in self.fixed]
        lacking = [name for name in lacking if name != "inputs" or not self.input_columns]
        if self.served and self.served_entities:
            lacking = [name for name in lacking if name not in {"model", "version"}]
        return lacking if self.has_time else ["time", *lacking]


def _resolved(column: str, by_fold: Mapping[str, str]) -> tuple[str, str]:
    """The column and the key inside it; the column is empty where there is none."""
    if column.casefold() in by_fold:
        return by_fold[column.casefold()], ""
    places = [i for i, letter in enumerate(column) if letter == "."]
    for place in reversed(places):
        if column[:place].casefold() in by_fold and column[place + 1 :]:
            return by_fold[column[:place].casefold()], column[place + 1 :]
    return "", ""


def _demand_fixable(fixed: Mapping[str, str]) -> None:
    unknown = sorted(set(fixed) - set(FIXABLE))
    if unknown:
        raise SettingsError(
            f"COUNTERSIGN_PREDICTIONS_FIXED names {', '.join(unknown)}.",
            hint=f"Only {' and '.join(FIXABLE)} can be the same in every row; a version cannot.",
        )
