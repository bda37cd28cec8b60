"""Prediction logs written as JSON lines: records of our own names, events of collectors, BentoML's monitor.

A line that is no JSON is counted and stated. Lines are looked for by the text of the id first, and parsed when they
hold it.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.adapters.inference_log import bento, events
from services.adapters.inference_log.columns import FIELDS, LogColumns
from services.adapters.inference_log.deadline import SYSTEM
from services.adapters.inference_log.folders import LogFile
from services.adapters.inference_log.limits import TOO_LARGE, Limits
from services.adapters.inference_log.rows import fits, ids_to_look_for, in_order, records_of
from services.domain.examined import LeftOut
from services.domain.why.predictions import PredictionQuery, PredictionRecord
from services.errors import InvalidInputError, SettingsError, UpstreamInvalidError, UpstreamUnavailableError

MOST_LINES = 300_000
"""Lines kept in memory for one look-up."""
LOOK_AT_CLOCK = 2_000
FEW = 50
"""Lines of the newest file that a check reads."""
Line = tuple[LogFile, Mapping[str, Any]]
Answer = tuple[list[PredictionRecord], tuple[LeftOut, ...]]


@dataclass
class _Reading:
    """One pass through files: what could not be read, and until when it may last."""

    limits: Limits
    started: float = field(default_factory=time.monotonic)
    broken: int = 0
    without_id: int = 0

    def demand_time(self) -> None:
        """Raises UpstreamUnavailableError when the pass is late."""
        if time.monotonic() - self.started > self.limits.seconds:
            raise UpstreamUnavailableError(
                f"The look-up took longer than {self.limits.seconds:g} s.",
                system=SYSTEM,
                hint="Name the day, or choose a shorter window of time.",
            )

    def left_out(self) -> tuple[LeftOut, ...]:
        """What was not read, for people."""
        told = []
        if self.broken:
            told.append(LeftOut(f"{self.broken:,} lines", "they are not JSON objects"))
        if self.without_id:
            told.append(LeftOut(f"{self.without_id:,} lines", "they have no request id"))
        return tuple(told)


class JsonLines:
    """The lines of a log's files as prediction records."""

    def __init__(self, folder: Path, columns: LogColumns, limits: Limits) -> None:
        self._folder = folder
        self._columns = columns
        self._limits = limits

    def find(self, files: Sequence[LogFile], request_id: str) -> Answer:
        """Records with this id; events that belong to it are looked for by what joins them."""
        if not files:
            return [], ()
        reading = _Reading(self._limits)
        texts = ids_to_look_for(request_id, self._columns)
        found = list(self._lines(files, reading, texts))
        joins = events.joined_by(line for _, line in found)
        if joins:
            found = list(self._lines(files, _Reading(self._limits), (*texts, *joins)))
        records = self._records(found, reading)
        wanted = [r for r in records if set(texts) & {r.request_id, r.of_request, r.other_id, *r.also}]
        return in_order(wanted, request_id), reading.left_out()

    def search(self, files: Sequence[LogFile], wanted: PredictionQuery) -> Answer:
        """All records that fit."""
        if not files:
            return [], ()
        reading = _Reading(self._limits)
        records = self._records(self._bounded(files, reading), reading)
        unnamed = [r for r in records if r.model is None]
        return [r for r in records if fits(r, wanted) or r in unnamed], reading.left_out()

    def recent(self, files: Sequence[LogFile], limit: int) -> Answer:
        """The newest records of these files."""
        if not files:
            return [], ()
        reading = _Reading(self._limits)
        records = self._records(self._bounded(files, reading), reading)
        records.sort(key=lambda r: r.time.timestamp() if r.time else 0.0, reverse=True)
        return records[:limit], reading.left_out()

    def check(self, files: Sequence[LogFile]) -> str:
        """What is odd about them, in words. Raises SettingsError when the newest file cannot be read."""
        if not files:
            return ""
        reading = _Reading(self._limits)
        newest = files[0]
        first: list[Line] = []
        for line in self._lines([newest], reading, ()):
            first.append(line)
            if len(first) == FEW:
                break
        if not first and newest.size:
            raise SettingsError(
                f"{Path(newest.path).name} has no line that is a JSON object.",
                hint="JSON lines hold one object each; docs/why.md lists the forms that are read.",
            )
        self._records(first, reading)
        if first and reading.without_id == len(first):
            raise SettingsError(
                f"The lines of {Path(newest.path).name} have no request id: they have {_keys(first)}.",
                hint="Say in COUNTERSIGN_PREDICTIONS_COLUMNS which field it is, or set COUNTERSIGN_PREDICTIONS_FORMAT.",
            )
        lines = f"; {len(files)} of JSON lines"
        return lines + (f", {reading.broken} of the first lines cannot be read" if reading.broken else "")

    def _bounded(self, files: Sequence[LogFile], reading: _Reading) -> list[Line]:
        found: list[Line] = []
        for line in self._lines(files, reading, ()):
            found.append(line)
            if len(found) > MOST_LINES:
                raise InvalidInputError(
                    f"More than {MOST_LINES:,} lines would have to be looked through.",
                    hint="Choose a shorter window of time, or name the day.",
                    code=TOO_LARGE,
                )
        return found

    def _lines(self, files: Sequence[LogFile], reading: _Reading, texts: Sequence[str]) -> Iterator[Line]:
        """Parsed lines that hold one of the texts; all of them for no texts."""
        needles = [json.dumps(text, ensure_ascii=flag)[1:-1].encode() for text in texts for flag in (True, False)]
        for file in files:
            for number, raw in enumerate(_raw_lines(file)):
                if number % LOOK_AT_CLOCK == 0:
                    reading.demand_time()
                if needles and not any(needle in raw for needle in needles):
                    continue
                for value in _parsed(raw, reading):
                    yield file, value

    def _records(self, lines: Iterable[Line], reading: _Reading) -> list[PredictionRecord]:
        """Lines of any form as records; events are joined first."""
        of_events: list[Line] = []
        of_bento: list[Line] = []
        made: list[PredictionRecord] = []
        for file, value in lines:
            if events.is_event(value):
                of_events.append((file, value))
            elif self._columns.log_format == "bentoml":
                if bento.REQUEST_ID in value:
                    of_bento.append((file, value))
                elif "meta_data" not in value:
                    reading.without_id += 1
            else:
                made += self._plain(file, value, reading)
        made += events.records(of_events, self._columns, self._source)
        return [*made, *bento.records(of_bento, self._columns, self._source)]

    def _plain(self, file: LogFile, value: Mapping[str, Any], reading: _Reading) -> list[PredictionRecord]:
        merged = {**file.parts, **value}
        try:
            columns = self._columns.within(merged)
        except SettingsError:
            reading.without_id += 1
            return []
        row = {name: _value(merged, columns, name) for name in FIELDS}
        row |= {name: merged.get(name) for name in columns.input_columns}
        if columns.time_ms:
            ms = merged.get(columns.time_ms)
            row["time"] = ms * 1000 if isinstance(ms, int | float) else None
        row["notes"] = [
            f"The row says {name} {value[name]} and its folder says {said}."
            for name, said in file.parts.items()
            if name in value and str(value[name]) != str(said)
        ]
        return records_of(row, self._source(file), columns)

    def _source(self, file: LogFile) -> str:
        place = Path(file.path)
        return f"prediction log, {place.relative_to(self._folder) if place.is_relative_to(self._folder) else place}"


