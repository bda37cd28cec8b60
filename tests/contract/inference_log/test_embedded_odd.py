"""Logs that are not as they should be: each look-up is answered, or ends in an error that says what to do."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.adapters.inference_log.columns import LogColumns
from services.adapters.inference_log.embedded import EmbeddedInferenceLog
from services.adapters.inference_log.folders import Listing, LogFile
from services.domain.why.predictions import PredictionQuery
from services.errors import PortalError, SettingsError, UpstreamInvalidError
from tests.contract.inference_log.shelf import START, rows, table, write_delta, write_parquet

DAY = timedelta(days=1)
INJECTIONS = [
    "' OR '1'='1",
    "'; DROP TABLE t; --",
    '" OR 1=1 --',
    "x') UNION SELECT * FROM read_csv('/etc/passwd') --",
    "$1",
    "?",
    "%",
    "\\",
    "*",
    "\u2028" * 50,
]


def made(folder: Path, **columns: Any) -> EmbeddedInferenceLog:
    pq.write_table(pa.table({"request_id": ["a"], **columns}), folder / "a.parquet")
    return EmbeddedInferenceLog(folder)


def said(call: Callable[[], object]) -> PortalError:
    with pytest.raises(PortalError) as caught:
        call()
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.parametrize("write", [write_parquet, write_delta], ids=["parquet", "delta"])
def test_value__that_is_sql__is_a_value(tmp_path: Path, write: Callable[[Path], Path], text: str) -> None:
    log = EmbeddedInferenceLog(write(tmp_path / "log"))
    assert list(log.find(text)) == []
    window = (START, START + 3 * DAY)
    assert list(log.search(PredictionQuery(text, *window))) == []
    assert list(log.search(PredictionQuery("census", *window, environment=text))) == []
    assert list(log.search(PredictionQuery("census", *window, inputs={"age": text}))) == []
    assert list(log.search(PredictionQuery("census", *window, inputs={text: "39"}))) == []
    assert len(log.search(PredictionQuery("census", *window))) == 21


@pytest.mark.parametrize("name", ["logs[1]", "lo*gs", "lo?gs", "it's", 'a"b', "ä ö", "a%20b", "{x,y}"])
def test_folder__with_any_name__is_read(tmp_path: Path, name: str) -> None:
    log = EmbeddedInferenceLog(write_parquet(tmp_path / name))
    assert log.check()
    assert len(log.find(rows()[3].request_id)) == 1
    assert log.find(rows()[3].request_id)[0].source.startswith("prediction log, day=")


def test_folder__that_is_empty__has_no_predictions_and_says_so(tmp_path: Path) -> None:
    log = EmbeddedInferenceLog(tmp_path)
    assert (list(log.find("x")), list(log.recent())) == ([], [])
    assert "has no files yet" in log.check()
    (tmp_path / "day=2026-11-18").mkdir()
    (tmp_path / "day=rubbish").mkdir()
    assert list(log.recent()) == []


def test_file__that_is_corrupt_among_good_ones__is_named(tmp_path: Path) -> None:
    folder = write_parquet(tmp_path / "log")
    whole = (folder / f"day={START.date()}" / "part.parquet").read_bytes()
    (folder / f"day={START.date()}" / "torn.parquet").write_bytes(whole[: len(whole) // 2])
    error = said(lambda: EmbeddedInferenceLog(folder).find(rows()[0].request_id))
    assert isinstance(error, UpstreamInvalidError)
    assert "torn.parquet" in error.hint
    assert len(EmbeddedInferenceLog(folder).find(rows()[40].request_id)) == 1  # of another day


def test_file__put_together_with_others_while_asked__its_rows_are_found_in_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_parquet(tmp_path / "log")
    log = EmbeddedInferenceLog(folder)
    real, small = log._files.listing, folder / "day=2026-11-18" / "part.parquet"
    looks: list[int] = []

    def listing(days: Any) -> Any:
        files = real(days)
        looks.append(len(files.files))
        if len(looks) == 1:
            small.rename(small.with_name("together.parquet"))
        return files

    monkeypatch.setattr(log._files, "listing", listing)
    (found,) = log.find(rows()[0].request_id)
    assert found.source.endswith("together.parquet")
    assert len(looks) == 2
    assert log.check()


def test_file__listed_and_never_there__is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when somebody removed files of a Delta table by hand: leaving them out would deny predictions."""
    folder = write_parquet(tmp_path / "log")
    log = EmbeddedInferenceLog(folder)
    real = log._files.listing
    gone = LogFile(str(folder / "day=2026-11-18" / "gone.parquet"), 10, date(2026, 11, 18))
    monkeypatch.setattr(log._files, "listing", lambda days: Listing((gone, *real(days).files)))
    assert "gone.parquet" in said(lambda: log.find(rows()[0].request_id)).hint
    assert log.check()


@pytest.mark.parametrize("text", ["{", '{"add": 5}\n', "\x00\xff"])
def test_delta__with_a_broken_log__is_said(tmp_path: Path, text: str) -> None:
    folder = write_delta(tmp_path / "log")
    max((folder / "_delta_log").glob("*.json")).write_text(text)
    assert isinstance(said(lambda: EmbeddedInferenceLog(folder).find("order-17")), UpstreamInvalidError)


def test_delta__without_any_commit__is_said(tmp_path: Path) -> None:
    (tmp_path / "log" / "_delta_log").mkdir(parents=True)
    assert isinstance(said(lambda: EmbeddedInferenceLog(tmp_path / "log").find("x")), UpstreamInvalidError)


