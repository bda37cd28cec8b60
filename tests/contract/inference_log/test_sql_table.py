from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Uuid,
    create_engine,
    text,
)

from services.adapters.inference_log.columns import LogColumns
from services.adapters.inference_log.limits import Limits
from services.adapters.inference_log.sql_table import SqlInferenceLog
from services.domain.why.predictions import PredictionQuery
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


@pytest.mark.parametrize("value", ["' OR '1'='1", "'; DROP TABLE predictions; --", '" OR 1=1 --', "%", ":id", "\\"])
def test_sql_log__value_that_is_sql__is_a_value(log: SqlInferenceLog, value: str) -> None:
    window = (START, START + timedelta(days=3))
    assert list(log.find(value)) == []
    assert list(log.search(PredictionQuery(value, *window))) == []
    assert list(log.search(PredictionQuery("census", *window, environment=value))) == []
    assert list(log.search(PredictionQuery("census", *window, inputs={"age": value}))) == []
    assert list(log.search(PredictionQuery("census", *window, inputs={value: "39"}))) == []
    assert len(log.search(PredictionQuery("census", *window))) == 21


@pytest.mark.parametrize(
    ("kind", "stored", "asked"),
    [
        (Integer, 17, ["17"]),
        (BigInteger, 2**40, [str(2**40)]),
        (Uuid, UUID(int=7), [str(UUID(int=7)), UUID(int=7).hex]),
    ],
)
def test_sql_log__id_that_is_no_text__is_found_and_others_are_not(
    url: str, kind: type[Integer | Uuid], stored: object, asked: list[str]
) -> None:
    engine = create_engine(url)
    made = Table("p", MetaData(), Column("request_id", kind, primary_key=True), Column("score", Float))
    made.create(engine)
    with engine.begin() as connection:
        connection.execute(made.insert(), [{"request_id": stored, "score": 0.5}])
    engine.dispose()
    log = SqlInferenceLog(url, "p", columns=LogColumns(), limits=Limits(seconds=20))
    if url.startswith("sqlite") and kind is Uuid:  # SQLite keeps 32 letters, and says so
        asked = asked[1:]
    assert [len(log.find(text)) for text in asked] == [1] * len(asked)
    for other in ("order-17", "", "9" * 40, "-17", "1.5", "٣"):
        assert list(log.find(other)) == []
    log.close()


def test_sql_log__a_hundred_thousand_rows_of_one_id__are_ten(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE p (request_id TEXT, score REAL)"))
        many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT 'a', i FROM n"
        connection.execute(text(f"INSERT INTO p {many}"))
    engine.dispose()
    log = SqlInferenceLog(url, "p", columns=LogColumns(), limits=Limits(seconds=20))
    assert len(log.find("a")) == 10
    log.close()


def test_sql_log__mapping_of_a_column_that_is_not_there__names_those_that_are(log: SqlInferenceLog, url: str) -> None:
    wrong = SqlInferenceLog(url, "predictions", columns=LogColumns.parse({"model": "nmae"}), limits=Limits(seconds=20))
    for ask in (wrong.check, lambda: wrong.find("x"), wrong.recent):
        with pytest.raises(SettingsError, match="no column nmae") as caught:
            ask()
        assert "model_name" in caught.value.hint
    wrong.close()


def test_sql_log__column_dropped_since__is_said(log: SqlInferenceLog, url: str) -> None:
    assert log.check()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE predictions DROP COLUMN score"))
    engine.dispose()
    with pytest.raises(UpstreamError) as caught:
        log.find("order-17")
    assert "score" in caught.value.hint


def test_sql_log__text_of_time__is_read_and_not_searched(tmp_path: Path) -> None:
    engine: Engine = create_engine(f"sqlite:///{tmp_path / 'log.db'}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (request_id TEXT PRIMARY KEY, time TEXT)"))
        connection.execute(text("INSERT INTO t VALUES ('a', '2026-11-18T23:00:00+00:00')"))
    engine.dispose()
    log = SqlInferenceLog(f"sqlite:///{tmp_path / 'log.db'}", "t", columns=LogColumns(), limits=Limits())
    assert log.find("a")[0].time == START
    with pytest.raises(SettingsError, match="is not a timestamp"):
        log.search(PredictionQuery("", START, START + timedelta(days=1)))
    log.close()
