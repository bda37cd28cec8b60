"""From a row of any log to a prediction record, and from a wanted value to the texts that a log may hold for it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.adapters.inference_log.columns import LogColumns
from services.adapters.inference_log.ids import EPOCH
from services.adapters.inference_log.payloads import Answer, Unpacked, unpack_answer, unpack_request
from services.domain.examined import LeftOut
from services.domain.why.predictions import PredictionQuery, PredictionRecord, row_wanted

VERSION_DIGITS = 18
ID_DIGITS = 40
FIRST_ANSWERED, FIRST_FAILED = 100, 400
FAILED_STATES = frozenset({"ERROR", "FAILED", "FAILURE", "TIMEOUT", "STATE_ERROR"})


def records_of(row: Mapping[str, Any], source: str, columns: LogColumns) -> list[PredictionRecord]:
    """The predictions of one logged request. `row` has the keys of `columns.FIELDS` and those of the input columns.

    A request with several rows is several predictions; where request and answer do not have equally many rows, which
    value belongs to which row is unknown and no output is given.
    """
    asked, answered = unpack_request(_json(row.get("inputs"))), unpack_answer(_json(row.get("output")))
    base = _base(row, source, columns)
    notes = [*base.notes, *filter(None, (asked.problem, answered.said))]
    inputs, outputs, doubt = _paired(asked, answered)
    notes += [doubt] if doubt else []
    if base.failure:
        outputs, base = [None] * len(inputs), replace(base, score=None)
    elif row.get("inputs") is None and not columns.input_columns and columns.inputs:
        notes.append("The request's payload is not in the log.")
    extra = {name: row.get(name) for name in columns.input_columns}
    common = replace(
        base, protocol=asked.protocol, has_names=asked.has_names, is_understood=not asked.problem, notes=tuple(notes)
    )
    if not inputs:
        return [replace(common, inputs=extra, score=None, notes=(*common.notes, "The request holds no rows."))]
    made = [replace(common, inputs={**one, **extra}, output=out) for one, out in zip(inputs, outputs, strict=True)]
    return made if len(made) == 1 else _numbered([replace(record, score=None) for record in made])


def _paired(asked: Unpacked, answered: Answer) -> tuple[list[Mapping[str, Any]], list[Any], str]:
    """Inputs and outputs of each row, and what is doubtful about them."""
    inputs: list[Mapping[str, Any]] = list(asked.rows)
    values = answered.values
    if not inputs:
        count = len(values) if values is not None else 1
        return [{}] * count, list(values) if values is not None else [answered.value], ""
    if values is None:
        several = len(inputs) > 1
        if several and isinstance(answered.value, list) and len(answered.value) == len(inputs):
            return inputs, list(answered.value), ""
        if several and answered.value is not None:
            return inputs, [None] * len(inputs), "Which part of the answer belongs to which row is unknown."
        return inputs, [answered.value] * len(inputs), ""
    if len(values) != len(inputs):
        counts = f"The request has {len(inputs)} rows and the answer {len(values)} values"
        return inputs, [None] * len(inputs), f"{counts}: which belong together is unknown."
    return inputs, list(values), ""


def _numbered(records: Sequence[PredictionRecord]) -> list[PredictionRecord]:
    return [
        replace(r, request_id=f"{r.request_id}#{i}", of_request=r.request_id, row=i, rows=len(records))
        for i, r in enumerate(records, 1)
    ]


def _base(row: Mapping[str, Any], source: str, columns: LogColumns) -> PredictionRecord:
    """Everything but inputs and output."""
    version, model = row.get("version"), _text(row.get("model"))
    notes = list(row.get("notes") or ())
    served = _text(row.get("served"))
    if served:
        model, version, counts = _by_served(served, model, version, columns)
        notes += [counts] if counts else []
    environment = _text(row.get("environment"))
    model, more = _fixed("model", model, columns)
    environment, again = _fixed("environment", environment, columns)
    trouble = _trouble(row.get("trouble"))
    notes += [*more, *again, *([f"The log says of the payload: {trouble}."] if trouble else [])]
    own, other = row.get("request_id"), _text(row.get("other_id"))
    return PredictionRecord(
        request_id=str(own if own not in {None, ""} else other or ""),
        time=as_time(row.get("time")),
        environment=environment,
        model=model,
        version=as_version(version),
        score=_number(row.get("score")),
        source=source,
        version_text="" if version is None else str(version),
        other_id=other or "",
        failure=_failure(row.get("status")),
        notes=tuple(notes),
    )


def _by_served(served: str, model: str | None, version: Any, columns: LogColumns) -> tuple[str | None, Any, str]:
    """Model and version of a served entity, as the settings list it; where the row says otherwise, neither counts."""
    name, sign, number = columns.served_entities.get(served, "").rpartition("/")
    if not sign:
        hint = "which model and version that is, the log does not say; list it in COUNTERSIGN_PREDICTIONS_SERVED"
        return model, version, "" if model and version is not None else f"Served by {served}: {hint}."
    if (model and model != name) or (version is not None and as_version(version) != as_version(number)):
        return None, None, f"The row says {model} {version}, and {served} is {name} {number}: neither counts."
    return name, number, ""


def _fixed(what: str, value: str | None, columns: LogColumns) -> tuple[str | None, list[str]]:
    said = columns.fixed.get(what)
    if said is None or said == value:
        return value, []
    if value is None:
        return said, [f"The {what} {said} is from the settings, not from the row."]
    return None, [f"The row says {what} {value} and the settings say {said}: neither counts."]


def _failure(status: Any) -> str:
    """Why there is no answer; empty for a status that does not say so."""
    if status is None or isinstance(status, bool):
        return ""
    text = str(status).strip()
    try:
        number = float(text)
    except ValueError:
        return f"state {text}" if text.upper() in FAILED_STATES else ""
    return f"status {number:g}" if number >= FIRST_FAILED or number < FIRST_ANSWERED else ""


def _trouble(value: Any) -> str:
    parsed = _json(value)
    parts = parsed if isinstance(parsed, list | tuple) else [parsed]
    return ", ".join(str(part) for part in parts if part not in {None, ""})


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
        name in record.inputs and as_json_text(record.inputs[name]) in {*spellings(value), *_not_a_number(value)}
        for name, value in wanted.items()
    )


def _not_a_number(value: str) -> tuple[str, ...]:
    """How Python's JSON writes what has no word in JSON."""
    return {"nan": ("NaN",), "inf": ("Infinity",), "-inf": ("-Infinity",)}.get(value.strip().lower(), ())


