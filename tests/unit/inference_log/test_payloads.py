from __future__ import annotations

from typing import Any

import pytest

from services.adapters.inference_log.columns import LogColumns
from services.adapters.inference_log.payloads import unpack_answer, unpack_request
from services.adapters.inference_log.rows import records_of
from services.domain.why.predictions import MASK, PredictionRecord, masked

ROWS = ({"age": 39, "income": 5.5}, {"age": 61, "income": 1.5})
V2 = [{"name": "age", "shape": [2, 1], "datatype": "INT64", "data": [39, 61]},
      {"name": "income", "shape": [2], "datatype": "FP64", "data": [5.5, 1.5]}]  # fmt: skip
NAMED: list[Any] = [
    {"dataframe_split": {"columns": ["age", "income"], "data": [[39, 5.5], [61, 1.5]]}},
    {"dataframe_records": [*ROWS]},
    {"instances": [*ROWS]},
    {"inputs": [*ROWS]},
    {"inputs": {"age": [39, 61], "income": [5.5, 1.5]}},
    {"inputs": V2},
    {"columns": ["age", "income"], "data": [[39, 5.5], [61, 1.5]]},
    {"data": {"names": ["age", "income"], "ndarray": [[39, 5.5], [61, 1.5]]}},
    {"data": {"names": ["age", "income"], "tensor": {"shape": [2, 2], "values": [39, 5.5, 61, 1.5]}}},
    [*ROWS],
]
NAMELESS: list[Any] = [
    {"instances": [[39, 5.5], [61, 1.5]]},
    {"inputs": [[39, 5.5], [61, 1.5]]},
    {"dataframe_split": {"data": [[39, 5.5], [61, 1.5]]}},
    {"inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP64", "data": [39, 5.5, 61, 1.5]}]},
    {"data": {"ndarray": [[39, 5.5], [61, 1.5]]}},
]
BROKEN: list[Any] = [
    {"dataframe_split": {"columns": ["age", "income"], "data": [[39]]}},
    {"dataframe_split": {"columns": ["age", "age"], "data": [[39, 1]]}},
    {"dataframe_split": [1]},
    {"dataframe_records": [[39]]},
    {"inputs": {"age": [39, 61], "income": [5.5]}},
    {"inputs": [{"name": "x", "shape": [3], "datatype": "FP64", "data": [1]}]},
    {"instances": [{"age": 39}, [61]]},
]


def records(asked: Any, output: Any = None) -> list[PredictionRecord]:
    return records_of({"request_id": "r", "inputs": asked, "output": output}, "log", LogColumns())


@pytest.mark.parametrize("asked", NAMED)
def test_request__with_names__is_rows_by_name_and_masked_by_name(asked: Any) -> None:
    assert unpack_request(asked).rows == ROWS
    made = [masked(record, ["income"]) for record in records(asked, {"predictions": [1, 0]})]
    assert [(dict(r.inputs), r.output) for r in made] == [
        ({"age": 39, "income": MASK}, 1),
        ({"age": 61, "income": MASK}, 0),
    ]


@pytest.mark.parametrize("asked", [*NAMELESS, *BROKEN])
def test_request__whose_values_have_no_certain_names__is_masked_whole(asked: Any) -> None:
    for record in records(asked):
        assert not (record.has_names and record.is_understood)
        assert set(masked(record, ["income"]).inputs.values()) <= {MASK}
        assert masked(record, []) == record


@pytest.mark.parametrize("asked", BROKEN)
def test_request__that_is_not_as_its_name_promises__has_no_inputs_and_says_why(asked: Any) -> None:
    (record,) = records(asked)
    assert not record.inputs
    assert record.notes[0].startswith("The request")


@pytest.mark.parametrize("plain", [{"age": 39}, {"inputs": [1, 2], "age": 3}, {"instances": "all", "x": 1}, {}])
def test_inputs__of_a_plain_log__stay_as_they_are(plain: dict[str, Any]) -> None:
    (record,) = records(plain, [0.3, 0.7])
    assert (record.inputs, record.output, record.rows) == (plain, [0.3, 0.7], 1)


def test_answer__with_another_number_of_values__belongs_to_no_row() -> None:
    made = records(NAMED[0], {"predictions": [1, 0, 1]})
    assert [r.output for r in made] == [None, None]
    assert "which belong together is unknown" in made[0].notes[0]


def test_answer__bare_nan__is_kept() -> None:
    (record,) = records({"dataframe_records": [{"age": 1}]}, '{"predictions": [NaN]}')
    assert record.output != record.output


@pytest.mark.parametrize("status", [400, 404, 500, "503", 0])
def test_request__that_failed__has_no_answer(status: Any) -> None:
    row = {"request_id": "r", "inputs": {"age": 1}, "output": '{"error": "x"}', "status": status}
    (record,) = records_of(row, "log", LogColumns())
    assert record.failure
    assert record.output is None


@pytest.mark.parametrize("status", [200, "200", None, True, "OK", 302])
def test_request__that_did_not_fail__keeps_its_answer(status: Any) -> None:
    (record,) = records_of({"request_id": "r", "output": 1, "status": status}, "log", LogColumns())
    assert (record.failure, record.output) == ("", 1)


def test_mask__of_a_name_deeper_down_or_in_a_text__hides_it_everywhere() -> None:
    inputs = {"who": {"income": 5, "age": 39}, "raw": '{"income": 5}', "list": [{"income": 5}], "torn": '{"income": 5'}
    record = masked(PredictionRecord("r", None, inputs=inputs, output={"echo": {"income": 5}}), ["income"])
    assert "5" not in str(record.inputs) + str(record.output)
    assert record.inputs["who"] == {"income": MASK, "age": 39}


def test_server__that_names_its_own_model__is_quoted_and_not_believed() -> None:
    assert "need not be the registry's" in unpack_answer({"model_name": "m", "model_version": "1", "outputs": []}).said
