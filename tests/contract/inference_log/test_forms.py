"""Logs in the forms that serving systems write: read with everything that they say, or refused in plain words."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.truth.logs import (
    NOW,
    plain_row,
    write_collector,
    write_delta,
    write_gateway_table,
    write_inference_table,
    write_parquet,
)
from services.adapters.inference_log.columns import LogColumns
from services.adapters.inference_log.embedded import EmbeddedInferenceLog
from services.adapters.inference_log.limits import Limits
from services.domain.why.predictions import PredictionQuery, PredictionRecord, left_out_of
from services.errors import PortalError, SettingsError
from services.ports.predictions import DateRange

WINDOW = (NOW - timedelta(days=1), NOW + timedelta(days=1))


def one(folder: Path, request_id: str, columns: LogColumns | None = None) -> PredictionRecord:
    (record,) = EmbeddedInferenceLog(folder, columns=columns).find(request_id)
    return record


def lines(path: Path, *values: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return path


def test_delta__partitioned_by_the_model__each_row_keeps_its_own_model(tmp_path: Path) -> None:
    """Case 1: the model's name stands in the folder alone."""
    from deltalake import write_deltalake

    rows = [plain_row(request_id="txn-77", model_name="fraud-scorer", model_version="3"), plain_row()]
    write_deltalake(str(tmp_path), pa.Table.from_pylist(rows), partition_by=["model_name"])
    record = one(tmp_path, "txn-77")
    assert (record.model, record.version) == ("fraud-scorer", 3)
    found = EmbeddedInferenceLog(tmp_path).search(PredictionQuery("fraud-scorer", *WINDOW))
    assert [r.request_id for r in found] == ["txn-77"]


def test_mapping__to_a_partition__is_a_column(tmp_path: Path) -> None:
    """Case 2."""
    write_delta("model_name")(tmp_path, plain_row())
    assert one(tmp_path, "req-1", LogColumns.parse({"model": "model_name"})).model == "loans"
    with pytest.raises(SettingsError, match="no column model_nam"):
        EmbeddedInferenceLog(tmp_path, columns=LogColumns.parse({"model": "model_nam"})).check()


@pytest.mark.parametrize(
    ("protocol", "configuration"),
    [
        ({"minReaderVersion": 2, "minWriterVersion": 5}, {"delta.columnMapping.mode": "name"}),
        ({"minReaderVersion": 2, "minWriterVersion": 5}, {"delta.columnMapping.mode": "id"}),
        (
            {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["columnMapping"],
             "writerFeatures": ["columnMapping"]},
            {"delta.columnMapping.mode": "name"},
        ),
        (
            {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["typeWidening"],
             "writerFeatures": ["typeWidening"]},
            {},
        ),
    ],
)  # fmt: skip
def test_delta__with_features_that_change_how_files_are_read__is_refused(
    tmp_path: Path, protocol: dict[str, Any], configuration: dict[str, str]
) -> None:
    """Case 3: by any protocol version, never read by the names in the files."""
    write_delta()(tmp_path, plain_row())
    log = next((tmp_path / "_delta_log").glob("*.json"))
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    for entry in entries:
        if "protocol" in entry:
            entry["protocol"] = protocol
        if "metaData" in entry:
            entry["metaData"]["configuration"] |= configuration
    log.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    for call in (lambda: EmbeddedInferenceLog(tmp_path).check(), lambda: one(tmp_path, "req-1")):
        with pytest.raises(PortalError) as caught:
            call()
        assert "spark or databricks" in caught.value.sentence() or "cannot be read" in caught.value.sentence()


def test_delta__reader_version_2_without_mapping__is_read(tmp_path: Path) -> None:
    write_delta()(tmp_path, plain_row())
    log = next((tmp_path / "_delta_log").glob("*.json"))
    log.write_text(log.read_text().replace('"minReaderVersion":1', '"minReaderVersion":2'))
    assert one(tmp_path, "req-1").version == 5


