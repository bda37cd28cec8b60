"""Prediction records: what an inference log says of one scored request, and how records are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.domain.registry import VersionKey

MASK = "•••"
"""Stands where a value is kept from the reader; it never equals a logged value by accident."""


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
    """Where the row was found, for people."""
    version_text: str = ""
    """The version as the row has it, also when that is no number."""

    @property
    def key(self) -> VersionKey | None:
        """The version that the row names, where it names one."""
        return VersionKey(self.model, self.version) if self.model and self.version is not None else None


@dataclass(frozen=True)
class PredictionQuery:
    """Which predictions, when the id is not known: a model, a window of time, and values of inputs."""

    model: str
    since: datetime
    until: datetime
    """Not included."""
    environment: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Column to value as text; ``39`` finds 39 and 39.0."""
    limit: int = 20


def masked(record: PredictionRecord, columns: Sequence[str]) -> PredictionRecord:
    """The record with some inputs hidden; the names stay, the values do not."""
    hidden = set(columns)
    return replace(record, inputs={k: MASK if k in hidden else v for k, v in record.inputs.items()})


def without_inputs(record: PredictionRecord) -> PredictionRecord:
    """The record for somebody who may not see inputs."""
    return replace(record, inputs={})