def as_json_text(value: Any) -> str:
    """A value as JSON has it; a text without its quotes."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def fits(record: PredictionRecord, wanted: PredictionQuery) -> bool:
    """True when the record is what was searched for; a record that names no model is of no model."""
    is_in_window = record.time is not None and wanted.since <= record.time < wanted.until
    of_model = not wanted.model or record.model == wanted.model
    of_environment = not wanted.environment or record.environment == wanted.environment
    return is_in_window and of_model and of_environment and holds(record, wanted.inputs)


def unnamed_models(records: Iterable[PredictionRecord], wanted: PredictionQuery) -> tuple[LeftOut, ...]:
    """Rows of the window that name no model: they may be of the one that was asked for."""
    count = sum(1 for r in records if r.model is None) if wanted.model else 0
    why = "they name no model; map the column, or set COUNTERSIGN_PREDICTIONS_FIXED"
    return (LeftOut(f"{count:,} predictions", why),) if count else ()


def ids_to_look_for(request_id: str, columns: LogColumns) -> tuple[str, ...]:
    """The ids under which a log may hold it: itself, its request, and both ways in which BentoML writes a number."""
    base, number = row_wanted(request_id)
    texts = [request_id, *([base] if number is not None else [])]
    if columns.log_format == "bentoml":
        texts += [form for text in list(texts) for form in _other_base(text)]
    return tuple(dict.fromkeys(texts))


def _other_base(text: str) -> list[str]:
    """The header ``x-bentoml-request-id`` is hexadecimal and the log has the same number in decimal."""
    plain = text.strip().lower().removeprefix("0x")
    if not plain or len(plain) > ID_DIGITS or not plain.isascii():
        return []
    found = [str(int(plain, 16))] if all(c in "0123456789abcdef" for c in plain) else []
    return [*found, *([f"{int(plain):x}", f"{int(plain):016x}"] if plain.isdigit() else [])]


def says_the_same(name: str, a: Any, b: Any) -> bool:
    """True when a row and its folder agree on a field."""
    if name == "version" and as_version(a) is not None:
        return as_version(a) == as_version(b)
    return str(a) == str(b)


def in_order(records: Sequence[PredictionRecord], request_id: str) -> list[PredictionRecord]:
    """The records that are asked for: all rows of a request, or the one that ``#`` and a number name."""
    exact = [record for record in records if record.request_id == request_id]
    number = row_wanted(request_id)[1]
    if exact or number is None:
        return exact or list(records)
    return [r for r in records if r.row == number]


def _json(value: Any) -> Any:
    if hasattr(value, "asDict"):  # a Row of Spark
        return value.asDict(recursive=True)
    if isinstance(value, list) and value and all(isinstance(p, tuple) and len(p) == 2 for p in value):
        return dict(value)  # a map, as Arrow hands it on
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