@pytest.mark.parametrize(
    "folders",
    [
        ("day=2026-11-20", "hour=10"), ("year=2026", "month=11", "day=20"), ("model_name=loans", "day=2026-11-20"),
        ("day=2026-11-20", "model_name=loans"), ("2026", "11", "20", "10"), ("2026-11-20",), ("endpoint", "2026", "11", "20"),
    ],
    ids="/".join,
)  # fmt: skip
def test_folders__of_any_depth__are_read_with_their_values(tmp_path: Path, folders: tuple[str, ...]) -> None:
    """Case 4."""
    write_parquet(*folders)(tmp_path, plain_row())
    log = EmbeddedInferenceLog(tmp_path)
    assert "1 files" in log.check()
    day = NOW.date()
    for days in (None, DateRange(day, day)):
        (record,) = log.find("req-1", days=days)
        assert (record.model, record.version) == ("loans", 5)
    yesterday = day - timedelta(days=1)
    assert list(log.find("req-1", days=DateRange(yesterday, yesterday))) == []
    assert [r.request_id for r in log.search(PredictionQuery("loans", *WINDOW))] == ["req-0", "req-1"]
    assert list(log.search(PredictionQuery("other", *WINDOW))) == []
    assert len(log.recent()) == 2


def test_folders__that_contradict_the_row__neither_counts(tmp_path: Path) -> None:
    place = tmp_path / "model_name=fraud"
    place.mkdir()
    pq.write_table(pa.Table.from_pylist([plain_row()]), place / "a.parquet")
    record = one(tmp_path, "req-1")
    assert record.model is None
    assert record.notes == ("The row says model_name loans and its folder says fraud: neither counts.",)


def test_folders__with_a_null_or_an_escaped_value__are_read_as_such(tmp_path: Path) -> None:
    write_parquet("model_name=x")(tmp_path / "a", plain_row(model_name=None))
    write_parquet("model_name=x")(tmp_path / "b", plain_row(request_id="req-2", model_name="a%2Fb%20c"))
    assert one(tmp_path / "a", "req-1").model is None
    assert one(tmp_path / "b", "req-2").model == "a/b c"


@pytest.mark.parametrize(("name", "content"), [("a.csv", "request_id\nreq-1\n"), ("a.avro", "x"), ("b.orc", "x")])
def test_folder__with_files_that_cannot_be_read__is_never_ok(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    log = EmbeddedInferenceLog(tmp_path)
    with pytest.raises(SettingsError, match="none of which can be read") as caught:
        log.check()
    assert Path(name).suffix in caught.value.message
    assert [item.what for item in left_out_of(log.find("req-1"))] == [f"1 file ({Path(name).suffix})"]


@pytest.mark.parametrize("name", ["_old/part.parquet", ".part.parquet", "_day=2026-11-20/hour=1/a.parquet"])
def test_folder__rows_under_a_name_that_is_skipped__are_named(tmp_path: Path, name: str) -> None:
    """Case 4: a folder of nothing but such files is not an empty log."""
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([plain_row()]), tmp_path / name)
    with pytest.raises(PortalError, match="1 file"):
        EmbeddedInferenceLog(tmp_path).check()
    pq.write_table(pa.Table.from_pylist([plain_row()]), tmp_path / "a.parquet")
    assert "not read: 1 file" in EmbeddedInferenceLog(tmp_path).check()


def test_folder__with_a_table_inside__is_refused_and_not_read_as_bare_files(tmp_path: Path) -> None:
    """Files that the table no longer counts would be read as well."""
    write_delta()(tmp_path / "table", plain_row())
    with pytest.raises(SettingsError, match="is a Delta table, inside the folder"):
        EmbeddedInferenceLog(tmp_path).find("req-1")


def test_folder__that_links_to_itself__ends(tmp_path: Path) -> None:
    write_parquet("day=2026-11-20")(tmp_path, plain_row())
    (tmp_path / "day=2026-11-20" / "loop").symlink_to(tmp_path)
    assert len(EmbeddedInferenceLog(tmp_path).find("req-1")) == 1


