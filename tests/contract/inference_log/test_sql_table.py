from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import JSON, Column, DateTime, Engine, Float, MetaData, String, Table, create_engine, text

from services.adapters.inference_log.columns import LogColumns
from services.adapters.inference_log.limits import Limits
from services.adapters.inference_log.sql_table import SqlInferenceLog
from services.domain.predictions import PredictionQuery
from services.errors import SettingsError, UpstreamError
from tests.contract.inference_log.contract import QUESTIONS
from tests.contract.inference_log.shelf import START, rows


def fill(url: str, *, json_type: type[JSON | String] = JSON) -> None:
    """One table with an index on the id."""
    engine = create_engine(url)
    made = Table(
        "predictions", MetaData(),
        Column("request_id", String, index=True), Column("time", DateTime(timezone=True)), Column("environment", String),
        Column("model_name", String), Column("model_version", String), Column("inputs", json_type(none_as_null=True) if json_type is JSON else String),
        Column("output", JSON(none_as_null=True)), Column("score", Float),
    )  # fmt: skip
    made.create(engine)
    with engine.begin() as connection:
        connection.execute(made.insert(), [vars(row) for row in rows()])
    engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        made: str = request.getfixturevalue("postgres_database")
        return made
    return f"sqlite:///{tmp_path / 'log.db'}"


@pytest.fixture
def log(url: str) -> Iterator[SqlInferenceLog]:
    fill(url)
    opened = SqlInferenceLog(url, "predictions", columns=LogColumns(), limits=Limits(seconds=20))
    yield opened
    opened.close()


def test_sql_log__asked_everything__answers_as_every_engine(log: SqlInferenceLog) -> None:
    for question in QUESTIONS:
        question(log)


def test_sql_log__check__says_whether_the_id_has_an_index(log: SqlInferenceLog, url: str) -> None:
    assert "slow" not in log.check()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX ix_predictions_request_id"))
    engine.dispose()
    assert "look-ups are slow" in log.check()


def test_sql_log__table_that_is_not_there__is_said(tmp_path: Path) -> None:
    log = SqlInferenceLog(f"sqlite:///{tmp_path / 'x.db'}", "nowhere", columns=LogColumns(), limits=Limits())
    with pytest.raises(SettingsError, match="no table nowhere"):
        log.check()
    log.close()


def test_sql_log__database_that_is_away__is_said_in_time() -> None:
    url = "postgresql+psycopg://nobody@127.0.0.1:9/none"
    log = SqlInferenceLog(url, "predictions", columns=LogColumns(), limits=Limits(seconds=10))
    with pytest.raises(UpstreamError, match="cannot be asked"):
        log.find("a")


def test_sql_log__endless_statement__is_stopped_and_the_next_one_answers(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    fill(url)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    log = SqlInferenceLog(url, "predictions", columns=LogColumns(), limits=Limits(seconds=0.5))
    log.check()
    with pytest.raises(UpstreamError, match="longer than"):
        log._run(lambda connection: connection.execute(text(endless)).all())
    assert len(log.find("order-17")) == 2
    log.close()


def test_sql_log__driver_that_is_not_installed__is_said() -> None:
    with pytest.raises(SettingsError, match="cannot be used"):
        SqlInferenceLog("oracle+nothing://x", "t", columns=LogColumns(), limits=Limits())


def test_sql_log__text_of_time__is_read_and_not_searched(tmp_path: Path) -> None:
    engine: Engine = create_engine(f"sqlite:///{tmp_path / 'log.db'}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (request_id TEXT PRIMARY KEY, time TEXT)"))
        connection.execute(text("INSERT INTO t VALUES ('a', '2026-11-18T23:00:00+00:00')"))
    engine.dispose()
    log = SqlInferenceLog(f"sqlite:///{tmp_path / 'log.db'}", "t", columns=LogColumns(), limits=Limits())
    assert log.find("a")[0].time == START
    with pytest.raises(SettingsError, match="is no timestamp"):
        log.search(PredictionQuery("", START, START + timedelta(days=1)))
    log.close()
