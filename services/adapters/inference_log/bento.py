"""BentoML's monitor: one JSON object a row, with the request's id as a decimal number, and a schema file beside it.

https://docs.bentoml.com: ``NAME/data/data.N.log`` holds the rows, ``NAME/schema/schema.N.log`` the role of each column
(feature, prediction or target). One request may log several rows under its one id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from services.adapters.inference_log.columns import LogColumns
from services.adapters.inference_log.folders import LogFile
from services.adapters.inference_log.rows import records_of
from services.domain.why.predictions import PredictionRecord

REQUEST_ID, TIME, TRACE_ID = "request_id", "timestamp", "trace_id"
LOCAL_TIME = "BentoML writes its server's local time without a zone; it is read as UTC."
NO_ROLES = "No schema file says which columns are inputs: all of them are listed."
MOST_SCHEMA = 1_000_000


def records(
    lines: Sequence[tuple[LogFile, Mapping[str, Any]]], columns: LogColumns, source: Callable[[LogFile], str]
) -> list[PredictionRecord]:
    """Rows as records; several of one request are numbered in the order in which they were logged."""
    by_request: dict[str, list[PredictionRecord]] = {}
    for file, line in lines:
        made = _one(file, line, columns, source(file))
        by_request.setdefault(made.request_id, []).append(made)
    return [record for found in by_request.values() for record in _numbered(found)]


def _numbered(found: list[PredictionRecord]) -> list[PredictionRecord]:
    if len(found) == 1:
        return found
    return [
        replace(r, request_id=f"{r.request_id}#{i}", of_request=r.request_id, row=i, rows=len(found))
        for i, r in enumerate(found, 1)
    ]


def _one(file: LogFile, line: Mapping[str, Any], columns: LogColumns, source: str) -> PredictionRecord:
    roles = _roles(file.path)
    values = {k: v for k, v in line.items() if k not in {REQUEST_ID, TIME, TRACE_ID}}
    answers = {k: v for k, v in values.items() if roles.get(k) == "prediction"}
    inputs = {k: v for k, v in values.items() if not roles or roles.get(k) == "feature"}
    if not roles and columns.output in values and "output" in columns.named:
        answers = {columns.output: inputs.pop(columns.output)}
    output: Any = next(iter(answers.values())) if len(answers) == 1 else answers or None
    told = line.get(TIME)
    row = {
        "request_id": line[REQUEST_ID], "other_id": line.get(TRACE_ID), "time": told, "output": output,
        "model": line.get(columns.model) if "model" in columns.named else None,
        "version": line.get(columns.version) if "version" in columns.named else None,
        "notes": [*([LOCAL_TIME] if _is_local(told) else []), *([] if roles else [NO_ROLES])],
    }  # fmt: skip
    made = records_of({**row, "inputs": None}, source, replace(columns, inputs="", input_columns=()))[0]
    return replace(made, inputs=inputs)


def _is_local(told: Any) -> bool:
    return isinstance(told, str) and not told.endswith("Z") and "+" not in told[10:] and "-" not in told[10:]


def _roles(path: str) -> Mapping[str, str]:
    place = Path(path).parent.with_name("schema")
    try:
        files = tuple(sorted((str(f), f.stat().st_mtime_ns) for f in place.glob("*.log*")))
    except OSError:
        return {}
    return _read_roles(files)


@lru_cache(maxsize=64)
def _read_roles(files: tuple[tuple[str, int], ...]) -> Mapping[str, str]:
    """The role of each column; one that two schemas give different roles has none."""
    roles: dict[str, str] = {}
    for name, _ in files:
        try:
            text = Path(name).read_bytes()[:MOST_SCHEMA].decode(errors="replace")
        except OSError:
            continue
        for column, role in _roles_in(text):
            roles[column] = role if roles.get(column, role) == role else "unclear"
    return roles


def _roles_in(text: str) -> list[tuple[str, str]]:
    found = []
    for line in text.splitlines():
        try:
            columns = json.loads(line).get("columns") or ()
        except (ValueError, AttributeError):
            continue
        found += [(str(c["name"]), str(c.get("role"))) for c in columns if isinstance(c, Mapping) and "name" in c]
    return found