def test_file__that_appears_or_is_written_anew__is_seen_at_the_next_look(tmp_path: Path) -> None:
    log = EmbeddedInferenceLog(tmp_path)
    assert list(log.find("a")) == []
    made(tmp_path, score=[0.1])
    assert [r.score for r in log.find("a")] == [0.1]
    made(tmp_path, score=[0.2], output=["x" * 100])
    os.utime(tmp_path / "a.parquet", (2e9, 2e9))
    assert [r.score for r in log.find("a")] == [0.2]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_file__that_may_not_be_read__is_said(tmp_path: Path) -> None:
    log = made(tmp_path)
    (tmp_path / "a.parquet").chmod(0)
    assert isinstance(said(lambda: log.find("a")), UpstreamInvalidError)


def test_file__that_is_a_folder_as_spark_writes_it__its_parts_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").mkdir()
    made(tmp_path / "a.parquet", score=[0.1])
    assert [r.score for r in EmbeddedInferenceLog(tmp_path).find("a")] == [0.1]


def test_rows__a_hundred_thousand_of_one_id__are_ten(tmp_path: Path) -> None:
    pq.write_table(pa.table({"request_id": ["a"] * 100_000, "score": range(100_000)}), tmp_path / "a.parquet")
    assert len(EmbeddedInferenceLog(tmp_path).find("a")) == 10


def test_rows__of_many_threads_at_once__are_each_ones_own(tmp_path: Path) -> None:
    log, found, wanted = EmbeddedInferenceLog(write_parquet(tmp_path / "log")), [], rows()[:16]

    def ask(request_id: str) -> None:
        found.append((request_id, [r.request_id for r in log.find(request_id)]))

    threads = [threading.Thread(target=ask, args=(row.request_id,)) for row in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted((row.request_id, [row.request_id]) for row in wanted)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.timestamp("us"), START.replace(tzinfo=None)),
        (pa.timestamp("ns"), START.replace(tzinfo=None)),
        (pa.timestamp("s"), START.replace(tzinfo=None)),
        (pa.timestamp("us", tz="America/New_York"), START),
    ],
)
def test_time__without_a_zone_or_in_another__is_the_same_moment(tmp_path: Path, kind: Any, value: datetime) -> None:
    log = made(tmp_path, time=pa.array([value], kind), model_name=["m"])
    (found,) = log.find("a")
    assert found.time == START
    assert len(log.search(PredictionQuery("m", START, START + DAY))) == 1
    assert list(log.search(PredictionQuery("m", START + DAY, START + 2 * DAY))) == []


@pytest.mark.parametrize("times", [[START.timestamp()], [int(START.timestamp())], [True], [b"x"], [{"a": 1}]])
def test_time__that_is_no_timestamp__says_what_to_map(tmp_path: Path, times: list[Any]) -> None:
    error = said(lambda: made(tmp_path, time=times).find("a"))
    assert isinstance(error, SettingsError)
    assert "time_ms" in error.hint


def test_time__that_is_a_text__is_read_and_not_searched(tmp_path: Path) -> None:
    log = made(tmp_path, time=["2026-11-18T23:00:00Z"], model_name=["m"])
    assert log.find("a")[0].time == START
    assert "time is a text" in log.check()
    assert "time_ms" in said(lambda: log.search(PredictionQuery("m", START, START + DAY))).hint


def test_id__that_is_a_number__is_found_and_a_text_is_not(tmp_path: Path) -> None:
    pq.write_table(pa.table({"request_id": [17, 18]}), tmp_path / "a.parquet")
    log = EmbeddedInferenceLog(tmp_path)
    assert [r.request_id for r in log.find("17")] == ["17"]
    assert list(log.find("order-17")) == []
    assert list(log.find("9" * 40)) == []


def test_columns__of_other_types__are_read_as_they_are(tmp_path: Path) -> None:
    log = made(tmp_path, model_version=[5], score=["0.5"], output=[[1, 2]], inputs=[b"\xff\x00"], environment=[7])
    (found,) = log.find("a")
    assert (found.version, found.score, found.output, found.environment) == (5, 0.5, [1, 2], "7")


def test_columns__of_two_types_in_two_files__are_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"request_id": ["a"], "model_version": [5]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"request_id": ["b"], "model_version": ["v6"], "score": [0.5]}), tmp_path / "b.parquet")
    log = EmbeddedInferenceLog(tmp_path)
    assert [(r.version, r.score) for i in "ab" for r in log.find(i)] == [(5, None), (6, 0.5)]


def test_mapping__of_a_column_that_is_not_there__names_those_that_are(tmp_path: Path) -> None:
    pq.write_table(table(rows()), tmp_path / "a.parquet")
    log = EmbeddedInferenceLog(tmp_path, columns=LogColumns.parse({"version": "modelversion"}))
    error = said(log.check)
    assert isinstance(error, SettingsError)
    assert "no column modelversion" in error.message
    assert "model_version" in error.hint
    assert said(lambda: log.find("x")).message == error.message


def test_mapping__that_confuses_two_columns__is_answered_by_what_it_says(tmp_path: Path) -> None:
    """A version mapped to a text is no version, a time mapped to one no time, and one mapped to a number an error."""
    pq.write_table(table(rows()), tmp_path / "a.parquet")
    wrong = EmbeddedInferenceLog(tmp_path, columns=LogColumns.parse({"version": "environment"}))
    (found,) = wrong.find(rows()[3].request_id)
    assert (found.version, found.version_text) == (None, "production")
    swapped = EmbeddedInferenceLog(tmp_path, columns=LogColumns.parse({"time": "model_name"}))
    assert swapped.find(rows()[3].request_id)[0].time is None
    swapped = EmbeddedInferenceLog(tmp_path, columns=LogColumns.parse({"time": "score"}))
    assert isinstance(said(lambda: swapped.find(rows()[3].request_id)), SettingsError)
