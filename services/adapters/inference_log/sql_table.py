"""Prediction records in a SQL table, by SQLAlchemy: PostgreSQL, SQLite, and whatever else has a dialect installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    DateTime,
    Engine,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    Uuid,
    case,
    cast,
    create_engine,
    false,
    func,
    inspect,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import NoSuchTableError, OperationalError, SQLAlchemyError

from services.adapters.inference_log.columns import FIELDS, LogColumns
from services.adapters.inference_log.deadline import SYSTEM, within
from services.adapters.inference_log.limits import FOUND_LIMIT, TOO_LARGE, Limits
from services.adapters.inference_log.payloads import WRAPPERS
from services.adapters.inference_log.rows import (
    fits,
    ids_to_look_for,
    in_order,
    records_of,
    spellings,
    unnamed_models,
)
from services.domain.why.predictions import Found, PredictionQuery, PredictionRecord
from services.errors import (
    InvalidInputError,
    PortalError,
    SettingsError,
    UpstreamInvalidError,
    UpstreamUnavailableError,
)
from services.ports.predictions import DateRange

LOOKED_THROUGH = 5_000
"""Rows that are fetched at most to look inside inputs where the database cannot."""


class SqlInferenceLog:
    """Implements `services.ports.predictions.InferenceLog`."""

    def __init__(self, url: str, table: str, *, columns: LogColumns, limits: Limits) -> None:
        self._engine = _open(url)
        self._name = table
        self._wanted = columns
        self._limits = limits
        self._known: tuple[Table, LogColumns] | None = None

    def find(self, request_id: str, *, days: DateRange | None = None) -> Found:
        """Records with this id, or of the request with this id; the index on the id makes days unnecessary."""
        del days
        table, columns = self._layout()
        names = [name for name in ("request_id", "other_id") if columns.of(name)]
        asked = [
            self._has(table, columns, name, text) for name in names for text in ids_to_look_for(request_id, columns)
        ]
        terms = [term for term in asked if term is not None]
        if not terms:
            return Found()
        rows, _ = self._fetch(self._select(table, columns).where(or_(*terms)), FOUND_LIMIT)
        return Found(tuple(in_order(rows, request_id)))

    def _has(self, table: Table, columns: LogColumns, name: str, text_: str) -> ColumnElement[bool] | None:
        """A condition on one id; None where the column cannot hold it."""
        column = table.c[columns.of(name)]
        if name in columns.keys:
            inside = key_of(column, columns.keys[name], self._engine.dialect.name)
            return None if inside is None else inside == text_
        is_long = isinstance(column.type, BigInteger) or self._engine.dialect.name == "sqlite"
        wanted = _id_of(column.type, text_, bits=63 if is_long else 31)
        return None if wanted is None else column == wanted

    def search(self, wanted: PredictionQuery) -> Found:
        """Records of a model in a window of time, newest first."""
        table, columns = self._layout()
        query = self._select(table, columns).where(*_window(table, columns, wanted))
        for name in ("model", "environment"):
            if getattr(wanted, name) and columns.of(name) and name not in columns.keys and not columns.served:
                query = query.where(table.c[columns.of(name)] == getattr(wanted, name))
        for name, value in wanted.inputs.items():
            inside = _inside(table, columns, name, self._engine.dialect.name)
            if inside is not None:  # a payload is unpacked and compared after reading
                query = query.where(or_(inside.in_(spellings(value)), _is_payload(table, columns, name)))
        wide = max(LOOKED_THROUGH, wanted.limit) if wanted.inputs else wanted.limit
        rows, count = self._fetch(query, wide + 1)
        records = [record for record in rows if fits(record, wanted)]
        if count > wide and len(records) <= wanted.limit and wanted.inputs:
            raise InvalidInputError(
                f"More than {wide} predictions would have to be looked through.",
                hint="Choose a shorter window of time.",
                code=TOO_LARGE,
            )
        return Found(tuple(records[: wanted.limit + 1]), unnamed_models(rows, wanted))

    def recent(self, limit: int = 20) -> Found:
        """The newest records."""
        table, columns = self._layout()
        return Found(tuple(self._fetch(self._select(table, columns), limit)[0][:limit]))

    def check(self) -> str:
        """What is there. Raises SettingsError, UpstreamError."""
        table, columns = self._layout()
        absent = columns.absent()
        note = f"; no column for {', '.join(absent)}" if absent else ""
        indexed = within(self._limits.seconds, lambda: self._indexed(table), stop=lambda: None)
        slow = (
            "" if columns.request_id in indexed else f"; no index begins with {columns.request_id}, look-ups are slow"
        )
        return f"{self._engine.dialect.name}, {self._name}: {len(table.c)} columns{note}{slow}."

    def close(self) -> None:
        """Let go of the connections."""
        self._engine.dispose()

    def _indexed(self, table: Table) -> set[str | None]:
        inspector = inspect(self._engine)
        found = {i["column_names"][0] for i in inspector.get_indexes(table.name, schema=table.schema)}
        key = inspector.get_pk_constraint(table.name, schema=table.schema)["constrained_columns"]
        unique = inspector.get_unique_constraints(table.name, schema=table.schema)
        return found | {*key[:1]} | {u["column_names"][0] for u in unique}

    def _select(self, table: Table, columns: LogColumns) -> Select[Any]:
        dialect = self._engine.dialect.name
        selected = [self._field(table, columns, f, dialect).label(f) for f in FIELDS if columns.of(f)]
        if columns.time_ms:
            selected.append((table.c[columns.time_ms] * 1000).label("time"))
        query = select(*selected, *(table.c[name] for name in columns.input_columns))
        newest = columns.time_ms or columns.time
        return query.order_by(table.c[newest].desc().nulls_last()) if newest else query

    @staticmethod
    def _field(table: Table, columns: LogColumns, name: str, dialect: str) -> ColumnElement[Any]:
        column, key = table.c[columns.of(name)], columns.keys.get(name, "")
        inside = key_of(column, key, dialect) if key else column
        if inside is None:
            raise SettingsError(
                f"{dialect} cannot look inside {columns.of(name)}.", hint="Map the field to a separate column."
            )
        return inside

    def _fetch(self, query: Select[Any], limit: int) -> tuple[list[PredictionRecord], int]:
        """The records, and how many rows of the table they come from."""
        _, columns = self._layout()
        rows = self._run(lambda connection: connection.execute(query.limit(limit)).mappings().all())
        source = f"prediction log, table {self._name}"
        return [record for row in rows for record in records_of(dict(row), source, columns)], len(rows)

    def _run(self, work: Callable[[Connection], Sequence[Any]]) -> Sequence[Any]:
        opened: list[Any] = []

        def ask() -> Sequence[Any]:
            with self._engine.connect() as connection:
                opened.append(connection.connection.dbapi_connection)
                if connection.dialect.name == "postgresql":
                    connection.execute(text("SET TRANSACTION READ ONLY"))
                    connection.execute(text(f"SET LOCAL statement_timeout = {int(self._limits.seconds * 1000)}"))
                return work(connection)

        def stop() -> None:
            for connection in opened:
                (getattr(connection, "interrupt", None) or connection.cancel)()

        try:
            return within(self._limits.seconds, ask, stop=stop)
        except PortalError:
            raise
        except OperationalError as error:
            raise UpstreamUnavailableError(
                "The database of the prediction log cannot be asked.", system=SYSTEM, hint=_first(error)
            ) from error
        except SQLAlchemyError as error:
            raise UpstreamInvalidError(
                "The prediction log cannot be read.", system=SYSTEM, hint=f"The database says: {_first(error)}"
            ) from error

    def _layout(self) -> tuple[Table, LogColumns]:
        """The table as it is; asked once (twice by two threads that meet here)."""
        if self._known is None:
            (table,) = self._run(lambda connection: [self._reflect(connection)])
            self._known = (table, self._wanted.within({column.name for column in table.c}))
        return self._known

    def _reflect(self, connection: Connection) -> Table:
        schema, _, name = self._name.rpartition(".")
        try:
            return Table(name, MetaData(), autoload_with=connection, schema=schema or None)
        except NoSuchTableError as error:
            raise SettingsError(
                f"The database has no table {self._name}.", hint="Check COUNTERSIGN_PREDICTIONS_TABLE."
            ) from error


def _open(url: str) -> Engine:
    if not url:
        raise SettingsError("The prediction log has no address.", hint="Set COUNTERSIGN_PREDICTIONS_URL.")
    try:
        return create_engine(url, pool_pre_ping=True, pool_size=2)
    except (SQLAlchemyError, ImportError, ValueError) as error:
        raise SettingsError(
            "The address of the prediction log cannot be used.",
            hint="COUNTERSIGN_PREDICTIONS_URL takes a SQLAlchemy URL whose driver is installed.",
        ) from error


def _id_of(kind: Any, request_id: str, *, bits: int) -> str | int | UUID | None:
    """The id as the column keeps it; None where the column cannot hold it, so that no row has it."""
    try:
        if isinstance(kind, Uuid):
            return UUID(request_id)
        if isinstance(kind, Integer):
            is_number = request_id.isascii() and request_id.isdigit()
            return int(request_id) if is_number and int(request_id) < 2**bits else None
    except ValueError:
        return None
    return request_id


def _window(table: Table, columns: LogColumns, wanted: PredictionQuery) -> list[ColumnElement[bool]]:
    if columns.time_ms:
        column = table.c[columns.time_ms]
        edges: list[Any] = [int(t.timestamp() * 1000) for t in (wanted.since, wanted.until)]
    elif columns.time:
        column = table.c[columns.time]
        edges = [_bound(column.type, t) for t in (wanted.since, wanted.until)]
    else:
        raise SettingsError("The prediction log has no time, so it cannot be searched by time.")
    return [column >= edges[0], column < edges[1]]


def _bound(kind: Any, moment: datetime) -> Any:
    """A moment as the column keeps it: with its zone, or naive in UTC."""
    if not isinstance(kind, DateTime):
        raise SettingsError(
            "The log's time is not a timestamp, so it cannot be searched by time.",
            hint="Map time to a timestamp column, or time_ms to milliseconds since 1970.",
        )
    return moment if kind.timezone else moment.astimezone(UTC).replace(tzinfo=None)


def _inside(table: Table, columns: LogColumns, name: str, dialect: str) -> ColumnElement[Any] | None:
    """One input as text, or None where this database cannot look inside."""
    if name in columns.input_columns:
        return cast(table.c[name], String)
    if not columns.inputs:
        raise SettingsError("The prediction log has no inputs, so it cannot be searched by them.")
    return key_of(table.c[columns.inputs], name, dialect)


def key_of(column: Any, key: str, dialect: str) -> ColumnElement[Any] | None:
    """One key of JSON as text, or None where this database cannot look inside."""
    if dialect == "postgresql":
        found: ColumnElement[Any] = cast(column, JSONB)[key].astext
        return found
    if dialect == "sqlite" and '"' not in key and "\\" not in key:
        text_ = cast(column, String) if isinstance(column.type, JSON) else column
        return case((func.json_valid(text_) == 1, cast(func.json_extract(text_, f'$."{key}"'), String)))
    return None


def _is_payload(table: Table, columns: LogColumns, name: str) -> ColumnElement[bool]:
    """True for inputs that may be a request of a scoring server, whose rows lie deeper."""
    if name in columns.input_columns:
        return false()
    text_ = cast(table.c[columns.inputs], String)
    marks = [text_.contains(f'"{key}"', autoescape=True) for key in (*WRAPPERS, "data")]
    return or_(*marks, func.substr(text_, 1, 1) == "[")


def _first(error: Exception) -> str:
    return str(error).splitlines()[0][:200]
