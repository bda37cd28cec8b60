"""A logged prediction scored again: equal, equal within a tolerance, or different, and by how much."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

TOLERANCE = 1e-6
"""Relative, and absolute below 1: another machine may sum floats in another order."""


class ReplayVerdict(StrEnum):
    """Comparison of two answers."""

    EQUAL = "equal"
    WITHIN = "equal within the tolerance"
    DIFFERENT = "different"
    NOT_COMPARABLE = "not comparable"


@dataclass(frozen=True)
class Mismatch:
    """A dependency that differs from the model's requirement; `found` is None if it is missing."""

    name: str
    wanted: str
    found: str | None

    def sentence(self) -> str:
        """For people."""
        return f"{self.name}: the model requires {self.wanted}; found {self.found or 'none'}"


@dataclass(frozen=True)
class Seen:
    """An input that the model saw otherwise than it was logged: the server cast it first."""

    name: str
    logged: Any
    asked: Any

    def sentence(self) -> str:
        """For people."""
        return f"{self.name} was logged as {self.logged} and asked as {self.asked}: MLflow's server casts it first"


@dataclass(frozen=True)
class Replay:
    """Result of scoring again."""

    verdict: ReplayVerdict
    logged: Any
    again: Any
    difference: float | None
    """Largest absolute difference; None if the answers are not numbers."""
    mismatches: tuple[Mismatch, ...] = ()
    model_digest: str = ""
    is_sealed: bool = False
    """True if the model's bytes match those sealed for the promotion."""
    isolation: str = ""
    seen: tuple[Seen, ...] = ()
    cause: str = ""
    """Likely cause of an answer that differs; empty where none was found."""
    sentence: str = ""


def compare(
    logged: Any, score: float | None, values: Any, probabilities: Any
) -> tuple[ReplayVerdict, Any, float | None]:
    """Compare the logged answer with the form of the new answer that has the same shape.

    `values` is the model's answer for the row, `probabilities` its class probabilities or None.
    """
    candidates = [values, probabilities, *(probabilities[-1:] if isinstance(probabilities, list) else [])]
    if logged is None and score is None:
        return ReplayVerdict.NOT_COMPARABLE, values, None
    wanted = logged if logged is not None else score
    for again in candidates:
        difference = _difference(wanted, again)
        if difference is not None:
            return _verdict(wanted, again, difference), again, difference if math.isfinite(difference) else None
    return ReplayVerdict.NOT_COMPARABLE, values, None


def _verdict(logged: Any, again: Any, difference: float) -> ReplayVerdict:
    if difference == 0:
        return ReplayVerdict.EQUAL
    size = max((abs(x) for x in [*_numbers(logged), *_numbers(again)]), default=0.0)
    return ReplayVerdict.WITHIN if difference <= TOLERANCE * max(1.0, size) else ReplayVerdict.DIFFERENT


def _difference(a: Any, b: Any) -> float | None:
    """Largest difference of two answers of equal shape (infinite for differing texts); None for other shapes."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return _largest([_difference(a[k], b[k]) for k in a]) if a.keys() == b.keys() else None
    if isinstance(a, Sequence) and not isinstance(a, str) and isinstance(b, Sequence) and not isinstance(b, str):
        return _largest([_difference(x, y) for x, y in zip(a, b, strict=True)]) if len(a) == len(b) else None
    if _is_missing(a) and _is_missing(b):
        return 0.0
    if _is_number(a) and _is_number(b):
        return math.inf if _is_missing(a) or _is_missing(b) else abs(float(a) - float(b))
    if isinstance(a, str | bool) and isinstance(b, str | bool):
        return 0.0 if a == b else math.inf
    return None


def _is_missing(value: Any) -> bool:
    """None, or not a number: MLflow's server answers a bare NaN, which the runner's JSON has no word for."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _largest(parts: list[float | None]) -> float | None:
    return None if any(p is None for p in parts) else max((p for p in parts if p is not None), default=0.0)


def _numbers(value: Any) -> list[float]:
    if isinstance(value, Mapping):
        return [x for part in value.values() for x in _numbers(part)]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [x for part in value for x in _numbers(part)]
    return [float(value)] if _is_number(value) else []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
