"""The best of many candidates, honestly: the more are tried, the better the luckiest looks (Holm's correction)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.errors import InvalidInputError
from services.evidence.comparison import Options, compare
from services.evidence.measures.estimates import NAN, holm
from services.evidence.record import Comparison, Recommendation
from services.evidence.rows.inputs import Predictions, Task

LEVEL = 0.05


@dataclass(frozen=True)
class Ranked:
    """One candidate's comparison with its p-value corrected for the number of candidates."""

    name: str
    comparison: Comparison
    p_adjusted: float | None
    may_win: bool
    """Recommended by itself, and still significant after the correction."""


@dataclass(frozen=True)
class Ranking:
    """All candidates, the winner first; no winner when none may win."""

    candidates: tuple[Ranked, ...]
    winner: str | None
    sentence: str
    problems: Mapping[str, str] = field(default_factory=dict)
    """Candidates that could not be compared, and why. They were tried, so the correction counts them."""


def pick_best(
    candidates: Mapping[str, Predictions],
    current: Predictions,
    *,
    task: Task | str = Task.BINARY,
    options: Options | None = None,
    earlier_looks: int = 0,
) -> Ranking:
    """Compare every candidate with the current version and name the best one that is significantly better.

    `earlier_looks` counts comparisons made on the same evaluation rows before; they enter the correction.
    Raises InvalidInputError when there is none that can be compared.
    """
    if not candidates:
        raise InvalidInputError("There is no candidate to compare.", hint="First tag runs or versions as candidates.")
    found: dict[str, Comparison] = {}
    problems: dict[str, str] = {}
    for name, rows in candidates.items():
        try:
            found[name] = compare(rows, current, task=task, options=options)
        except InvalidInputError as error:
            problems[name] = error.sentence()
    p_values = [one_sided(comparison) for comparison in found.values()]
    adjusted = holm(p_values + [1.0] * (earlier_looks + len(problems)))[: len(p_values)]
    ranked = [_ranked(name, found[name], p) for name, p in zip(found, adjusted, strict=True)]
    ranked.sort(key=lambda one: (not one.may_win, -_gain(one.comparison), one.name))
    winner = ranked[0].name if ranked and ranked[0].may_win else None
    return Ranking(tuple(ranked), winner, _sentence(ranked, winner, earlier_looks, len(problems)), problems)


def one_sided(comparison: Comparison) -> float:
    """The p-value of "not better": half of the two-sided one on the good side."""
    if comparison.p_value is None or comparison.difference.value is None:
        return NAN
    return comparison.p_value / 2 if _gain(comparison) > 0 else 1 - comparison.p_value / 2


def _gain(comparison: Comparison) -> float:
    value = comparison.difference.value
    if value is None:
        return -math.inf
    return value if comparison.higher_is_better else -value


def _ranked(name: str, comparison: Comparison, p_adjusted: float) -> Ranked:
    may_win = comparison.recommendation is Recommendation.PROMOTE and p_adjusted < LEVEL / 2
    return Ranked(name, comparison, None if math.isnan(p_adjusted) else p_adjusted, may_win)


def _sentence(ranked: list[Ranked], winner: str | None, earlier_looks: int, failed: int) -> str:
    count = len(ranked) + failed
    tried = f"{count} candidates" if count != 1 else "one candidate"
    looks = f" and {earlier_looks} earlier looks at the same rows" if earlier_looks else ""
    if winner is None:
        return f"No candidate is significantly better than the current version (corrected for {tried}{looks})."
    return f"{winner} is the best of {tried}: {ranked[0].comparison.reason} Corrected for {tried}{looks}."
