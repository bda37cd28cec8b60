"""The first version for an environment: compared with a threshold, or with the simplest heuristic."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from services.evidence.arrays import FloatArray
from services.evidence.aspects.leaks import TrainingRows
from services.evidence.comparison import Options, compare_aligned
from services.evidence.findings import Finding, Severity
from services.evidence.judgement import recommend, standing_in_words
from services.evidence.measures.estimates import Design, difference_from, outcome_of, variance
from services.evidence.measures.metrics import paired_metrics
from services.evidence.record import Comparison, finite, gap_of
from services.evidence.rows.alignment import Aligned, align
from services.evidence.rows.inputs import Predictions, Task


def first_version(
    candidate: Predictions,
    *,
    task: Task | str = Task.BINARY,
    threshold: float | None = None,
    options: Options | None = None,
    training: TrainingRows | None = None,
    positive: str | None = None,
) -> Comparison:
    """Compare with a constant: the share of positives, the most frequent class, or the mean target.

    With `threshold` the primary metric is judged against it instead (its interval must clear the threshold by the
    margin); the heuristic's figures still stand beside it. Raises InvalidInputError as `compare` does.
    """
    chosen = options or Options()
    own = replace(candidate, name="candidate")
    rows = align(own, replace(own, name="current", findings=()), task=Task(task), positive=positive)
    mean = _heuristic(rows.labels, Task(task), len(rows.classes))
    flat = replace(rows, current=mean[0], current_decided=mean[1], findings=_once(rows.findings))
    found = compare_aligned(flat, chosen, training=training, has_current=False)
    finding = Finding("first_version", Severity.INFO, "current", _sentence(Task(task), threshold))
    found = replace(found, findings=(finding, *found.findings))
    return found if threshold is None else _against(found, _candidate_metric(flat, chosen, found.metric), threshold)


def _once(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The stand-in for the current version repeats what was found in the candidate's table: say it once."""
    return tuple(dict.fromkeys(finding for finding in findings if finding.subject != "current"))


def _heuristic(labels: FloatArray, task: Task, classes: int) -> tuple[FloatArray, FloatArray | None]:
    rows = len(labels)
    if task is Task.MULTICLASS:
        shares = np.bincount(labels.astype(np.int64), minlength=classes) / rows
        return np.tile(shares, (rows, 1)), np.full(rows, float(np.argmax(shares)))
    return np.full(rows, labels.mean()), None


def _sentence(task: Task, threshold: float | None) -> str:
    if threshold is not None:
        return f"There is no current version: the candidate is judged against the threshold {threshold:g}."
    simple = {Task.BINARY: "the share of positives", Task.MULTICLASS: "the class shares", Task.REGRESSION: "the mean"}
    return f"There is no current version: the candidate is compared with a constant, {simple[task]}."


def _candidate_metric(rows: Aligned, options: Options, name: str) -> tuple[float, float, bool]:
    """The candidate's value, its variance, and whether higher is better."""
    paired = paired_metrics(rows, options.settings, only=name)[0]
    strata = rows.labels.astype(np.int64) if name == "auc" else None
    spread = variance(paired.candidate.influence, Design(strata, rows.groups))
    return paired.candidate.value, spread, paired.higher_is_better


def _against(found: Comparison, metric: tuple[float, float, bool], threshold: float) -> Comparison:
    value, spread, up = metric
    difference = difference_from(value - threshold, spread, method="threshold")
    verdict = outcome_of(difference, margin=found.margin, higher_is_better=up)
    said = f"{found.metric} {value:.4g} against the threshold {threshold:g}"
    if math.isfinite(difference.low):
        said += f" (95 % interval {difference.low + threshold:.4g} to {difference.high + threshold:.4g})"
    accept = bool(found.settings.get("accept_not_worse"))
    standing = standing_in_words(difference, margin=found.margin, higher_is_better=up)
    recommendation, reason = recommend(verdict, list(found.findings), said, standing=standing, accept_not_worse=accept)
    return replace(
        found,
        current=threshold,
        verdict=verdict,
        recommendation=recommendation,
        reason=reason,
        difference=gap_of(difference),
        p_value=finite(difference.p_value),
    )
