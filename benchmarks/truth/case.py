"""One input of known truth, what the product may answer to it, and what each answer is worth."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.domain.checks import Check, Verdict


class Truth(StrEnum):
    """What an input is worth. The generator knows it, because it made the input so."""

    GOOD = "good"
    FAIR = "fair"
    """Good, but for something that people must look at: a warning."""
    BAD = "bad"
    OPEN = "open"
    """The input does not settle it: only *unknown* is right."""
    DOUBTFUL = "doubtful"
    """The input does not settle it, and a refusal is as right as *unknown*."""


class Answer(StrEnum):
    """What the product says."""

    GREEN = "green"
    WARNED = "warned"
    RED = "red"
    UNKNOWN = "unknown"
    FALSE = "false"
    """Certain of something that is not so, such as another model's value."""


class Outcome(StrEnum):
    """An answer against the truth."""

    RIGHT = "right"
    WRONG_GREEN = "wrong green"
    FALSE_RED = "false red"
    UNKNOWN_SETTLED = "unknown where settled"


@dataclass(frozen=True)
class Case:
    """One input: its truth, and how to ask the product about it."""

    kind: str
    name: str
    truth: Truth
    ask: Callable[[], Answer]


Maker = Callable[[random.Random], Sequence[Case]]
"""Makes an input, and the same with something removed or replaced; the first is the input itself."""
Judge = Callable[[Case], Answer]

_GREENNESS = {Answer.RED: 0, Answer.UNKNOWN: 1, Answer.WARNED: 2, Answer.GREEN: 3, Answer.FALSE: 4}
_MAY_BE = {Truth.GOOD: 3, Truth.FAIR: 2, Truth.BAD: 0, Truth.OPEN: 1, Truth.DOUBTFUL: 1}
_SETTLED = {Truth.GOOD, Truth.FAIR, Truth.BAD}


def outcome_of(truth: Truth, answer: Answer) -> Outcome:
    """What the answer is worth. A warning on a good input is a false red: it says that something is wrong."""
    if answer is Answer.UNKNOWN:
        return Outcome.UNKNOWN_SETTLED if truth in _SETTLED else Outcome.RIGHT
    if _GREENNESS[answer] > _MAY_BE[truth]:
        return Outcome.WRONG_GREEN
    is_too_red = _GREENNESS[answer] < _MAY_BE[truth] and truth is not Truth.DOUBTFUL
    return Outcome.FALSE_RED if is_too_red else Outcome.RIGHT


_VERDICTS = {
    Verdict.PASS: Answer.GREEN, Verdict.WARN: Answer.WARNED, Verdict.FAIL: Answer.RED, Verdict.UNKNOWN: Answer.UNKNOWN,
}  # fmt: skip


def of_verdict(verdict: Verdict) -> Answer:
    """A verdict of the gate as an answer."""
    return _VERDICTS[verdict]


def of_check(check: Check) -> Answer:
    """A check of the gate as an answer."""
    return of_verdict(check.verdict)
