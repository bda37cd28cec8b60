"""Prediction logs of known truth, written to disk and asked about: for `benchmarks.truth` and for tests.

`cases(count, seed)` makes logs in every form that the portal reads, each as it should be and with something removed or
replaced. `judge(case, folder)` writes one, asks the portal which version answered, and says ``right``, ``wrong_green``
(known but wrong), ``false_red`` (refused, contradicted or not found though the log settles it) or ``unknown``
(not known though the log settles it).
"""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.truth.case import Answer, Case, Truth
from services.adapters.inference_log.columns import LogColumns
from services.adapters.inference_log.embedded import EmbeddedInferenceLog
from services.domain.lineage import Certainty
from services.domain.registry import VersionKey
from services.domain.why.live_history import Happened, LiveEvent, Timeline, timeline_of
from services.errors import PortalError
from services.why.versions import who_answered

Verdict = Literal["right", "wrong_green", "false_red", "unknown"]
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
MODEL, OTHER = "loans", "fraud"
LIVE, STALE = 5, 4
Row = dict[str, Any]


@dataclass(frozen=True)
class LogCase:
    """One log, one id to ask for, and the truth."""

    name: str
    write: Callable[[Path, Row], None]
    row: Row
    settles: bool
    """True when the log says enough for the version to be known."""
    columns: LogColumns = field(default_factory=LogColumns)
    request_id: str = "req-1"

    @property
    def truth(self) -> VersionKey:
        """The version that answered."""
        return VersionKey(MODEL, LIVE)


def cases(count: int, seed: int = 1) -> Iterator[LogCase]:
    """So many cases; the same ones for one seed."""
    chance = random.Random(seed)
    everything = [case for form in FORMS for case in _with_changes(form)]
    while count > 0:
        chance.shuffle(everything)
        yield from everything[:count]
        count -= len(everything)


def judge(case: LogCase, folder: Path) -> Verdict:
    """Write the log, ask, and hold the answer against the truth. The folder is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    case.write(folder, case.row)
    certainty, key = answer(case, folder)
    if certainty is Certainty.KNOWN:
        return "right" if case.settles and key == case.truth else "wrong_green"
    if not case.settles:
        return "right"
    return "unknown" if certainty is Certainty.UNKNOWN else "false_red"


def answer(case: LogCase, folder: Path) -> tuple[Certainty | None, VersionKey | None]:
    """How sure the portal is of which version; None where it refuses or finds nothing."""
    try:
        found = EmbeddedInferenceLog(folder, columns=case.columns).find(case.request_id)
    except PortalError:
        return None, None
    if len(found) != 1:
        return None, None
    answered = who_answered(found[0], timeline())
    return answered.fact.certainty, answered.candidates[0] if answered.candidates else None


def timeline() -> Timeline:
    """Version 4 was live, then 5; another model is live beside it, and 6 waits in staging."""
    told = [(MODEL, STALE, "production", 20), (OTHER, 9, "production", 15), (MODEL, LIVE, "production", 2),
            (MODEL, 6, "staging", 1)]  # fmt: skip
    return timeline_of(
        LiveEvent(seq, NOW - timedelta(days=days), Happened.LIVE, VersionKey(model, number), environment=environment)
        for seq, (model, number, environment, days) in enumerate(told, 1)
    )


def plain_row(**changed: Any) -> Row:
    """A row in the portal's own names."""
    row = {
        "request_id": "req-1", "time": NOW, "environment": "production", "model_name": MODEL,
        "model_version": str(LIVE), "inputs": json.dumps({"age": 39}), "output": "1", "score": 0.7,
    }  # fmt: skip
    return row | changed


def write_parquet(*folders: str) -> Callable[[Path, Row], None]:
    """A writer of one Parquet file, in folders whose values (``name=value``) are taken out of the row."""

    def write(root: Path, row: Row) -> None:
        kept, place = dict(row), root
        for folder in folders:
            name, sign, value = folder.partition("=")
            if sign and name in kept:
                value = "__HIVE_DEFAULT_PARTITION__" if kept[name] is None else str(kept.pop(name))
            place /= f"{name}={value}" if sign else folder
        place.mkdir(parents=True, exist_ok=True)
        beside = dict(kept, request_id="req-0")
        pq.write_table(pa.Table.from_pylist([beside, kept]), place / "part-0.parquet")

    return write


def write_delta(*partitions: str, mapped: bool = False) -> Callable[[Path, Row], None]:
    """A writer of a Delta table; `mapped` turns column mapping on, as a rename in Databricks does."""

    def write(root: Path, row: Row) -> None:
        from deltalake import write_deltalake

        beside = dict(row, request_id="req-0")
        by = [name for name in partitions if row.get(name) is not None]
        table = pa.Table.from_pylist([beside, row])
        write_deltalake(str(root), table, partition_by=by or None)
        if mapped:
            _map_columns(next((root / "_delta_log").glob("*.json")))

    return write


