"""Predictions from before the portal: really scored by the version that was live then, with a real log's gaps."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from demo.world.adult import Adult
from demo.world.predictions import PredictionLog, Scored, new_request_id
from demo.world.training import Trained

DAYS = 5
A_DAY = 40
WITHOUT_VERSION = 7
"""Every seventh row lacks the version: an older client did not log it."""


def log_history(log: PredictionLog, trained: Trained, data: Adult, *, now: datetime) -> None:
    """Some days of predictions that end two days before now."""
    rows = data.evaluation.features
    for day in range(DAYS):
        start = now - timedelta(days=2 + DAYS - day)
        numbers = range(day * A_DAY, (day + 1) * A_DAY)
        log.append(
            [_scored(trained, rows, number, start + timedelta(minutes=11 * (number % A_DAY))) for number in numbers]
        )


def _scored(trained: Trained, rows: Any, number: int, at: datetime) -> Scored:
    score = float(trained.scores[number])
    version = None if number % WITHOUT_VERSION == 0 else str(trained.recipe.version)
    inputs = {name: _plain(value) for name, value in rows.iloc[number].items()}
    return Scored(
        new_request_id(at), at, "production", "census-income", version, inputs, [1 - score, score], score, 4.2
    )  # fmt: skip


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
