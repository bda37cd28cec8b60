"""Row ids that mean the same and are spelt differently: the second try where not one text is in both tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from services.evidence.findings import Finding, Severity
from services.evidence.rows.inputs import Predictions

Reader = Callable[[str], str | None]
"""From a text to the spelling that both tables share; None for any other text."""


def _as_number(text: str) -> str | None:
    return text.lstrip("0") or "0" if text.isdecimal() and text.isascii() else None


def _as_moment(text: str) -> str | None:
    """ISO 8601 with an offset; without one it is not known which moment is meant."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment.astimezone(UTC).isoformat()


_KINDS: tuple[tuple[Reader, str], ...] = (
    (_as_number, "Row ids are matched as numbers, because their texts differ (leading zeros or signs)."),
    (_as_moment, "Row ids are matched as moments, because the tables write them in different time zones."),
)


def respelt(left: Predictions, right: Predictions) -> tuple[Predictions, Predictions, Finding | None]:
    """Both sides with ids in one spelling, and what to say of it; as they are where no spelling fits all ids."""
    for read, sentence in _KINDS:
        sides = [_read(side, read) for side in (left, right)]
        if sides[0] is not None and sides[1] is not None:
            return sides[0], sides[1], Finding("key_types", Severity.INFO, "both", sentence)
    return left, right, None


def _read(side: Predictions, read: Reader) -> Predictions | None:
    """None where an id is of another kind, or two of them would become one."""
    texts = []
    for text in side.ids.tolist():
        found = read(text)
        if found is None:
            return None
        texts.append(found)
    if len(set(texts)) < side.rows:
        return None
    ids = np.empty(side.rows, dtype=object)
    ids[:] = texts
    return replace(side, ids=ids)