def _map_columns(log: Path) -> None:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for line in lines:
        if "metaData" in line:
            line["metaData"]["configuration"]["delta.columnMapping.mode"] = "name"
        if "protocol" in line:
            line["protocol"] = {"minReaderVersion": 2, "minWriterVersion": 5}
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_inference_table(root: Path, row: Row) -> None:
    """A legacy inference table of Databricks, copied as Parquet."""
    meta = [("model_name", row["model_name"]), ("model_version", row["model_version"])]
    made = {
        "databricks_request_id": row["request_id"], "client_request_id": "c-1", "date": NOW.date(),
        "timestamp_ms": None if row["time"] is None else int(row["time"].timestamp() * 1000),
        "status_code": row.get("status", 200),
        "request": json.dumps({"dataframe_split": {"columns": ["age"], "data": [[39]]}}),
        "response": json.dumps({"predictions": [1]}),
        "request_metadata": [(k, v) for k, v in meta if v is not None], "environment": row["environment"],
    }  # fmt: skip
    schema = pa.schema([
        ("databricks_request_id", pa.string()), ("client_request_id", pa.string()), ("date", pa.date32()),
        ("timestamp_ms", pa.int64()), ("status_code", pa.int32()), ("request", pa.string()),
        ("response", pa.string()), ("request_metadata", pa.map_(pa.string(), pa.string())),
        ("environment", pa.string()),
    ])  # fmt: skip
    pq.write_table(pa.Table.from_pylist([made], schema=schema), root / "part-0.parquet")


def write_gateway_table(root: Path, row: Row) -> None:
    """An inference table of the AI Gateway: the version stands behind the served entity."""
    made = {
        "databricks_request_id": row["request_id"], "request_date": NOW.date(), "request_time": row["time"],
        "status_code": row.get("status", 200), "served_entity_id": None if row["model_version"] is None else "0b5f",
        "request": json.dumps({"inputs": [{"age": 39}]}), "response": json.dumps({"predictions": [1]}),
        "environment": row["environment"],
    }  # fmt: skip
    pq.write_table(pa.Table.from_pylist([made]), root / "part-0.parquet")


def write_collector(root: Path, row: Row) -> None:
    """Azure ML's data collector: inputs and outputs apart, in folders of dates."""
    for what, data in (("inputs", [{"age": 39}]), ("outputs", [{"label": 1}])):
        place = root / f"model_{what}" / "2026" / "11" / "20" / "10"
        place.mkdir(parents=True)
        event = {
            "specversion": "1.0", "id": f"e-{what}", "type": f"azureml.inference.{what}", "data": data,
            "correlationid": row["request_id"], "modelversion": row["model_version"],
            "time": None if row["time"] is None else row["time"].isoformat(),
            "model": row["model_name"], "environment": row["environment"],
        }  # fmt: skip
        kept = {k: v for k, v in event.items() if v is not None}
        (place / "instance.jsonl").write_text(json.dumps(kept) + "\n")


GATEWAY = LogColumns.parse({}, served_entities={"0b5f": f"{MODEL}/{LIVE}"})
COLLECTOR = LogColumns.parse({"model": "model", "environment": "environment"})
_MODEL_FIRST = (f"model_name={MODEL}", "day=2026-11-20")
FORMS: tuple[LogCase, ...] = (
    LogCase("flat", write_parquet(), plain_row(), settles=True),
    LogCase("day and hour", write_parquet("day=2026-11-20", "hour=10"), plain_row(), settles=True),
    LogCase("year, month, day", write_parquet("year=2026", "month=11", "day=20"), plain_row(), settles=True),
    LogCase("plain dates", write_parquet("2026", "11", "20", "10"), plain_row(), settles=True),
    LogCase("model first", write_parquet(*_MODEL_FIRST), plain_row(), settles=True),
    LogCase("model below", write_parquet("day=2026-11-20", f"model_name={MODEL}"), plain_row(), settles=True),
    LogCase("delta by model", write_delta("model_name"), plain_row(), settles=True),
    LogCase("delta by environment", write_delta("environment"), plain_row(), settles=True),
    LogCase("delta mapped", write_delta(mapped=True), plain_row(), settles=False),
    LogCase("inference table", write_inference_table, plain_row(), settles=True),
    LogCase("inference table by client id", write_inference_table, plain_row(), settles=True, request_id="c-1"),
    LogCase("gateway", write_gateway_table, plain_row(), settles=True, columns=GATEWAY),
    LogCase("gateway without served entities", write_gateway_table, plain_row(), settles=False),
    LogCase("collector", write_collector, plain_row(), settles=True, columns=COLLECTOR),
)


def _with_changes(case: LogCase) -> Iterator[LogCase]:
    """The case itself, without what does not matter, and with one thing removed or replaced that settles it no more."""
    yield case
    for name in ("inputs", "score", "output"):
        yield replace(case, name=f"{case.name}, {name} removed", row=case.row | {name: None})
    has_version = not case.name.startswith("gateway")
    changes: dict[str, Mapping[str, Any]] = {
        "version removed": {"model_version": None},
        "time removed": {"time": None},
        "environment removed": {"environment": None},
    }
    if has_version:
        changes |= {
            "model removed": {"model_name": None},
            "another version": {"model_version": str(STALE)},
            "a version that is a word": {"model_version": "champion"},
            "another model, not live": {"model_name": OTHER, "model_version": "3"},
        }
    if "table" in case.name or "gateway" in case.name:
        changes["failed"] = {"status": 500}
    for what, changed in changes.items():
        yield replace(case, name=f"{case.name}, {what}", row=case.row | dict(changed), settles=False)


def _asked(case: LogCase) -> Answer:
    with tempfile.TemporaryDirectory() as folder:
        case.write(Path(folder), case.row)
        certainty, key = answer(case, Path(folder))
    if certainty is Certainty.KNOWN:
        return Answer.GREEN if key == case.truth else Answer.FALSE
    return Answer.UNKNOWN if certainty is Certainty.UNKNOWN else Answer.RED


def make(chance: random.Random) -> Sequence[Case]:
    """A log in one of its forms, and three of its changed forms."""
    first, *changed = _with_changes(chance.choice(FORMS))
    return tuple(
        Case("prediction logs", case.name, Truth.GOOD if case.settles else Truth.DOUBTFUL, partial(_asked, case))
        for case in (first, *chance.sample(changed, 3))
    )