def test_inference_table__legacy__is_read_without_any_mapping(tmp_path: Path) -> None:
    """Case 5."""
    write_inference_table(tmp_path, plain_row())
    for request_id in ("req-1", "c-1"):
        record = one(tmp_path, request_id)
        assert (record.model, record.version, record.inputs, record.output) == ("loans", 5, {"age": 39}, 1)
        assert (record.time, record.protocol) == (NOW, "mlflow")
    found = EmbeddedInferenceLog(tmp_path).search(PredictionQuery("loans", *WINDOW, inputs={"age": "39"}))
    assert len(found) == 1


def test_inference_table__of_the_gateway__has_a_version_where_the_settings_list_it(tmp_path: Path) -> None:
    write_gateway_table(tmp_path, plain_row())
    record = one(tmp_path, "req-1")
    assert record.key is None
    assert "COUNTERSIGN_PREDICTIONS_SERVED" in record.notes[0]
    listed = LogColumns.parse({}, served_entities={"0b5f": "main.risk.loans/5"})
    record = one(tmp_path, "req-1", listed)
    assert (record.model, record.version) == ("main.risk.loans", 5)


def test_inference_table__newest_generation__is_read(tmp_path: Path) -> None:
    made = {"invocation_id": "i-1", "event_time": NOW, "status_code": 429, "latency_ms": 3, "request": "{}"}
    pq.write_table(
        pa.Table.from_pylist([made | {"logging_error_codes": ["MAX_REQUEST_SIZE_EXCEEDED"]}]), tmp_path / "a.parquet"
    )
    record = one(tmp_path, "i-1")
    assert record.failure == "status 429"
    assert "MAX_REQUEST_SIZE_EXCEEDED" in record.notes[0]


def test_traces__of_mlflow_kept_as_a_table__are_predictions(tmp_path: Path) -> None:
    made = {"trace_id": "tr-1", "client_request_id": "c-9", "request_time": NOW, "state": "OK",
            "request": '{"age": 39}', "response": "1"}  # fmt: skip
    failed = made | {"trace_id": "tr-2", "state": "ERROR", "response": None}
    pq.write_table(pa.Table.from_pylist([made, failed]), tmp_path / "a.parquet")
    assert (one(tmp_path, "tr-1").inputs, one(tmp_path, "tr-1").output) == ({"age": 39}, 1)
    assert one(tmp_path, "tr-2").failure == "state ERROR"


def test_request__with_several_rows__is_several_predictions(tmp_path: Path) -> None:
    asked = {"dataframe_split": {"columns": ["age"], "data": [[39], [61], [25]]}}
    row = plain_row(inputs=json.dumps(asked), output=json.dumps({"predictions": [1, 0, 0]}))
    write_parquet()(tmp_path, row)
    found = EmbeddedInferenceLog(tmp_path).find("req-1")
    assert [(r.request_id, r.inputs["age"], r.output) for r in found] == [
        ("req-1#1", 39, 1), ("req-1#2", 61, 0), ("req-1#3", 25, 0),
    ]  # fmt: skip
    assert one(tmp_path, "req-1#2").inputs == {"age": 61}
    assert list(EmbeddedInferenceLog(tmp_path).find("req-1#4")) == []


def test_collector__inputs_and_outputs__are_joined(tmp_path: Path) -> None:
    """Case 6."""
    write_collector(tmp_path, plain_row())
    columns = LogColumns.parse({}, fixed={"model": "loans", "environment": "production"})
    record = one(tmp_path, "req-1", columns)
    assert (record.model, record.version, record.inputs, record.output) == ("loans", 5, {"age": 39}, {"label": 1})
    assert one(tmp_path, "e-inputs", columns).request_id == "req-1"
    assert "2 of JSON lines" in EmbeddedInferenceLog(tmp_path).check()
    assert EmbeddedInferenceLog(tmp_path, columns=columns).recent()[0].request_id == "req-1"


