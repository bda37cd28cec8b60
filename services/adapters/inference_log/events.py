"""Events of collectors: a request and its answer are two CloudEvents that an id joins.

Azure ML's data collector (``azureml.inference.*``, joined by ``correlationid``), KServe's and Seldon's loggers
(``org.kubeflow.serving.inference.*``, ``io.seldon.serving.*``, joined by the id of the request).
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from services.adapters.inference_log.columns import LogColumns
from services.adapters.inference_log.folders import LogFile
from services.adapters.inference_log.rows import records_of
from services.domain.why.predictions import PredictionRecord

AZURE = "azureml."
ASKED, ANSWERED, OTHER = "asked", "answered", "other"
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_DEPLOYMENT = re.compile(r"/endpoints/([^/]+)/deployments/([^/]+)", re.IGNORECASE)
Line = tuple[LogFile, Mapping[str, Any]]


def is_event(value: Mapping[str, Any]) -> bool:
    """True for a CloudEvent in its structured form."""
    return "specversion" in value and "type" in value and "id" in value


def joined_by(lines: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The ids that join these events with their partners."""
    return tuple(dict.fromkeys(_join(line) for line in lines if is_event(line)))


def _join(event: Mapping[str, Any]) -> str:
    if str(event["type"]).startswith(AZURE):
        return str(event.get("correlationid") or event["id"])
    return str(event.get("requestid") or event["id"])


def _role(event: Mapping[str, Any]) -> str:
    """Whether the event holds what was asked or what was answered, by its type."""
    kind = str(event["type"]).rpartition(".")[2].lower()
    is_in, is_out = any(w in kind for w in ("input", "request")), any(w in kind for w in ("output", "response"))
    return OTHER if is_in == is_out else ASKED if is_in else ANSWERED


@dataclass
class _Pair:
    """The events of one request."""

    asked: list[Line] = field(default_factory=list)
    answered: list[Line] = field(default_factory=list)
    other: list[Line] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def payload(self, lines: list[Line], what: str) -> Any:
        """The data of the one event of a kind; None, with a note, where it is missing, in part or in dispute."""
        if not lines:
            self.notes.append(f"No event with the {what} of this request is in the log.")
            return None
        held = {json.dumps(event.get("data"), sort_keys=True, default=str): event for _, event in lines}
        if len(held) > 1:
            self.notes.append(f"{len(held)} events say different {what} of this request: neither counts.")
            return None
        return self._whole(next(iter(held.values())), what)

    def _whole(self, event: Mapping[str, Any], what: str) -> Any:
        reach = _RANGE.fullmatch(str(event.get("contentrange") or "").strip())
        if reach and (int(reach[1]) > 0 or int(reach[2]) + 1 < int(reach[3])):
            self.notes.append(f"Only a part of the {what} is in the log ({event['contentrange']}).")
            return None
        if "data" not in event:
            where = "elsewhere" if event.get("dataref") else "in a form that is not read"
            self.notes.append(f"The {what} of this request are kept {where}.")
            return None
        return event["data"]

    def said(self, name: str) -> Any:
        """An attribute that all events agree on; None where they differ."""
        values = {str(e[name]): e[name] for _, e in (*self.asked, *self.answered, *self.other) if e.get(name)}
        if len(values) > 1:
            self.notes.append(f"The events of this request say different {name}: {', '.join(sorted(values))}.")
        return next(iter(values.values())) if len(values) == 1 else None


def records(lines: Sequence[Line], columns: LogColumns, source: Callable[[LogFile], str]) -> list[PredictionRecord]:
    """Events joined into records."""
    pairs: dict[str, _Pair] = {}
    for line in lines:
        pair = pairs.setdefault(_join(line[1]), _Pair())
        getattr(pair, _role(line[1])).append(line)
    return [record for join, pair in pairs.items() for record in _of_pair(join, pair, columns, source)]


def _of_pair(join: str, pair: _Pair, columns: LogColumns, source: Callable[[LogFile], str]) -> list[PredictionRecord]:
    lines = [*pair.answered, *pair.asked, *pair.other]
    inputs, output = pair.payload(pair.asked, "inputs"), pair.payload(pair.answered, "outputs")
    if pair.other:
        pair.notes.append("An event of this request holds neither inputs nor outputs alone; it is not read.")
    first = lines[0][1]
    is_azure = str(first["type"]).startswith(AZURE)
    row = {
        "request_id": join, "other_id": pair.said("xrequestid"), "time": pair.said("time") or _earliest(lines),
        "model": _mapped(pair, columns, "model"), "environment": _mapped(pair, columns, "environment"),
        "version": _mapped(pair, columns, "version") or (pair.said("modelversion") if is_azure else None),
        "inputs": inputs, "output": _single(output, inputs) if is_azure else output,
        "status": pair.said("statuscode") or ("ERROR" if _is_error(output) else None),
    }  # fmt: skip
    row["notes"] = [*_without_time_note(pair.notes), *_served_by(first)]
    found = records_of(row, source(lines[0][0]), replace(columns, inputs=""))
    ids = tuple(str(event["id"]) for _, event in lines)
    return [replace(record, also=ids) for record in found]


def _mapped(pair: _Pair, columns: LogColumns, name: str) -> Any:
    """An attribute of the events, where the settings say which."""
    return pair.said(columns.of(name)) if name in columns.named else None


def _earliest(lines: Sequence[Line]) -> Any:
    """The time of the request: the earliest of its events."""
    times = sorted(str(event["time"]) for _, event in lines if event.get("time"))
    return times[0] if times else None


def _without_time_note(notes: Sequence[str]) -> list[str]:
    """Request and answer have different times by nature."""
    return [note for note in notes if "say different time:" not in note]


def _single(output: Any, inputs: Any) -> Any:
    """A list of one answer for one row is that answer; the collector writes a frame's rows as a list."""
    is_one = isinstance(output, list) and len(output) == 1
    rows = len(inputs) if isinstance(inputs, list) else 1
    if isinstance(output, list) and not is_one:
        return {"predictions": output}
    return output[0] if is_one and rows == 1 else output


def _is_error(output: Any) -> bool:
    return isinstance(output, Mapping) and set(output) <= {"error", "code", "detail"} and bool(output)


def _served_by(event: Mapping[str, Any]) -> list[str]:
    found = _DEPLOYMENT.search(str(event.get("source") or ""))
    if found:
        return [f"Collected at the endpoint {found[1]}, deployment {found[2]}."]
    service = event.get("inferenceservicename")
    return [f"Collected at the inference service {service}."] if service else []
