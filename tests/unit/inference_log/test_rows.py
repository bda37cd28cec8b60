from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from services.adapters.inference_log.columns import LogColumns
from services.adapters.inference_log.rows import as_time, as_version, records_of
from services.domain.why.predictions import masked

EARLIEST = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
LATEST = datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-12)))
NOON = datetime(2026, 10, 25, 12, 0, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        NOON,
        NOON.replace(tzinfo=None),
        NOON.astimezone(timezone(timedelta(hours=5, minutes=30))),
        "2026-10-25T12:00:00.000001Z",
        "2026-10-25T13:00:00.000001+01:00",
        "2026-10-25 12:00:00.000001",
        1792929600000001,
    ],
)
def test_time__as_logs_write_it__is_the_same_moment_in_utc(value: Any) -> None:
    assert as_time(value) == NOON


@pytest.mark.parametrize("value", [None, "", "soon", True, math.nan, math.inf, 10**30, EARLIEST, LATEST, [1]])
def test_time__that_is_none__is_unknown_and_no_failure(value: Any) -> None:
    assert as_time(value) is None


@pytest.mark.parametrize(
    ("value", "version"),
    [(5, 5), ("5", 5), ("v5", 5), (5.0, 5), (" 5 ", 5), (0, None), (-1, None), ("champion", None), ("\u0665", None), ("9" * 5000, None), (5.5, None), (math.inf, None), (True, None), (None, None)],
)  # fmt: skip
def test_version__as_logs_write_it__is_a_number_or_unknown(value: Any, version: int | None) -> None:
    assert as_version(value) == version


def test_record__inputs_nested_without_end__are_kept_as_text() -> None:
    (record,) = records_of({"request_id": "p", "inputs": "[" * 100_000}, "log", LogColumns())
    assert record.inputs == {"value": "[" * 100_000}


@pytest.mark.parametrize(
    "inputs", [{"dataframe_records": []}, {"instances": []}, {"dataframe_split": {"columns": ["a"], "data": []}}]
)
def test_record__of_a_request_without_rows__is_there_and_says_so(inputs: Any) -> None:
    """Case 5: a request that asked for nothing is in the log, and is not reported as an unknown id."""
    (record,) = records_of({"request_id": "p", "inputs": inputs, "output": {"predictions": []}}, "log", LogColumns())
    assert (record.request_id, record.inputs, record.output) == ("p", {}, None)
    assert "The request holds no rows." in record.notes


SPLIT = {"columns": ["income", "age"], "data": [[52000, 7177]]}


@pytest.mark.parametrize(
    "inputs",
    [
        {"dataframe_split": json.dumps(SPLIT)}, {"dataframe_split": SPLIT, "inputs": {"x": 1}}, {"body": {"dataframe_split": SPLIT}},
        {"DATAFRAME_SPLIT": SPLIT}, json.dumps({"payload": json.dumps(SPLIT)}), "income,age\n52000,7177", "income=5&age=7177",
        [52000, 7177], [["income", "age"], [52000, 7177]], {"rows": [["income", "age"], [52000, 7177]]}, {"pairs": [["age", 7177]]},
        {"tensors": [{"name": "age", "shape": [1], "data": [7177]}]}, '{"age": 7177, "inco', "age: 7177", 7177, "7177",
        {"note": "age=7177"},
    ],
)  # fmt: skip
def test_masked__of_any_form_of_payload__shows_no_value_of_the_column(inputs: Any) -> None:
    """Case 5: also where the form is nested, encoded twice, cut off, or not known."""
    for record in records_of({"request_id": "p", "inputs": inputs, "output": 1}, "log", LogColumns()):
        assert "7177" not in str(masked(record, ["age"]))


def test_masked__leaves_what_only_mentions_the_column() -> None:
    inputs = {"note": "the age of the house", "income": 5, "ageing": "x=1"}
    (record,) = records_of(
        {"request_id": "p", "inputs": inputs, "output": {"label": 1, "why": "age"}}, "log", LogColumns()
    )
    shown = masked(record, ["age"])
    assert (shown.inputs, shown.output) == (inputs, {"label": 1, "why": "age"})