def test_collector__only_the_outputs__inputs_are_unknown_and_said(tmp_path: Path) -> None:
    event = {"specversion": "1.0", "id": "a1", "type": "azureml.inference.outputs", "correlationid": "c-1",
             "source": "/subscriptions/s/endpoints/e/deployments/blue", "time": "2026-11-28T10:00:00Z",
             "xrequestid": "3fd0", "modelversion": "4", "data": [{"label": 1, "score": 0.81}]}  # fmt: skip
    lines(tmp_path / "2026" / "11" / "28" / "10" / "a.jsonl", event)
    for request_id in ("c-1", "3fd0", "a1"):
        record = one(tmp_path, request_id)
        assert (record.model, record.version, dict(record.inputs)) == (None, 4, {})
        assert "No event with the inputs of this request is in the log." in record.notes
        assert "Collected at the endpoint e, deployment blue." in record.notes


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"contentrange": "bytes 0-99/300"}, "Only a part of the inputs"),
        ({"dataref": "https://x/y", "data": None}, "kept elsewhere"),
        ({"data_base64": "e30=", "data": None}, "in a form that is not read"),
    ],
)
def test_collector__payload_that_is_not_whole__is_unknown(tmp_path: Path, change: dict[str, Any], word: str) -> None:
    asked = {
        "specversion": "1.0",
        "id": "1",
        "type": "azureml.inference.inputs",
        "correlationid": "c",
        "data": [{"age": 3}],
    }
    event = {k: v for k, v in (asked | change).items() if v is not None}
    answered = {"specversion": "1.0", "id": "2", "type": "azureml.inference.outputs", "correlationid": "c", "data": [1]}
    lines(tmp_path / "a.jsonl", event, answered)
    record = one(tmp_path, "c")
    assert (dict(record.inputs), record.output) == ({}, 1)
    assert any(word in note for note in record.notes)


@pytest.mark.parametrize(
    ("kind", "join"), [("org.kubeflow.serving.inference", "id"), ("io.seldon.serving.inference", "requestid")]
)
def test_events__of_kserve_and_seldon__are_joined_and_take_the_servers_word_for_nothing(
    tmp_path: Path, kind: str, join: str
) -> None:
    asked = {"inputs": [{"name": "age", "shape": [2], "datatype": "FP64", "data": [39, 61]}]}
    answered = {"model_name": "loans", "model_version": "1",
                "outputs": [{"name": "y", "shape": [2], "datatype": "INT64", "data": [1, 0]}]}  # fmt: skip
    shared = {"specversion": "1.0", "inferenceservicename": "loans", "time": "2026-11-20T10:00:00Z"}
    lines(
        tmp_path / "a.jsonl",
        {**shared, "id": "r1" if join == "id" else "x", join: "r1", "type": f"{kind}.request", "data": asked},
        {**shared, "id": "r1" if join == "id" else "y", join: "r1", "type": f"{kind}.response", "data": answered},
    )
    first, second = EmbeddedInferenceLog(tmp_path).find("r1")
    assert (first.inputs, first.output, second.inputs, second.output) == ({"age": 39}, 1, {"age": 61}, 0)
    assert first.key is None
    assert any("need not be the registry's" in note for note in first.notes)


