"""Predictions from before the portal: really scored by the version live at the time, with the gaps of a real log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from time import perf_counter

import pandas as pd

from demo.world.predictions import PredictionLog, Scored, new_request_id, plain_rows
from demo.world.training import Trained

DAYS, A_DAY = 5, 48
QUIET = timedelta(days=2)
"""Between the last of these predictions and the portal."""
WITHOUT_VERSION = 7
"""Every seventh row lacks the version: an older client did not log it."""


def past_times(now: datetime) -> list[datetime]:
    """Moments over some days that end two days before now, in order; a row every eleven minutes of the day."""
    starts = [now - QUIET - timedelta(days=day) for day in range(DAYS, 0, -1)]
    return [start + timedelta(minutes=11 * number) for start in starts for number in range(A_DAY)]


def pre_portal_history(
    log: PredictionLog, live: Trained, rows: pd.DataFrame, *, times: Sequence[datetime], model_name: str
) -> list[Scored]:
    """Score one row a moment with the version that was live, a day's rows together, and log them.

    `latency_ms` is the day's time over its rows: what scoring took here, not what it took then.
    """
    by_day: dict[date, list[datetime]] = {}
    for at in times:
        by_day.setdefault(at.date(), []).append(at)
    scored: list[Scored] = []
    for moments in by_day.values():
        places = [number % len(rows) for number in range(len(scored), len(scored) + len(moments))]
        scored += _score(live, rows.iloc[places], moments, model_name=model_name)
    log.append(scored)
    return scored


def _score(live: Trained, rows: pd.DataFrame, times: Sequence[datetime], *, model_name: str) -> list[Scored]:
    start = perf_counter()
    outputs = live.model.predict_proba(rows).tolist()
    each = (perf_counter() - start) * 1000 / len(rows)
    inputs = plain_rows(rows)
    return [
        Scored(
            request_id=new_request_id(at),
            time=at,
            environment="production",
            model_name=model_name,
            model_version=str(live.recipe.version) if number % WITHOUT_VERSION else None,
            inputs=inputs[number],
            output=outputs[number],
            score=outputs[number][-1],
            latency_ms=each,
        )
        for number, at in enumerate(times)
    ]
