"""What was predicted, in words: class and decision threshold, or number and unit, as far as recorded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from services.domain.why.predictions import PredictionRecord
from services.domain.why.reasons import Reasons
from services.domain.why.replay import Replay, ReplayVerdict
from services.why.lineage import Origin

THRESHOLD, UNIT = "threshold", "unit"
"""Tags of the version, else tags or parameters of its run, that say what a number means."""
_PROBABILITY = "the probability of "


def in_words(
    record: PredictionRecord, reasons: Reasons | None, replay: Replay | None, origin: Origin | None
) -> tuple[str, ...]:
    """Sentences: always the logged output; its meaning only where the model or a tag gives it."""
    logged = "No output is logged." if record.output is None else f"Logged output: {record.output}."
    if record.score is not None:
        logged += f" Logged score: {record.score}."
    if reasons is None:
        return logged, "Its meaning is unknown: the reasons of the model could not be computed."
    found = (logged, *_meaning(reasons, origin))
    if replay is not None and replay.verdict is ReplayVerdict.DIFFERENT:
        return (*found, "The model was scored again for this, and its answer differs from the logged one.")
    return found


def _meaning(reasons: Reasons, origin: Origin | None) -> Iterator[str]:
    if not reasons.target.startswith(_PROBABILITY):
        unit, source = _told(origin, UNIT)
        named = f" {unit} (unit: {source})" if unit else "; its unit is not recorded: set the version tag unit"
        yield f"Predicted: {reasons.prediction:.6g}{named}."
        return
    yield (
        f"Predicted class: {reasons.predicted}, the class with the highest probability; "
        f"{reasons.target} is {reasons.prediction:.3f}."
    )
    told, source = _told(origin, THRESHOLD)
    threshold = _number(told)
    if threshold is None:
        yield "No decision threshold is recorded; the application may use its own. Set the version tag threshold."
    else:
        side = "reaches" if reasons.prediction >= threshold else "is below"
        yield f"{reasons.prediction:.3f} {side} the decision threshold of {threshold:g} ({source})."


def _told(origin: Origin | None, name: str) -> tuple[str, str]:
    """A value and its source; empty where there is none, or only for another version with that number."""
    if origin is None or origin.detail is None or origin.is_other_version:
        return "", ""
    run = origin.detail.run
    places: list[tuple[str, Mapping[str, Any]]] = [("version tag", origin.detail.version.tags)]
    if run is not None:
        places += [(f"run {run.run_id}, tag", run.tags), (f"run {run.run_id}, parameter", run.params)]
    return next(((str(held[name]), f"{place} {name}") for place, held in places if held.get(name)), ("", ""))


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
