from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.adapters.inference_log.columns import LogColumns
from services.adapters.inference_log.embedded import EmbeddedInferenceLog
from services.adapters.inference_log.ids import days_of, time_of
from services.adapters.inference_log.limits import Limits
from services.domain.why.predictions import PredictionQuery
from services.errors import InvalidInputError, SettingsError, UpstreamError
from services.ports.predictions import DateRange
from tests.contract.inference_log.contract import QUESTIONS, Question
from tests.contract.inference_log.shelf import START, rows, table, uuid7, write_delta, write_parquet


@pytest.fixture(scope="module", params=[write_parquet, write_delta], ids=["parquet", "delta"])
def shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    write: Callable[[Path], Path] = request.param
    return write(tmp_path_factory.mktemp("log") / "predictions")


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.__name__)
def test_embedded_log(shelf: Path, question: Question) -> None:
    question(EmbeddedInferenceLog(shelf))


def test_embedded_log__other_names_of_columns__are_mapped(tmp_path: Path) -> None:
    pq.write_table(table(rows()).rename_columns(["id", "at", "env", "m", "v", "x", "y", "p"]), tmp_path / "a.parquet")
    names = {"request_id": "id", "time": "at", "environment": "env", "model": "m", "version": "v"}
    columns = LogColumns.parse(names | {"inputs": "x", "output": "y", "score": "p"})
    for question in QUESTIONS:
        question(EmbeddedInferenceLog(tmp_path, columns=columns))


def test_embedded_log__milliseconds_and_inputs_as_columns__are_read(tmp_path: Path) -> None:
    made = pa.table({"request_id": ["a"], "ms": [1_700_000_000_123], "age": [39.0], "sex": ["F"]})
    pq.write_table(made, tmp_path / "a.parquet")
    log = EmbeddedInferenceLog(tmp_path, columns=LogColumns.parse({"time_ms": "ms"}, ["age", "sex"]))
    (found,) = log.find("a")
    assert found.time is not None
    assert found.time.isoformat() == "2023-11-14T22:13:20.123000+00:00"
    assert found.inputs == {"age": 39.0, "sex": "F"}
    (again,) = log.search(
        PredictionQuery("", found.time, found.time + timedelta(seconds=1), inputs={"age": "39", "sex": "F"})
    )
    assert again == found


def test_embedded_log__struct_of_inputs__is_read_and_searched(tmp_path: Path) -> None:
    made = pa.table(
        {"request_id": ["a"], "time": pa.array([START], pa.timestamp("us", tz="UTC")), "inputs": [{"age": 39}]}
    )
    pq.write_table(made, tmp_path / "a.parquet")
    log = EmbeddedInferenceLog(tmp_path)
    assert log.find("a")[0].inputs == {"age": 39}
    assert len(log.search(PredictionQuery("", START, START + timedelta(hours=1), inputs={"age": "39"}))) == 1


def test_embedded_log__named_column_is_missing__is_said_with_what_is_there(tmp_path: Path) -> None:
    pq.write_table(table(rows()), tmp_path / "a.parquet")
    log = EmbeddedInferenceLog(tmp_path, columns=LogColumns.parse({"version": "served_version"}))
    with pytest.raises(SettingsError, match="no column served_version") as caught:
        log.check()
    assert "model_version" in caught.value.hint


def test_columns__field_that_no_record_has__is_refused() -> None:
    with pytest.raises(SettingsError, match="names colour"):
        LogColumns.parse({"colour": "x"})


def test_embedded_log__id_without_time_in_a_large_log__is_refused_before_it_is_read(shelf: Path) -> None:
    log = EmbeddedInferenceLog(shelf, limits=Limits(scan_bytes=100))
    with pytest.raises(InvalidInputError, match="would look through") as caught:
        log.find("order-17")
    assert caught.value.code == "scan_too_large"
    day = DateRange(date(2026, 11, 19), date(2026, 11, 19))
    assert len(log.find("order-17", days=day)) == 2  # told the day it may


def test_embedded_log__file_that_is_none__is_said(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"rubbish")
    with pytest.raises(UpstreamError, match="cannot be read"):
        EmbeddedInferenceLog(tmp_path).find("a")


def test_embedded_log__folder_that_is_gone__is_said_by_the_check(tmp_path: Path) -> None:
    log = EmbeddedInferenceLog(tmp_path / "nowhere")
    assert list(log.find("a")) == []
    with pytest.raises(SettingsError, match="is not a folder"):
        log.check()


def test_embedded_log__row_filed_on_another_day_than_its_id_says__is_found(tmp_path: Path) -> None:
    late = uuid7(START, 1)
    place = tmp_path / "day=2026-12-24"
    place.mkdir()
    pq.write_table(table([rows()[0].__class__(late, START, None, "census", "5", {}, 1, None)]), place / "a.parquet")
    assert len(EmbeddedInferenceLog(tmp_path).find(late)) == 1


def test_embedded_log__too_slow__is_stopped(tmp_path: Path) -> None:
    made = pa.concat_tables([table(rows())] * 5_000)
    pq.write_table(made, tmp_path / "a.parquet")
    with pytest.raises(UpstreamError, match="longer than"):
        EmbeddedInferenceLog(tmp_path, limits=Limits(seconds=0.01)).search(
            PredictionQuery("census", START, START + timedelta(days=2), inputs={"age": "-1"})
        )


def test_delta__with_deletion_vectors__is_refused(tmp_path: Path) -> None:
    folder = write_delta(tmp_path / "log")
    first = min((folder / "_delta_log").glob("*.json"))
    text = first.read_text()
    assert '"protocol"' in text
    vectors = '{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors"],"writerFeatures":["deletionVectors"]}}'
    lines = [vectors if '"protocol"' in line else line for line in text.splitlines()]
    first.write_text("\n".join(lines))
    with pytest.raises(SettingsError, match="deletionVectors"):
        EmbeddedInferenceLog(folder).find("order-17")
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("request_id", "told"),
    [
        (uuid7(START, 5), START),
        ("01BX5ZZKBKACTAV9WEVGEMMVRY", None),
        ("3f2504e0-4f89-41d3-9a0c-0305e82c3301", None),
        ("order-17", None),
        ("ZZZZZZZZZZZZZZZZZZZZZZZZZZ", None),
    ],
)
def test_time_of_id__uuid7_and_ulid_tell_it(request_id: str, told: object) -> None:
    if request_id.startswith("01BX"):
        assert time_of(request_id) is not None
    else:
        assert time_of(request_id) == told
        assert (days_of(request_id) is None) is (told is None)
