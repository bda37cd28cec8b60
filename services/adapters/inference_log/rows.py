"""From a row of any log to a prediction record, and from a wanted value to the texts that a log may hold for it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from services.adapters.inference_log.ids import EPOCH
from services.domain.why.predictions import PredictionRecord

VERSION_DIGITS = 18


def record_of(row: Mapping[str, Any], source: str, input_columns: Sequence[str] = ()) -> PredictionRecord:
    """`row` has the keys of `columns.FIELDS`, and those of the input columns; missing ones are None."""
    version = row.get("version")
    return PredictionRecord(
        request_id=str(row["request_id"]),
        time=as_time(row.get("time")),
        environment=_text(row.get("environment")),
        model=_text(row.get("model")),
        version=as_version(version),
        inputs=_inputs(row, input_columns),
        output=_json(row.get("output")),
        score=_number(row.get("score")),
        source=source,
        version_text="" if version is None else str(version),
    )


def as_time(value: Any) -> datetime | None:
    """A time from microseconds since 1970, an aware or naive (then UTC) datetime, or ISO text; None for no time."""
    try:
        return _as_time(value)
    except (ValueError, OverflowError):
        return None


def _as_time(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return EPOCH + timedelta(microseconds=value)
    if isinstance(value, str):
        return _as_time(datetime.fromisoformat(value))
    return None


def as_version(value: Any) -> int | None:
    """``5``, ``"5"``, ``"v5"`` or ``5.0``; None for anything else."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    text = str(value).strip().removeprefix("v") if value is not None else ""
    is_number = text.isascii() and text.isdigit() and len(text) <= VERSION_DIGITS
    return int(text) if is_number and int(text) > 0 else None


def spellings(value: str) -> tuple[str, ...]:
    """The texts that JSON may hold for a value that people write: ``39`` is also 39.0."""
    found = {value}
    try:
        number = float(value)
    except ValueError:
        return (value, value.lower()) if value in {"True", "False"} else (value,)
    if math.isfinite(number):
        found |= {repr(number)} | ({str(int(number))} if number.is_integer() else set())
    return tuple(sorted(found))


def holds(record: PredictionRecord, wanted: Mapping[str, str]) -> bool:
    """True when the record's inputs have these values; for logs that cannot look inside them."""
    return all(
        name in record.inputs and as_json_text(record.inputs[name]) in spellings(value)
        for name, value in wanted.items()
    )


def as_json_text(value: Any) -> str:
    """A value as JSON has it; a text without its quotes."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _inputs(row: Mapping[str, Any], input_columns: Sequence[str]) -> Mapping[str, Any]:
    parsed = _json(row.get("inputs"))
    logged = dict(parsed) if isinstance(parsed, Mapping) else {} if parsed is None else {"value": parsed}
    return logged | {name: row.get(name) for name in input_columns}


def _json(value: Any) -> Any:
    if hasattr(value, "asDict"):  # a Row of Spark
        return value.asDict(recursive=True)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