def _value(row: Mapping[str, Any], columns: LogColumns, name: str) -> Any:
    column, key = columns.of(name), columns.keys.get(name, "")
    held = row.get(column) if column else None
    if not key:
        return held
    if isinstance(held, str):
        try:
            held = json.loads(held)
        except ValueError:
            return None
    return held.get(key) if isinstance(held, Mapping) else None


def _raw_lines(file: LogFile) -> Iterator[bytes]:
    """The lines of a file; one that was removed meanwhile has none. Raises UpstreamInvalidError."""
    is_packed = file.path.lower().endswith(".gz")
    try:
        with gzip.open(file.path, "rb") if is_packed else Path(file.path).open("rb") as stream:
            yield from stream
    except FileNotFoundError:
        return
    except (OSError, EOFError) as error:
        raise UpstreamInvalidError(
            f"{Path(file.path).name} cannot be read.", system=SYSTEM, hint=f"It says: {type(error).__name__}."
        ) from error


def _parsed(raw: bytes, reading: _Reading) -> Iterator[Mapping[str, Any]]:
    """The objects of a line: one, or those of a list."""
    text = raw.strip().rstrip(b",")
    if not text or text in {b"[", b"]"}:
        return
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        reading.broken += 1
        return
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, Mapping):
            yield part
        else:
            reading.broken += 1


def _keys(lines: Sequence[Line]) -> str:
    return ", ".join(sorted({name for _, line in lines for name in line})[:20])
