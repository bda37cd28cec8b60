"""Prediction records in a table that speaks Spark's SQL: Databricks SQL and Spark Connect share every statement.

Markers are named (``:id``) and bound by the server. Where the table has a day column, a time-ordered id or a window of
time is turned into a condition on it, so that partitions are skipped. A statement without such a bound is asked for its
cost first (``EXPLAIN COST``), and refused when it would read more than the settings allow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Protocol

from services.adapters.inference_log.columns import FIELDS, LogColumns
from services.adapters.inference_log.ids import days_of
from services.adapters.inference_log.limits import FOUND_LIMIT, LOOKED_THROUGH, TOO_LARGE, Limits
from services.adapters.inference_log.payloads import WRAPPERS
from services.adapters.inference_log.rows import (
    fits,
    ids_to_look_for,
    in_order,
    records_of,
    spellings,
    unnamed_models,
)
from services.domain.why.predictions import Found, PredictionQuery, PredictionRecord, row_wanted
from services.errors import InvalidInputError, SettingsError
from services.ports.predictions import DateRange

RECENT_DAYS = 7
UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "PiB": 2**50, "EiB": 2**60}
UNKNOWN_SIZE = 2**62
"""What Spark says of a table without statistics (spark.sql.defaultSizeInBytes)."""
_SIZE = re.compile(r"sizeInBytes=([\d.E+]+) ?([KMGTPE]?i?B)")
Row = Mapping[str, Any]
Values = Mapping[str, Any]


class SparkSession(Protocol):
    """Runs one statement; both drivers are behind this."""

    label: str

    def rows(self, sql: str, values: Values) -> Sequence[Row]:
        """All rows, by column. Raises UpstreamError."""


class SparkSqlInferenceLog:
    """Implements `services.ports.predictions.InferenceLog` over any `SparkSession`."""

    def __init__(self, session: SparkSession, table: str, *, columns: LogColumns, limits: Limits) -> None:
        self._session = session
        self._table = quoted_table(table)
        self._wanted = columns
        self._limits = limits
        self._known: tuple[LogColumns, Mapping[str, str]] | None = None

    def find(self, request_id: str, *, days: DateRange | None = None) -> Found:
        """Records with this id, or of the request with this id; rows of at most ten requests."""
        wanted = days or days_of(request_id) or days_of(row_wanted(request_id)[0])
        found = self._with_id(request_id, wanted)
        if not found and wanted is not None and days is None:
            found = self._with_id(request_id, None)
        return found

    def search(self, wanted: PredictionQuery) -> Found:
        """Records of a model in a window of time, newest first."""
        columns, types = self._layout()
        if not columns.has_time:
            raise SettingsError("The prediction log has no time, so it cannot be searched by time.")
        terms, values = self._window(wanted, columns, types)
        for name in ("model", "environment"):
            if getattr(wanted, name) and columns.of(name) and not columns.served:
                terms.append(f"{value_of(columns, types, name)} = :{name}")
                values[name] = getattr(wanted, name)
        for number, (name, value) in enumerate(wanted.inputs.items()):
            term, bound = _input_term(number, name, value, columns=columns, types=types)
            terms.append(term)
            values |= bound
        wide = max(LOOKED_THROUGH, wanted.limit) if wanted.inputs else wanted.limit
        rows, count = self._select(terms, values, limit=wide + 1, is_bounded=bool(columns.day))
        records = [record for record in rows if fits(record, wanted)]
        if count > wide and len(records) <= wanted.limit and wanted.inputs:
            raise InvalidInputError(
                f"More than {wide:,} requests would have to be looked through.",
                hint="Choose a shorter window of time.",
                code=TOO_LARGE,
            )
        return Found(tuple(records[: wanted.limit + 1]), unnamed_models(rows, wanted))

    def recent(self, limit: int = 20) -> Found:
        """The newest records of the last days that have any."""
        columns, types = self._layout()
        if not columns.day:
            return Found(tuple(self._select([], {}, limit=limit, is_bounded=False)[0][:limit]))
        newest = self._session.rows(f"SELECT max({quote(columns.day)}) AS day FROM {self._table}", {})  # noqa: S608 - quoted names
        last = newest[0]["day"] if newest else None
        if last is None:
            return Found()
        last = last if isinstance(last, date) else date.fromisoformat(str(last)[:10])
        terms, values = _days(DateRange(last - timedelta(days=RECENT_DAYS), last), columns, types)
        return Found(tuple(self._select(terms, values, limit=limit, is_bounded=True)[0][:limit]))

    def check(self) -> str:
        """What is there. Raises SettingsError, UpstreamError."""
        columns, types = self._layout()
        absent = columns.absent()
        note = f"; no column for {', '.join(absent)}" if absent else ""
        days = "" if columns.day else "; no day column, so every look-up reads the whole table"
        return f"{self._session.label}, {self._table}: {len(types)} columns{note}{days}."

    def _with_id(self, request_id: str, days: DateRange | None) -> Found:
        columns, types = self._layout()
        terms, values = _days(days, columns, types) if days and columns.day else ([], {})
        texts = {
            f"request_id_{i}" if i else "request_id": text
            for i, text in enumerate(ids_to_look_for(request_id, columns))
        }
        names = [name for name in ("request_id", "other_id") if columns.of(name)]
        asked = [f"{value_of(columns, types, name)} = :{mark}" for name in names for mark in texts]
        terms.append(asked[0] if len(asked) == 1 else f"({' OR '.join(asked)})")
        values |= texts
        is_bounded = bool(columns.day) and days is not None
        rows, _ = self._select(terms, values, limit=FOUND_LIMIT, is_bounded=is_bounded)
        return Found(tuple(in_order(rows, request_id)))

    def _select(
        self, terms: Sequence[str], values: Values, *, limit: int, is_bounded: bool
    ) -> tuple[list[PredictionRecord], int]:
        """The records, and how many rows of the table they come from."""
        columns, types = self._layout()
        where = " AND ".join(terms) or "true"
        selected = _selection(columns, types)
        sql = f"SELECT {selected} FROM {self._table} WHERE {where} ORDER BY `time` DESC NULLS LAST LIMIT {int(limit)}"  # noqa: S608 - quoted names from the settings, bound values
        if not is_bounded:
            self._demand_size(sql, values)
        rows = self._session.rows(sql, values)
        source = f"prediction log, {self._table} on {self._session.label}"
        return [record for row in rows for record in records_of(row, source, columns)], len(rows)

    def _demand_size(self, sql: str, values: Values) -> None:
        told = "\n".join(
            str(value) for row in self._session.rows(f"EXPLAIN COST {sql}", values) for value in row.values()
        )
        sizes = [float(number) * UNITS.get(unit, 1) for number, unit in _SIZE.findall(told)]
        size = int(max(sizes, default=0))
        narrower = "Name the day, or log time-ordered request ids."
        if size >= UNKNOWN_SIZE:
            narrower += (
                f" How large the table is, nobody knows: run ANALYZE TABLE {self._table} COMPUTE STATISTICS NOSCAN."
            )
            raise InvalidInputError("This would look through the whole prediction log.", hint=narrower, code=TOO_LARGE)
        self._limits.demand_bytes(size, narrower=narrower)

    def _window(
        self, wanted: PredictionQuery, columns: LogColumns, types: Mapping[str, str]
    ) -> tuple[list[str], dict[str, Any]]:
        terms: list[str] = []
        values: dict[str, Any] = {}
        if columns.day:
            terms, values = _days(DateRange(wanted.since.date(), wanted.until.date()), columns, types)
        edges = {"since": wanted.since, "until": wanted.until}
        for (name, moment), sign in zip(edges.items(), (">=", "<"), strict=True):
            micros = round(moment.timestamp() * 1_000_000)
            if columns.time_ms:
                terms.append(f"{quote(columns.time_ms)} {sign} :{name}")
                values[name] = micros // 1000
            else:
                terms.append(f"{quote(columns.time)} {sign} timestamp_micros(:{name})")
                values[name] = micros
        return terms, values

    def _layout(self) -> tuple[LogColumns, Mapping[str, str]]:
        """Columns that the table has, with their types; asked once (twice by two threads that meet here)."""
        if self._known is None:
            types = {}
            for row in self._session.rows(f"DESCRIBE TABLE {self._table}", {}):
                name = str(row["col_name"] or "")
                if not name or name.startswith("#"):  # partitions and details follow the columns
                    break
                types[name] = str(row["data_type"]).lower()
            self._known = (self._wanted.within(types), types)
        return self._known


def _selection(columns: LogColumns, types: Mapping[str, str]) -> str:
    parts = []
    for name in FIELDS:
        column = columns.of(name)
        if name == "time":
            parts.append(f"{_time(columns)} AS `time`")
        elif name in {"inputs", "output"} and column and name not in columns.keys and _is_nested(types[column]):
            parts.append(f"to_json({quote(column)}) AS `{name}`")
        else:
            parts.append(f"{value_of(columns, types, name)} AS `{name}`")
    return ", ".join([*parts, *(quote(name) for name in columns.input_columns)])


def value_of(columns: LogColumns, types: Mapping[str, str], name: str) -> str:
    """SQL for one field: a column, or one key of a map, a struct or JSON text."""
    column, key = columns.of(name), columns.keys.get(name, "")
    if not column:
        return "NULL"
    if not key:
        return quote(column)
    if types[column].startswith("map"):
        return f"try_element_at({quote(column)}, {_literal(key)})"
    if types[column].startswith("struct"):
        return f"{quote(column)}.{quote(key)}"
    return f"try_element_at(from_json({quote(column)}, 'map<string,string>'), {_literal(key)})"


def _literal(text: str) -> str:
    """A text from the settings as Spark quotes it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _time(columns: LogColumns) -> str:
    """Microseconds since 1970: free of the session's time zone."""
    if columns.time_ms:
        return f"{quote(columns.time_ms)} * 1000"
    return f"unix_micros(CAST({quote(columns.time)} AS TIMESTAMP))" if columns.time else "CAST(NULL AS BIGINT)"


