"""Aliases that MLflow rejects, and bounds without effect or that cannot be met, mostly percents given for shares."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from services.domain.checks import Enforcement
from services.domain.policy import CheckRule

Found = tuple[str, str]
"""``error`` or ``warning``, and the message."""
ERROR, WARNING = "error", "warning"
ALIAS_LENGTH = 255
SHARES = re.compile(
    r"(?:^|[_\W])(?:roc_?)?(?:auc|auroc|auprc|ap|average_precision|acc|accuracy|balanced_accuracy|precision|recall|f1|f2"
    r"|fbeta|jaccard|specificity|sensitivity|tpr|fpr|tnr|fnr|brier|ece|hit_rate|share|rate|r2|r2_score|gini|mcc|kappa"
    r"|ndcg|map|mrr)(?:$|[_\W\d])",
    re.IGNORECASE,
)
"""Metrics whose values are at most 1."""
_MUCH = 1.0
"""A PSI of 0.25 is already large."""


def wrong_alias(alias: str | None) -> Iterator[str]:
    """Why MLflow rejects an alias; empty if it is valid. Source:  mlflow.utils.validation, 3.17.2."""
    if alias is None:
        return
    if alias.casefold() == "latest":
        yield f"MLflow reserves the alias {alias}; choose another one"
    elif re.fullmatch(r"v\d+", alias, re.IGNORECASE):
        yield f"the alias {alias} looks like a version number, which MLflow rejects; choose another one"
    elif not re.fullmatch(r"[\w-]+", alias):
        yield f"MLflow allows only letters, digits, - and _ in an alias, so {alias} cannot be set"
    elif len(alias) > ALIAS_LENGTH:
        yield f"the alias is longer than {ALIAS_LENGTH} characters, which MLflow rejects"


def odd_bounds(rule: CheckRule, comparison: Mapping[str, Any] | None = None) -> Iterator[Found]:
    """Suspicious bounds of a check; empty for a check that is off.

    `comparison`: the settings of the policy's comparison; the floor of slices applies to its metric.
    """
    if rule.enforcement is Enforcement.OFF:
        return
    given = {
        name: float(v) for name, v in rule.settings.items() if isinstance(v, int | float) and not isinstance(v, bool)
    }
    if rule.kind == "slice_floor" and not _is_share(comparison or {}):
        yield from _rows("slice_floor", given)
        return
    judge = _KINDS.get(rule.kind)
    if judge is not None:
        yield from judge(rule.settings, given)


def _is_share(comparison: Mapping[str, Any]) -> bool:
    """Whether the comparison's metric is at most 1; the default is AUC or accuracy."""
    usual = "rmse" if comparison.get("task") == "regression" else "auc"
    return bool(SHARES.search(str(comparison.get("metric", usual))))


def _percent(name: str, value: float) -> str:
    share = f"; {value:g} % is written {value / 100:g}" if 1 < value <= 100 else ""
    return f"{name} {value:g}{share}"


def _ordered(kind: str, given: Mapping[str, float], low: str, high: str) -> Iterator[Found]:
    if low in given and high in given and given[low] > given[high]:
        yield ERROR, f"{kind} requires {low} {given[low]:g} and {high} {given[high]:g}; no value satisfies both"


def _floor(kind: str, given: Mapping[str, float]) -> Iterator[Found]:
    """`at_least` for a value that is at most 1."""
    floor = given.get("at_least")
    if floor is None:
        return
    if floor > 1:
        yield WARNING, f"{kind} can never pass if the metric is a share: {_percent('at_least', floor)}"
    elif floor <= 0:
        yield WARNING, f"{kind} with at_least {floor:g} accepts any share"


def _metric_floor(settings: Mapping[str, Any], given: Mapping[str, float]) -> Iterator[Found]:
    metric = str(settings.get("metric", ""))
    kind = f"metric_floor of {metric}"
    yield from _ordered(kind, given, "at_least", "at_most")
    if not SHARES.search(metric):
        return
    yield from _floor(kind, given)
    roof = given.get("at_most")
    if roof is not None and roof > 1:
        yield WARNING, f"{kind} never fails: {_percent('at_most', roof)}"
    elif roof is not None and roof < 0:
        yield WARNING, f"{kind} with at_most {roof:g} can hardly ever pass"


