"""Prediction records: what an inference log says of one scored request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


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