def _days(days: DateRange, columns: LogColumns, types: Mapping[str, str]) -> tuple[list[str], dict[str, Any]]:
    column = quote(columns.day)
    mark = "CAST(:{} AS DATE)" if types[columns.day] == "date" else ":{}"
    terms = [f"{column} >= {mark.format('first_day')}", f"{column} <= {mark.format('last_day')}"]
    return terms, {"first_day": days.first.isoformat(), "last_day": days.last.isoformat()}


def _input_term(
    number: int, name: str, value: str, *, columns: LogColumns, types: Mapping[str, str]
) -> tuple[str, dict[str, Any]]:
    texts = {f"value_{number}_{i}": text for i, text in enumerate(spellings(value))}
    marks = ", ".join(f":{mark}" for mark in texts)
    if name in columns.input_columns:
        return f"CAST({quote(name)} AS STRING) IN ({marks})", texts
    if not columns.inputs:
        raise SettingsError("The prediction log has no inputs, so it cannot be searched by them.")
    column = quote(columns.inputs)
    text = f"to_json({column})" if _is_nested(types[columns.inputs]) else column
    inside = f"try_element_at(from_json({text}, 'map<string,string>'), :name_{number})"
    wrapped = " OR ".join(f"contains({text}, '\"{key}\"')" for key in (*WRAPPERS, "data"))
    # a payload is unpacked and compared after reading
    return f"({inside} IN ({marks}) OR {wrapped} OR startswith({text}, '['))", {f"name_{number}": name, **texts}


def _is_nested(kind: str) -> bool:
    return kind.startswith(("struct", "map", "array"))


def quote(name: str) -> str:
    """A name in backticks."""
    return "`" + name.replace("`", "``") + "`"


def quoted_table(table: str) -> str:
    """``catalog.schema.table``, each part in backticks. Raises SettingsError."""
    parts = table.split(".")
    if not 1 <= len(parts) <= 3 or not all(part.strip() for part in parts):
        raise SettingsError(
            f"{table!r} is not a table.", hint="Set COUNTERSIGN_PREDICTIONS_TABLE to catalog.schema.table."
        )
    return ".".join(quote(part.strip().strip("`")) for part in parts)
