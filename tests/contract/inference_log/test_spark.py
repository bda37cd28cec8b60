"""Against a real Spark Connect server in local mode."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.adapters.inference_log.columns import LogColumns
from services.adapters.inference_log.limits import Limits
from services.adapters.inference_log.spark import SparkConnectSession
from services.adapters.inference_log.spark_sql import SparkSqlInferenceLog
from services.errors import InvalidInputError, SettingsError, UpstreamError
from services.ports.predictions import DateRange
from tests.contract.inference_log.contract import QUESTIONS
from tests.contract.inference_log.shelf import START, rows, write_parquet
from tests.contract.inference_log.spark_server import spark_connect, why_not

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:pyspark"),
]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkConnectSession]:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("spark")
    shelf = write_parquet(folder / "predictions")
    with spark_connect(folder) as url:
        opened = SparkConnectSession(url, 60)
        opened.rows(f"CREATE TABLE predictions USING parquet OPTIONS (path '{shelf}')", {})
        opened.rows("MSCK REPAIR TABLE predictions", {})
        log = SparkSqlInferenceLog(opened, "predictions", columns=LogColumns(), limits=Limits())
        with pytest.raises(InvalidInputError, match="whole prediction log"):
            log.find("order-17")
        opened.rows("ANALYZE TABLE predictions COMPUTE STATISTICS NOSCAN", {})
        yield opened
        opened.close()


def test_spark_log__asked_everything__answers_as_every_engine(session: SparkConnectSession) -> None:
    log = SparkSqlInferenceLog(session, "default.predictions", columns=LogColumns(), limits=Limits())
    for question in QUESTIONS:
        question(log)


def test_spark_log__without_a_day_in_a_large_table__is_refused_by_its_cost(session: SparkConnectSession) -> None:
    log = SparkSqlInferenceLog(session, "predictions", columns=LogColumns(), limits=Limits(scan_bytes=10))
    with pytest.raises(InvalidInputError, match="would look through"):
        log.find("order-17")
    day = DateRange(START.date(), rows()[20].time.date())  # type: ignore[union-attr]
    assert len(log.find("order-17", days=day)) == 2


def test_spark_log__table_that_is_not_there__is_said(session: SparkConnectSession) -> None:
    log = SparkSqlInferenceLog(session, "nowhere", columns=LogColumns(), limits=Limits())
    with pytest.raises(UpstreamError, match="cannot run"):
        log.check()


def test_spark_log__column_that_is_not_there__is_said(session: SparkConnectSession) -> None:
    columns = LogColumns.parse({"version": "served"})
    with pytest.raises(SettingsError, match="no column served"):
        SparkSqlInferenceLog(session, "predictions", columns=columns, limits=Limits()).check()


def test_spark_session__slow_statement__is_stopped_in_time(session: SparkConnectSession, tmp_path: Path) -> None:
    hasty = SparkConnectSession(session._url, 3)
    hasty.rows("SELECT 1", {})
    with pytest.raises(UpstreamError, match="longer than"):
        hasty.rows("SELECT sum(a.id * b.id % 7) FROM range(1000000) a CROSS JOIN range(100000) b", {})
    hasty.close()


def test_spark_session__server_that_is_away__is_said() -> None:
    with pytest.raises(UpstreamError):
        SparkConnectSession("sc://127.0.0.1:9", 3).rows("SELECT 1", {})


def test_spark_session__address_that_is_none__is_refused() -> None:
    with pytest.raises(SettingsError, match="no Spark Connect address"):
        SparkConnectSession("http://x", 1)
