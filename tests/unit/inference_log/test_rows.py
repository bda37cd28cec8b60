from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from services.adapters.inference_log.columns import LogColumns
from services.adapters.inference_log.rows import as_time, as_version, records_of

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
