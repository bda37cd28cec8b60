"""The settings of each check, their types, and which of two values is weaker.

A misspelt setting would be ignored, and a bound that is not a number would have no effect: both are
errors in the file. docs/evidence.md explains each setting.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Rule = Callable[[Any], str | None]
"""None if the value is valid; otherwise what it must be."""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _number(value: Any) -> str | None:
    return None if _is_number(value) else "must be a finite number"


def _not_negative(value: Any) -> str | None:
    return None if _is_number(value) and value >= 0 else "must be a number, zero or more"


def _whole(value: Any) -> str | None:
    return None if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else "must be a whole number"


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and value.strip() else "must be a text"


def _texts(value: Any) -> str | None:
    many = [value] if isinstance(value, str) else value
    is_good = isinstance(many, list | tuple) and bool(many) and not any(_text(part) for part in many)
    return None if is_good else "must be a text or a list of texts"


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _scalar(value: Any) -> str | None:
    return None if isinstance(value, str | bool) or _is_number(value) else "must be a single value"


def _one_of(*names: str) -> Rule:
    return lambda value: None if value in names else f"must be one of: {', '.join(names)}"


RATES = ("selection rate", "true positive rate", "false positive rate")
TASKS = ("binary", "multiclass", "regression")
KNOWN: Mapping[str, Mapping[str, Rule]] = {
    "artifact_digest": {},
    "lineage_complete": {},
    "tests_passed": {},
    "metric_floor": {"metric": _text, "at_least": _number, "at_most": _number, "dataset": _text},
    "slice_floor": {"at_least": _number, "columns": _texts, "min_rows": _whole},
    "fairness_bound": {
        "column": _text, "rate": _one_of(*RATES), "max_difference": _not_negative, "min_ratio": _not_negative,
        "max_widening": _not_negative, "min_rows": _whole,
    },
    "calibration": {"max_ece": _not_negative, "max_rise": _not_negative},
    "drift": {
        "max_psi": _not_negative, "warn_psi": _not_negative, "columns": _texts, "against": _one_of("training", "live"),
    },
    "model_card": {"headings": _texts},
    "documentation": {"description": _flag, "card": _flag, "tags": _texts},
    "signature": {"change": _one_of("unchanged", "compatible")},
    "dependencies": {"forbidden": _texts},
    "safe_format": {"allow": _texts},
    "comparison": {
        "margin": _not_negative, "slice_margin": _not_negative, "metric": _text, "task": _one_of(*TASKS),
        "slices": _texts, "fairness": _texts, "group": _text, "baseline": _number, "positive": _scalar,
        "accept_not_worse": _flag, "stratified": _flag, "replay_reference": _flag, "resamples": _whole,
        "seed": _whole, "bar": _number,
    },
}  # fmt: skip
"""Custom checks are not listed; they define their own settings."""


def wrong_settings(kind: str, settings: Mapping[str, Any]) -> Iterator[str]:
    """Errors in the settings of a check."""
    known = KNOWN.get(kind)
    for name, value in settings.items():
        if known is None:
            wrong = None if _has_finite_numbers(value) else "must contain only finite numbers"
        elif name not in known:
            wrong = f"is unknown; {kind} accepts {', '.join(known) or 'no settings'}"
        else:
            wrong = known[name](value)
        if wrong:
            yield f"{name} {wrong}"


def _has_finite_numbers(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_has_finite_numbers, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_has_finite_numbers, value))
    return not isinstance(value, float) or math.isfinite(value)


_MORE_IS_STRICTER = ("at_least", "min_", "baseline", "bar")
_LESS_IS_STRICTER = ("at_most", "max_", "warn_", "margin", "slice_margin")
_LOOSENING = frozenset({"allow", "accept_not_worse", "margin", "slice_margin"})
"""Settings that can only weaken a check."""
LARGEST_USUAL = 100
"""The largest default of min_rows: the number of rows from which checks judge a group."""
_LISTED_FORBIDDEN = ("forbidden", "headings", "tags")


def weaker_settings(own: Mapping[str, Any], tiers: Mapping[str, Any]) -> Iterator[str]:
    """Where a policy requires less than its tier. Values without an order must be equal."""
    for name, theirs in tiers.items():
        mine = own.get(name)
        if mine is None:
            yield f"leaves out {name}, which the tier sets to {_short(theirs)}"
        elif _is_weaker(name, mine, theirs):
            yield f"{name} {_short(mine)} is weaker than the tier's {_short(theirs)}"
    for name in _LOOSENING & (own.keys() - tiers.keys()):
        if own[name]:
            yield f"{name} {_short(own[name])} weakens the check, and the tier does not set it"
    least = own.get("min_rows", 0)
    if "min_rows" not in tiers and _is_number(least) and least > LARGEST_USUAL:
        yield f"min_rows {_short(least)} leaves out groups that the tier judges"


def _is_weaker(name: str, mine: Any, theirs: Any) -> bool:
    if _is_number(mine) and _is_number(theirs):
        if name == "min_rows":  # a larger value judges fewer groups, a smaller one judges them on fewer rows
            return bool(mine != theirs)
        if name.startswith(_MORE_IS_STRICTER):
            return bool(mine < theirs)
        if name.startswith(_LESS_IS_STRICTER):
            return bool(mine > theirs)
    if name in _LISTED_FORBIDDEN and isinstance(mine, list | tuple) and isinstance(theirs, list | tuple):
        return not set(theirs) <= set(mine)
    return bool(mine != theirs)


def _short(value: Any) -> str:
    return f"{value:g}" if _is_number(value) else str(value)
