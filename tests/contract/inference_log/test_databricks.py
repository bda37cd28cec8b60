"""Databricks SQL against the shapes that its connector gives: there is no warehouse here to ask.

The statements themselves are the ones that the tests of Spark run on a real server.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Sequence
from typing import Any, Self

import pytest

from services.adapters.inference_log.columns import LogColumns
from services.adapters.inference_log.databricks import DatabricksSession, connector
from services.adapters.inference_log.limits import Limits
from services.adapters.inference_log.spark_sql import SparkSqlInferenceLog
from services.errors import (
    InvalidInputError,
    SettingsError,
    UpstreamError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)
from tests.contract.inference_log.shelf import START, uuid7

MICROS = int(START.timestamp() * 1_000_000)
LAYOUT = [("databricks_request_id", "string", None), ("timestamp_ms", "bigint", None), ("date", "date", None),
          ("request", "string", None), ("response", "string", None), ("served_version", "string", None),
          ("# Partition Information", "", ""), ("# col_name", "data_type", "comment"), ("date", "date", None)]  # fmt: skip
COLUMNS = LogColumns.parse(
    {"request_id": "databricks_request_id", "time_ms": "timestamp_ms", "day": "date", "inputs": "request",
     "output": "response", "version": "served_version"}
)  # fmt: skip
RECORD = ("the-id", MICROS, None, None, "5", '{"age": 39}', "[0.3, 0.7]", None)
NAMES = ("request_id", "time", "environment", "model", "version", "inputs", "output", "score")


class Cursor:
    """As databricks.sql.client.Cursor: description of seven-tuples, rows that are tuples, named parameters."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self.description: Sequence[Sequence[Any]] | None = None
        self._rows: Sequence[tuple[Any, ...]] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def execute(self, operation: str, parameters: dict[str, Any] | None = None) -> Cursor:
        self._warehouse.asked.append((operation, parameters))
        names, self._rows = self._warehouse.answer(operation)
        self.description = [(name, "string", None, None, None, None, True) for name in names]
        return self

    def fetchall(self) -> Sequence[tuple[Any, ...]]:
        return self._rows

    def cancel(self) -> None:
        self._warehouse.cancelled.set()


class Warehouse:
    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any] | None]] = []
        self.cancelled = threading.Event()
        self.connections = 0
        self.error: Exception | None = None
        self.found = [RECORD]
        self.cost = "2.0 GiB"

    def connect(self) -> Warehouse:
        self.connections += 1
        return self

    def cursor(self) -> Cursor:
        return Cursor(self)

    def answer(self, sql: str) -> tuple[Sequence[str], Sequence[tuple[Any, ...]]]:
        if self.error is not None:
            raise self.error
        if sql.startswith("DESCRIBE"):
            return ("col_name", "data_type", "comment"), LAYOUT
        if sql.startswith("EXPLAIN COST"):
            plan = f"== Optimized Logical Plan ==\nFilter, Statistics(sizeInBytes={self.cost})\n+- Relation, Statistics(sizeInBytes={self.cost})"
            return ("plan",), [(plan,)]
        if "sleep" in sql:
            self.cancelled.wait(10)
        return NAMES, self.found

    def log(self, **limits: Any) -> SparkSqlInferenceLog:
        session = DatabricksSession(self.connect, 5)
        return SparkSqlInferenceLog(session, "main.serving.payload", columns=COLUMNS, limits=Limits(**limits))


def test_databricks__time_ordered_id__is_looked_for_on_its_days_with_bound_values() -> None:
    warehouse = Warehouse()
    wanted = uuid7(START, 1)
    (found,) = warehouse.log().find(wanted)
    sql, parameters = warehouse.asked[-1]
    assert "FROM `main`.`serving`.`payload` WHERE `date` >= CAST(:first_day AS DATE)" in sql
    assert wanted not in sql
    assert parameters == {"first_day": "2026-11-17", "last_day": "2026-11-19", "request_id": wanted}
    assert (found.time, found.version, found.inputs, found.output) == (START, 5, {"age": 39}, [0.3, 0.7])


def test_databricks__id_without_time__asks_for_the_cost_first() -> None:
    warehouse = Warehouse()
    with pytest.raises(InvalidInputError, match=r"would look through 2\.1 GB"):
        warehouse.log(scan_bytes=1_000_000_000).find("order-17")
    assert warehouse.asked[-1][0].startswith("EXPLAIN COST SELECT")
    assert len(warehouse.log(scan_bytes=3_000_000_000).find("order-17")) == 1


def test_databricks__two_rows_of_one_id__are_both_given() -> None:
    warehouse = Warehouse()
    warehouse.found = [RECORD, RECORD]
    assert len(warehouse.log().find(uuid7(START, 1))) == 2


def test_databricks__refusal_and_outage__are_told_apart_and_the_connection_is_opened_again() -> None:
    warehouse = Warehouse()
    log = warehouse.log()
    log.check()
    warehouse.error = RuntimeError("Error during request to server: 403: PERMISSION_DENIED on catalog main")
    with pytest.raises(UpstreamRefusedError):
        log.find("a")
    warehouse.error = ConnectionError("cannot reach it")
    with pytest.raises(UpstreamUnavailableError):
        log.find("a")
    warehouse.error = None
    assert log.find(uuid7(START, 1))
    assert warehouse.connections == 3


def test_databricks__slow_statement__is_cancelled() -> None:
    warehouse = Warehouse()
    with pytest.raises(UpstreamError, match="longer than"):
        DatabricksSession(warehouse.connect, 0.2).rows("SELECT sleep", {})
    assert warehouse.cancelled.wait(5)


def test_databricks__without_address__says_what_to_set() -> None:
    with pytest.raises(SettingsError, match="no address"):
        connector("", "", "", seconds=1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the driver's half-open connection
def test_databricks__real_driver_and_no_server__is_unavailable() -> None:
    session = DatabricksSession(connector("127.0.0.1:9", "/sql/1.0/warehouses/x", "token", seconds=2), 8)
    with pytest.raises(UpstreamError) as caught:
        session.rows("SELECT 1", {})
    assert "token" not in str(caught.value.hint)
    del caught, session
    gc.collect()