def _slice_floor(_: Mapping[str, Any], given: Mapping[str, float]) -> Iterator[Found]:
    yield from _floor("slice_floor", given)
    yield from _rows("slice_floor", given)


def _rows(kind: str, given: Mapping[str, float]) -> Iterator[Found]:
    least = given.get("min_rows")
    if least is not None and least < 10:
        yield WARNING, f"{kind} with min_rows {least:g} judges very small groups, whose results are mostly chance"
    if least is not None and least >= 100_000:
        yield WARNING, f"{kind} with min_rows {least:g} judges almost no group"


def _fairness(settings: Mapping[str, Any], given: Mapping[str, float]) -> Iterator[Found]:
    kind = f"fairness_bound of {settings.get('column', '')}"
    if given.get("min_ratio", 0) > 1:
        yield (
            WARNING,
            f"{kind} can never pass, because a ratio is at most 1: {_percent('min_ratio', given['min_ratio'])}",
        )
    if given.get("min_ratio") == 0:
        yield WARNING, f"{kind} never fails: min_ratio 0"
    for name in ("max_difference", "max_widening"):
        if given.get(name, 0) >= 1:
            yield WARNING, f"{kind} never fails, because rates differ by at most 1: {_percent(name, given[name])}"
    yield from _rows(kind, given)


def _calibration(_: Mapping[str, Any], given: Mapping[str, float]) -> Iterator[Found]:
    for name in ("max_ece", "max_rise"):
        if given.get(name, 0) >= 1:
            yield WARNING, f"calibration never fails, because the error is at most 1: {_percent(name, given[name])}"


def _drift(_: Mapping[str, Any], given: Mapping[str, float]) -> Iterator[Found]:
    most, some = given.get("max_psi"), given.get("warn_psi")
    if most is not None and most > _MUCH:
        yield WARNING, f"drift hardly ever fails: {_percent('max_psi', most)}; a PSI of 0.25 is already large"
    if most == 0:
        yield WARNING, "drift with max_psi 0 fails on any significant difference"
    if most is not None and some is not None and some >= most:
        yield WARNING, f"drift never warns: warn_psi {some:g} is not below max_psi {most:g}"


def _comparison(settings: Mapping[str, Any], given: Mapping[str, float]) -> Iterator[Found]:
    is_share = _is_share(settings)
    for name in ("margin", "slice_margin"):
        if is_share and given.get(name, 0) >= 1:
            yield WARNING, f"comparison treats any loss as small: {_percent(name, given[name])}"
    if is_share and given.get("baseline", 0) > 1:
        yield WARNING, f"comparison: no first version can reach it: {_percent('baseline', given['baseline'])}"
    if not 0 < given.get("bar", 0.9) <= 1:
        yield WARNING, f"comparison: the bar is a share of the resamples: {_percent('bar', given['bar'])}"
    if given.get("resamples", 1000) < 100:
        yield WARNING, f"comparison with {given['resamples']:g} resamples is too imprecise"


def _dependencies(settings: Mapping[str, Any], _: Mapping[str, float]) -> Iterator[Found]:
    forbidden = settings.get("forbidden", ())
    for text in [forbidden] if isinstance(forbidden, str) else forbidden:
        try:
            Requirement(str(text))
        except InvalidRequirement:
            yield ERROR, f"dependencies forbids invalid requirements, so the check is always unknown: {text}"


def _safe_format(settings: Mapping[str, Any], _: Mapping[str, float]) -> Iterator[Found]:
    allowed = settings.get("allow", ())
    odd = [str(text) for text in ([allowed] if isinstance(allowed, str) else allowed) if not str(text).startswith(".")]
    if odd:
        yield WARNING, f"safe_format allows extensions, which start with a dot; these match no file: {', '.join(odd)}"


_KINDS = {
    "metric_floor": _metric_floor,
    "slice_floor": _slice_floor,
    "fairness_bound": _fairness,
    "calibration": _calibration,
    "drift": _drift,
    "comparison": _comparison,
    "dependencies": _dependencies,
    "safe_format": _safe_format,
}
