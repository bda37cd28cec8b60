"""Prediction records: what an inference log holds about one scored request, and queries for records."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, overload

from services.domain.examined import LeftOut
from services.domain.registry import VersionKey

MASK = "•••"
"""Replaces a masked value; it never equals a logged value by accident."""
ROW_DIGITS = 9


@dataclass(frozen=True)
class PredictionRecord:
    """One logged prediction; every field but the id may be missing in a real log."""

    request_id: str
    time: datetime | None
    environment: str | None = None
    model: str | None = None
    version: int | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    output: Any = None
    score: float | None = None
    source: str = ""
    """Location of the row, for people."""
    version_text: str = ""
    """The version as the row has it, also when it is not a number."""
    other_id: str = ""
    """A second id of the request, such as the one that the client chose."""
    also: tuple[str, ...] = ()
    """Further ids that lead to it, such as those of its events."""
    row: int | None = None
    """Place of this prediction in its request, from 1; None where the request held one row."""
    rows: int = 1
    """Predictions in the request."""
    of_request: str = ""
    """Id of the request that held several rows; `request_id` then ends with ``#`` and the row."""
    failure: str = ""
    """Why the request failed, like ``status 500``: then there is no answer to speak of."""
    protocol: str = ""
    """``mlflow`` where the payload is one of MLflow's scoring server, which casts values before the model sees them."""
    has_names: bool = True
    """False where the payload is a list without names: which value is which is unknown."""
    is_understood: bool = True
    """False where the payload has an unknown format, so its columns cannot be distinguished."""
    notes: tuple[str, ...] = ()
    """What to know about the row: payloads that were not logged, sources that disagree."""

    @property
    def key(self) -> VersionKey | None:
        """The version that the row names, if any."""
        return VersionKey(self.model, self.version) if self.model and self.version is not None else None


@dataclass(frozen=True)
class PredictionQuery:
    """A search without an id: a model, a time range, and input values."""

    model: str
    since: datetime
    until: datetime
    """Not included."""
    environment: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Values as text by column; ``39`` matches 39 and 39.0."""
    limit: int = 20


def masked(record: PredictionRecord, columns: Sequence[str]) -> PredictionRecord:
    """The record with some inputs hidden, at any depth and in the output too; the names stay, the values do not.

    Where the payload has no names, or a form that is not known, nobody can tell which value is which: all are hidden.
    """
    hidden = frozenset(columns)
    if not hidden:
        return record
    if not (record.has_names and record.is_understood):
        return replace(record, inputs=dict.fromkeys(record.inputs, MASK), output=_hide(record.output, hidden))
    kept = {name: MASK if name in hidden else _hide(value, hidden) for name, value in record.inputs.items()}
    return replace(record, inputs=kept, output=_hide(record.output, hidden))


_NAMING = ("columns", "names", "name", "feature_names", "features", "key", "column")
"""Keys under which a payload lists names apart from their values, as a split frame or a tensor does."""


def _hide(value: Any, hidden: frozenset[str]) -> Any:
    """The value with what stands below or beside a hidden name masked; JSON inside a text is looked into."""
    if isinstance(value, Mapping):
        if any(_mentions(value.get(key), hidden) for key in _NAMING):
            return dict.fromkeys(value, MASK)
        return {name: MASK if str(name) in hidden else _hide(part, hidden) for name, part in value.items()}
    if isinstance(value, list | tuple):
        has_header = any(isinstance(part, list | tuple) and _mentions(part, hidden) for part in value)
        return MASK if has_header else [_hide(part, hidden) for part in value]
    if isinstance(value, str) and any(name in value for name in hidden):
        return _hide_in_text(value, hidden)
    return value


def _mentions(names: Any, hidden: frozenset[str]) -> bool:
    listed = names if isinstance(names, list | tuple) else [names]
    return any(isinstance(name, str) and name in hidden for name in listed)


def _hide_in_text(text: str, hidden: frozenset[str]) -> str:
    """JSON is masked inside; other text is masked whole where a hidden name stands before or after a separator."""
    if text.lstrip()[:1] in {"{", "["}:
        try:
            return json.dumps(_hide(json.loads(text), hidden))
        except (ValueError, RecursionError):
            return MASK
    names = "|".join(re.escape(name) for name in sorted(hidden))
    named = rf"""(?<!\w)(?:{names})["']?\s*[=:,;|\t&]|[,;|\t&]\s*["']?(?:{names})(?!\w)"""
    return MASK if re.search(named, text) else text


def without_inputs(record: PredictionRecord) -> PredictionRecord:
    """The record for a reader who may not see inputs."""
    return replace(record, inputs={})


@dataclass(frozen=True)
class Found(Sequence[PredictionRecord]):
    """What a look-up found, and what it did not look at."""

    records: tuple[PredictionRecord, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int) -> PredictionRecord: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[PredictionRecord, ...]: ...
    def __getitem__(self, index: int | slice) -> PredictionRecord | tuple[PredictionRecord, ...]:
        return self.records[index]


def left_out_of(found: Sequence[PredictionRecord]) -> tuple[LeftOut, ...]:
    """What the look-up behind these records did not look at."""
    return found.left_out if isinstance(found, Found) else ()


def row_wanted(request_id: str) -> tuple[str, int | None]:
    """``batch-7#2`` is row 2 of the request ``batch-7``; the row is None for an id without one."""
    base, sign, number = request_id.rpartition("#")
    is_row = sign and base and number.isascii() and number.isdigit() and len(number) <= ROW_DIGITS
    return (base, int(number)) if is_row else (request_id, None)
