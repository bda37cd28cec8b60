"""Results that are too good to be true, and results that a handful of rows make."""

from __future__ import annotations

import math

import numpy as np

from services.evidence.arrays import FloatArray, IntArray
from services.evidence.findings import Finding, Severity
from services.evidence.measures.estimates import Outcome, outcome_of
from services.evidence.measures.metrics import Paired, Settings, paired_metrics
from services.evidence.rows.alignment import Aligned
from services.evidence.rows.inputs import Task
from services.evidence.words import counted

ENOUGH = 20
"""Of fewer rows a perfect score is luck."""
FEW = 10
"""Rows that make nearly all of a difference, at most; and fewer than one row in fifty."""
_ONE_IN = 50
_WORDS = {
    Outcome.BETTER: "better", Outcome.NOT_WORSE: "not worse", Outcome.WORSE: "worse", Outcome.CANNOT_TELL: "open",
}  # fmt: skip


def perfect_findings(rows: Aligned, primary: Paired) -> list[Finding]:
    """A candidate whose scores are the label itself has seen the answer; one without any error may have."""
    if rows.rows < ENOUGH or len(np.unique(rows.labels)) < 2 or rows.task is Task.MULTICLASS:
        return []
    is_decision = any(finding.kind == "no_scores" and finding.subject == "candidate" for finding in rows.findings)
    if rows.candidate is not None and np.array_equal(rows.candidate, rows.labels) and not is_decision:
        sentence = (
            f"The candidate's scores are the label itself in all {counted(rows.rows, 'rows')}: "
            "an input holds the answer, or the wrong column was named."
        )
        return [Finding("leak", Severity.BLOCKING, "candidate", sentence)]
    if primary.name == "auc" and primary.candidate.value == 1 > primary.current.value:
        sentence = (
            f"The candidate ranks all {counted(rows.rows, 'rows')} without one error. "
            "An input that holds the answer does that more often than a model: look for one."
        )
        return [Finding("leak", Severity.WARNING, "candidate", sentence)]
    return []


def decisive_findings(
    rows: Aligned, primary: Paired, verdict: Outcome, *, settings: Settings, margin: float
) -> list[Finding]:
    """Rows with enormous errors that make a regression's verdict by themselves; blocks when it changes without them.

    The number of rows that carry the difference is the participation ratio of their squared influences,
    (sum of d^2)^2 / sum of d^4: n for equal ones, 1 where one row is all of it.
    """
    top = _carriers(primary.influence) if rows.task is Task.REGRESSION else None
    if top is None:
        return []
    kept = np.ones(rows.rows, dtype=bool)
    kept[top] = False
    rest = rows.take(kept)
    without = paired_metrics(rest, settings, only=primary.name)[0]
    other = outcome_of(
        without.difference(rest.labels, rest.groups), margin=margin, higher_is_better=without.higher_is_better
    )
    subject, who = _who_is_off(rows, top)
    is_kept = other is verdict
    said = "The verdict stays without them." if is_kept else f"Without them the verdict is: {_WORDS[other]}."
    sentence = (
        f"{counted(len(top), 'rows')} of {rows.rows:,} make nearly all of the difference in {primary.name}; "
        f"{who} far off there. {said}"
    )
    return [Finding("few_rows_decide", Severity.WARNING if is_kept else Severity.BLOCKING, subject, sentence)]


def _carriers(influence: FloatArray) -> IntArray | None:
    """The rows that carry the difference, where they are only a handful."""
    largest = float(np.abs(influence).max(initial=0.0))
    if largest == 0 or not math.isfinite(largest):
        return None
    squares = (influence / largest) ** 2
    few = float(squares.sum() ** 2 / (squares**2).sum())
    if few >= min(FEW, len(influence) / _ONE_IN):
        return None
    found: IntArray = np.argsort(-squares, kind="stable")[: max(1, round(few))]
    return found


def _who_is_off(rows: Aligned, top: IntArray) -> tuple[str, str]:
    """Whose error it is: where both versions miss by about as much, the label's."""
    assert rows.candidate is not None  # noqa: S101 - regression rows always have values
    assert rows.current is not None  # noqa: S101 - as above
    errors = [float(np.abs(values[top] - rows.labels[top]).mean()) for values in (rows.candidate, rows.current)]
    if min(errors) > 0.5 * max(errors):
        return "label", "both versions are"
    return ("candidate", "the candidate is") if errors[0] > errors[1] else ("current", "the current version is")
