"""Statements over Parquet files for DuckDB: which columns there are, what is selected, what is asked for.

Only ids, times and texts are compared inside the files. The smallest and greatest value that a Parquet file states for
a column of floats leave NaN out, and DuckDB 2.0.1 believes them: where all other values are equal, ``x = 5`` finds the
NaN as well and ``isnan(x)`` finds nothing, in a cast and behind a materialized table too. Floats are compared by
Python, after reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.adapters.inference_log.columns import FIELDS, LogColumns
from services.adapters.inference_log.payloads import WRAPPERS
from services.adapters.inference_log.rows import spellings
from services.domain.why.predictions import PredictionQuery
from services.errors import SettingsError

TEXT = "VARCHAR"
TIME_HINT = "Map time to a timestamp column, or time_ms to milliseconds since 1970."
_FLOATS = ("FLOAT", "DOUBLE", "REAL")
_NESTED = ("STRUCT", "MAP")
Bound = tuple[str, list[Any]]


@dataclass(frozen=True)
class Layout:
    """The columns that files have, what DuckDB calls their types, and the partitions that they lie in."""

    columns: LogColumns
    types: Mapping[str, str]
    partitions: Mapping[str, str] = field(default_factory=dict)
    """Name of each partition in lower case to itself."""

    @property
    def time_type(self) -> str:
        """Type of the time column; empty where there is none in the files."""
        return self.types.get(self.columns.time, "")

    def is_in_files(self, name: str) -> bool:
        """True when the files themselves have the field; else it may be the value of a partition."""
        return self.columns.of(name) in self.types

    def partition_of(self, name: str) -> str:
        """The partition that holds a field, or says it again beside a column; empty where none does."""
        return self.partitions.get(self.columns.of(name).casefold(), "") if self.columns.of(name) else ""

    def value(self, name: str) -> str:
        """SQL for one field as the log has it: a column, or one key of it."""
        if not self.is_in_files(name):
            return "NULL"
        column, key = quote(self.columns.of(name)), self.columns.keys.get(name, "")
        if not key:
            return column
        kind = self.types[self.columns.of(name)]
        if kind.startswith("MAP"):
            return f"{column}[{literal(key)}]"
        if kind.startswith("STRUCT"):
            return f"struct_extract({column}, {literal(key)})"
        return f"json_extract_string(TRY_CAST({column} AS JSON), {literal(pointer(key))})"

    def equals(self, name: str, value: str) -> Bound:
        """A condition on a field; what cannot be a value of the column's type equals nothing."""
        kind, term = self.types[self.columns.of(name)], self.value(name)
        if name in self.columns.keys:
            return f"CAST({term} AS VARCHAR) = ?", [value]
        if kind.startswith(_FLOATS):  # see above: a list has no smallest value that could be wrong
            text = f"'[' || CAST(TRY_CAST(CAST(? AS VARCHAR) AS {kind}) AS VARCHAR) || ']'"
            return f"CAST(list_value({term}) AS VARCHAR) = {text}", [value]
        return f"{term} = " + ("?" if kind == TEXT else f"TRY_CAST(CAST(? AS VARCHAR) AS {kind})"), [value]

    def with_id(self, texts: tuple[str, ...]) -> Bound:
        """A condition: one of the ids that the log keeps is one of these."""
        names = [name for name in ("request_id", "other_id") if self.is_in_files(name)]
        terms = [self.equals(name, text) for name in names for text in texts]
        return "(" + " OR ".join(term for term, _ in terms) + ")", [v for _, bound in terms for v in bound]


def selection(layout: Layout) -> str:
    """The fields in their order; time as microseconds since 1970, which needs no time-zone library, or as its text."""
    columns, parts = layout.columns, []
    for name in FIELDS:
        if name == "time" and columns.time_ms:
            parts.append(f"{quote(columns.time_ms)} * 1000 AS time")
        elif name == "time" and layout.time_type not in {"", TEXT}:
            parts.append(f"epoch_us({quote(columns.time)}) AS time")
        else:
            parts.append(f"{layout.value(name)} AS {name}")
    return ", ".join([*parts, *(quote(name) for name in columns.input_columns)])


def search_terms(wanted: PredictionQuery, layout: Layout) -> Bound:
    """Conditions that may find too much and never too little: floats and payloads are compared after reading."""
    text, values = _window(wanted, layout)
    terms = [text]
    for name, value in (("model", wanted.model), ("environment", wanted.environment)):
        if value and layout.is_in_files(name) and not layout.columns.served:
            term, bound = layout.equals(name, value)
            terms.append(term)
            values += bound
    for name, value in wanted.inputs.items():
        found = _input_term(name, value, layout)
        if found is not None:
            terms.append(found[0])
            values += found[1]
    return " AND ".join(terms), values


def _window(wanted: PredictionQuery, layout: Layout) -> Bound:
    columns = layout.columns
    if not columns.has_time or (not columns.time_ms and not layout.time_type):
        raise SettingsError("The prediction log has no time, so it cannot be searched by time.", hint=TIME_HINT)
    if layout.time_type == TEXT:
        raise SettingsError("The log's time is a text, so it cannot be searched by time.", hint=TIME_HINT)
    if columns.time_ms:
        column = quote(columns.time_ms)
        edges: list[Any] = [int(t.timestamp() * 1000) for t in (wanted.since, wanted.until)]
        return f"{column} >= ? AND {column} < ?", edges
    has_zone = layout.time_type == "TIMESTAMP WITH TIME ZONE"
    time = quote(columns.time) if has_zone else f"CAST({quote(columns.time)} AS TIMESTAMP)"
    return f"{time} >= ? AND {time} < ?", [wanted.since, wanted.until]


def _input_term(name: str, value: str, layout: Layout) -> Bound | None:
    """A condition on one input; None where it can only be compared after reading."""
    columns, texts = layout.columns, spellings(value)
    marks = ", ".join("?" for _ in texts)
    if name in columns.input_columns:
        kind = layout.types[name]
        is_number = kind.startswith((*_FLOATS, *_NESTED))
        return None if is_number else (f"CAST({quote(name)} AS VARCHAR) IN ({marks})", [*texts])
    if not columns.inputs:
        raise SettingsError("The prediction log has no inputs, so it cannot be searched by them.")
    if layout.types.get(columns.inputs) not in {TEXT, "JSON"} or "inputs" in columns.keys:
        return None
    text = f"CAST({quote(columns.inputs)} AS VARCHAR)"
    wrapped = " OR ".join(f"contains({text}, {literal(chr(34) + key + chr(34))})" for key in (*WRAPPERS, "data"))
    inside = f"json_extract_string(TRY_CAST({text} AS JSON), ?) IN ({marks})"
    listed = f"starts_with(ltrim({text}), '[') OR TRY_CAST({text} AS JSON) IS NULL"
    return f"({inside} OR {wrapped} OR {listed})", [pointer(name), *texts]


def pointer(name: str) -> str:
    """Escape a name as in RFC 6901, so that no character has a special meaning."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def quote(name: str) -> str:
    """A name as SQL quotes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text from the settings as SQL quotes it."""
    return "'" + text.replace("'", "''") + "'"