def test_bentoml__id_of_the_header__finds_the_number_of_the_log(tmp_path: Path) -> None:
    """Case 31: hexadecimal in the header, decimal in the log."""
    schema = {"meta_data": {"bento_name": "b"}, "columns": [
        {"name": "age", "role": "feature", "type": "numerical"}, {"name": "y", "role": "prediction", "type": "numerical"},
    ]}  # fmt: skip
    number = 0xAB54A98CEB1F0AD2
    lines(tmp_path / "m" / "schema" / "schema.1.log", schema)
    row = {"age": 39, "y": 1, "timestamp": "2026-11-20T10:00:00", "request_id": str(number), "trace_id": "7"}
    lines(tmp_path / "m" / "data" / "data.1.log.2026-11-20", row)
    columns = LogColumns.parse({}, log_format="bentoml")
    for request_id in (f"{number:x}", str(number)):
        record = one(tmp_path, request_id, columns)
        assert (record.request_id, record.inputs, record.output) == (str(number), {"age": 39}, 1)
        assert any("local time" in note for note in record.notes)
    assert list(EmbeddedInferenceLog(tmp_path).find(f"{number:x}")) == []  # only where the log is declared BentoML's


def test_lines__that_are_no_json__are_counted_and_said(tmp_path: Path) -> None:
    path = lines(tmp_path / "day=2026-11-20" / "a.jsonl", plain_row(time=NOW.isoformat()))
    path.write_text(path.read_text() + "half a li")
    found = EmbeddedInferenceLog(tmp_path).search(PredictionQuery("loans", *WINDOW))
    assert [r.request_id for r in found] == ["req-1"]
    assert [item.sentence() for item in found.left_out] == ["1 lines not checked: they are not JSON objects."]
    (tmp_path / "b.log").write_text("INFO started\n")
    (tmp_path / "day=2026-11-20" / "a.jsonl").unlink()
    with pytest.raises(SettingsError, match="no line that is a JSON object"):
        EmbeddedInferenceLog(tmp_path).check()


@pytest.mark.parametrize(("value", "ids"), [("5", ["a", "b"]), ("nan", ["c"]), ("4", [])])
def test_numbers__beside_not_a_number__are_compared_after_reading(tmp_path: Path, value: str, ids: list[str]) -> None:
    """The file's own statistics leave NaN out: a filter inside it finds too much or nothing."""
    made = pa.table({"request_id": ["a", "b", "c"], "time": [NOW] * 3, "x": [5.0, 5.0, float("nan")]})
    pq.write_table(made, tmp_path / "a.parquet")
    log = EmbeddedInferenceLog(tmp_path, columns=LogColumns.parse({}, ["x"]))
    found = log.search(PredictionQuery("", *WINDOW, inputs={"x": value}))
    assert sorted(r.request_id for r in found) == ids


def test_recent__more_than_may_be_read__says_what_was_left_out(tmp_path: Path) -> None:
    for number in range(3):
        pq.write_table(pa.Table.from_pylist([plain_row(request_id=f"r{number}")]), tmp_path / f"{number}.parquet")
    found = EmbeddedInferenceLog(tmp_path, limits=Limits(scan_bytes=10)).recent()
    assert [r.request_id for r in found] == ["r2"]
    assert [item.what for item in found.left_out] == ["2 of 3 files"]


def test_search__rows_that_name_no_model__are_of_no_model_and_counted(tmp_path: Path) -> None:
    pq.write_table(pa.table({"request_id": ["a"], "time": [NOW]}), tmp_path / "a.parquet")
    found = EmbeddedInferenceLog(tmp_path).search(PredictionQuery("loans", *WINDOW))
    assert (list(found), [item.what for item in found.left_out]) == ([], ["1 predictions"])
    fixed = LogColumns.parse({}, fixed={"model": "loans"})
    assert len(EmbeddedInferenceLog(tmp_path, columns=fixed).search(PredictionQuery("loans", *WINDOW))) == 1


def test_fixed__only_what_can_be_the_same_in_every_row(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="names version"):
        LogColumns.parse({}, fixed={"version": "5"})
    write_parquet()(tmp_path, plain_row())
    record = one(tmp_path, "req-1", LogColumns.parse({}, fixed={"model": "fraud"}))
    assert record.model is None


def test_time__of_records__stays_in_utc(tmp_path: Path) -> None:
    lines(tmp_path / "a.jsonl", plain_row(time="2026-11-20T11:00:00+01:00"))
    assert one(tmp_path, "req-1").time == datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
