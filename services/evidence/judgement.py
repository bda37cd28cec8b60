"""From numbers to advice: the guards on the rows, the recommendation and its one sentence."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.evidence.arrays import FloatArray
from services.evidence.findings import HARMS, Finding, Severity, owner
from services.evidence.measures.estimates import Difference, Outcome
from services.evidence.measures.metrics import class_decisions
from services.evidence.record import Recommendation
from services.evidence.rows.alignment import Aligned
from services.evidence.rows.inputs import Task
from services.evidence.words import counted, level, signed

FEW = 20
"""Fewer rows of a class (or groups, or half as many rows as 50) than this block."""
SOME = 50
"""Below this number they are listed."""


def row_findings(rows: Aligned, *, has_current: bool = True) -> list[Finding]:
    """What is wrong with the rows themselves: one class, constant scores, too few rows, identical predictions."""
    found = [*_one_class(rows), *_constant(rows, has_current=has_current), *_few(rows)]
    if has_current and _identical(rows):
        sentence = "Both versions give the same prediction for every row: there is nothing to gain from a promotion."
        found.append(Finding("identical", Severity.BLOCKING, "both", sentence))
    return found


def _one_class(rows: Aligned) -> list[Finding]:
    kinds = np.unique(rows.labels)
    if len(kinds) > 1:
        return []
    if rows.task is Task.REGRESSION:
        sentence = f"The target is {kinds[0]:g} in every row: no R squared, and it looks like a wrong extract."
        return [Finding("constant_target", Severity.BLOCKING, "label", sentence)]
    name = rows.classes[int(kinds[0])] if int(kinds[0]) < len(rows.classes) else f"{kinds[0]:g}"
    sentence = f"Every row has the label {name}: how well the versions tell classes apart cannot be measured."
    return [Finding("one_class", Severity.BLOCKING, "label", sentence)]


def _constant(rows: Aligned, *, has_current: bool) -> list[Finding]:
    found = []
    for subject, scores in (("candidate", rows.candidate), ("current", rows.current)):
        if scores is None or rows.rows < 2 or not bool((scores == scores[0]).all()):
            continue
        if subject == "current" and not has_current:
            continue
        severity = Severity.BLOCKING if subject == "candidate" else Severity.WARNING
        sentence = f"{owner(subject)} gives the same score to every row: it does not look at its inputs."
        found.append(Finding("constant_scores", severity, subject, sentence))
    return found


def _few(rows: Aligned) -> list[Finding]:
    by_weight = "" if rows.weights is None else " by weight"
    counts = [(_effective(rows, np.ones(rows.rows, dtype=bool)), f"rows{by_weight}", 2.5)]
    if rows.task is Task.BINARY:
        counts += [
            (_effective(rows, rows.labels == 1), f"rows of the positive class{by_weight}", 1.0),
            (_effective(rows, rows.labels == 0), f"rows of the negative class{by_weight}", 1.0),
        ]
    if rows.groups is not None:
        counts.append((len(np.unique(rows.groups)), "groups", 1.0))
    count, what, factor = min(counts, key=lambda item: item[0] / item[2])
    if count >= SOME * factor:
        return []
    if count < FEW * factor:
        sentence = f"Only {counted(count, what)}: too few for a judgement; at least {int(FEW * factor)} are needed."
        return [Finding("too_few_rows", Severity.BLOCKING, what, sentence)]
    sentence = f"Only {counted(count, what)}: intervals are rough and only large differences can be seen."
    return [Finding("too_few_rows", Severity.WARNING, what, sentence)]


def _effective(rows: Aligned, part: npt.NDArray[np.bool_]) -> int:
    """How many equal rows say as much as these with their weights: (sum of w)^2 / sum of w^2 (Kish 1965)."""
    if rows.weights is None:
        return int(part.sum())
    weights = rows.weights[part]
    return round(float(weights.sum() ** 2 / (weights**2).sum())) if len(weights) else 0


def _identical(rows: Aligned) -> bool:
    if rows.candidate is not None and rows.current is not None:
        return bool(np.array_equal(rows.candidate, rows.current))
    if rows.task is Task.MULTICLASS:
        first, second = class_decisions(rows)
        return bool(np.array_equal(first, second))
    return False


def recommend(
    verdict: Outcome, findings: list[Finding], said: str, *, standing: str, accept_not_worse: bool
) -> tuple[Recommendation, str]:
    """Harm or a worse candidate: reject. Evidence that cannot be used or shows no gain: hold. A gain: promote.

    `standing` describes a candidate that is not worse (see `standing_in_words`).
    """
    blocking = [finding for finding in findings if finding.severity is Severity.BLOCKING]
    harms = [finding for finding in blocking if finding.kind in HARMS]
    broken = [finding for finding in blocking if finding.kind not in HARMS]
    unreadable = [finding for finding in broken if _is_unreadable(finding)]
    rejection = "" if unreadable else _rejection(verdict, harms, said)
    if rejection:
        return Recommendation.REJECT, rejection
    if broken:
        return Recommendation.HOLD, (unreadable or broken)[0].sentence
    if verdict is Outcome.BETTER:
        return Recommendation.PROMOTE, f"The candidate is better: {said}, and no guardrail was triggered."
    if verdict is Outcome.CANNOT_TELL:
        return Recommendation.HOLD, f"The rows cannot tell which version is better: {said}."
    if accept_not_worse:
        return (
            Recommendation.PROMOTE,
            f"The candidate is not worse than allowed: {said}, and no guardrail was triggered.",
        )
    return Recommendation.HOLD, f"{standing}: {said}."


def _is_unreadable(finding: Finding) -> bool:
    """Bad news cannot be believed either: other rows, the other label, chance taken for proof, hardly any rows."""
    if finding.kind in {"misaligned", "reversed_scores"}:
        return finding.subject == "both"
    if finding.kind == "few_rows_decide":
        return finding.subject == "label"
    return finding.kind in {"clustered_rows", "too_few_rows", "one_class"}


def _rejection(verdict: Outcome, harms: list[Finding], said: str) -> str:
    """Reason to reject: harm to a group first, then a worse candidate, then other harm; empty if none."""
    for_whom = [finding for finding in harms if finding.kind == "slice_harm"]
    if for_whom:
        return for_whom[0].sentence
    if verdict is Outcome.WORSE:
        return f"The candidate is worse: {said}."
    return harms[0].sentence if harms else ""


def standing_in_words(difference: Difference, *, margin: float, higher_is_better: bool) -> str:
    """Describes a candidate that is not worse: level, or on one side of zero and within the margin."""
    if not difference.is_estimable or difference.low <= 0 <= difference.high:
        return "No difference is shown, and the candidate is not worse" + (
            f" by more than {margin:g}" if margin else ""
        )
    if (difference.value > 0) == higher_is_better:
        return f"The candidate is better, but not by more than the margin {margin:g}"
    return f"The candidate is a little worse, by less than the margin {margin:g}"


def difference_in_words(name: str, value: float, interval: tuple[float, float], *, figures: FloatArray) -> str:
    """Like "auc 0.904 to 0.916, difference +0.0120 (95 % interval +0.0100 to +0.0140)"."""
    if not np.isfinite(value):
        return f"{name} cannot be computed"
    scale = float(np.abs(figures).max())
    words = f"{name} {level(figures[1])} to {level(figures[0])}, difference {signed(value, scale=scale)}"
    if not np.isfinite(interval).all():
        return f"{words}, uncertainty not estimable"
    low, high = (signed(end, scale=scale) for end in interval)
    return f"{words} (95 % interval {low} to {high})"
