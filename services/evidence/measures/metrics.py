"""Which metrics a task has, each with the estimates of both versions on the same rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from services.errors import InvalidInputError
from services.evidence.arrays import FloatArray, IntArray
from services.evidence.measures import sums
from services.evidence.measures.estimates import Design, Difference, Estimate, paired_difference
from services.evidence.measures.ranking import auc_estimate, average_precision_estimate, rank_order
from services.evidence.rows.alignment import Aligned
from services.evidence.rows.inputs import Task

PRIMARY = {Task.BINARY: "auc", Task.MULTICLASS: "accuracy", Task.REGRESSION: "rmse"}


@dataclass(frozen=True)
class Settings:
    """Choices that some metrics need."""

    threshold: float = 0.5
    """A score at or above it is a yes."""
    cost_false_positive: float = 1.0
    cost_false_negative: float = 1.0
    quantile: float = 0.5
    """Quantile of the pinball loss."""


@dataclass(frozen=True)
class Paired:
    """One metric of both versions. `columns` are the sums behind it (candidate, current), None for rankings."""

    name: str
    higher_is_better: bool
    candidate: Estimate
    current: Estimate
    metric: sums.SumMetric | None = None
    columns: tuple[FloatArray, FloatArray] | None = None

    @property
    def influence(self) -> FloatArray:
        """Each row's share in the error of the difference, shape [n]."""
        difference: FloatArray = self.candidate.influence - self.current.influence
        return difference

    def difference(self, labels: FloatArray, groups: IntArray | None) -> Difference:
        """Candidate minus current; `labels` give the classes for the AUC's small-sample factor."""
        by_class = labels.astype(np.int64) if self.name == "auc" else None
        kind = "delong" if self.name == "auc" else "delta"
        if groups is not None:
            kind = "obuchowski" if self.name == "auc" else "delta by group"
        return paired_difference(self.candidate, self.current, Design(by_class, groups), method=kind)


def paired_metrics(rows: Aligned, settings: Settings, *, only: str | None = None) -> tuple[Paired, ...]:
    """All metrics that the task and the columns allow, the primary one first; or the one asked for."""
    makers = {Task.BINARY: _binary, Task.MULTICLASS: _multiclass, Task.REGRESSION: _regression}
    return tuple(makers[rows.task](rows, settings, only))


def are_probabilities(scores: FloatArray | None) -> bool:
    """True when every score lies in 0..1."""
    return scores is not None and bool((scores >= 0).all() and (scores <= 1).all())


def decisions(rows: Aligned, settings: Settings) -> tuple[FloatArray, FloatArray] | None:
    """0/1 decisions of both versions: their own where both have them, else by the threshold on probabilities."""
    own = rows.candidate_decided, rows.current_decided
    if own[0] is not None and own[1] is not None and np.isfinite(own[0] + own[1]).all():
        return own[0], own[1]
    if not (are_probabilities(rows.candidate) and are_probabilities(rows.current)):
        return None
    assert rows.candidate is not None  # noqa: S101 - narrowed by are_probabilities
    assert rows.current is not None  # noqa: S101 - as above
    return _yes(rows.candidate, settings), _yes(rows.current, settings)


def _yes(scores: FloatArray, settings: Settings) -> FloatArray:
    return (scores >= settings.threshold).astype(np.float64)


def _summed(
    metric: sums.SumMetric,
    rows: Aligned,
    sides: tuple[FloatArray, FloatArray],
    columns: Callable[[FloatArray], FloatArray],
) -> Paired:
    """The metric of both sides; `columns` makes a side's columns from its scores, values or decisions."""
    candidate, current = columns(sides[0]), columns(sides[1])
    return Paired(
        metric.name,
        metric.higher_is_better,
        sums.sum_estimate(metric, candidate, weights=rows.weights),
        sums.sum_estimate(metric, current, weights=rows.weights),
        metric,
        (candidate, current),
    )


def _binary(rows: Aligned, settings: Settings, only: str | None) -> list[Paired]:
    labels, candidate, current = rows.labels, rows.candidate, rows.current
    assert candidate is not None  # noqa: S101 - binary rows always have scores
    assert current is not None  # noqa: S101 - as above
    found: list[Paired] = []
    if only in {None, "auc", "average_precision"}:
        found += _rankings(rows, candidate, current)
    if are_probabilities(candidate) and are_probabilities(current) and only in {None, "log_loss", "brier"}:
        both = candidate, current
        found.append(_summed(sums.LOG_LOSS, rows, both, lambda scores: sums.log_loss_column(labels, scores)))
        found.append(_summed(sums.BRIER, rows, both, lambda scores: sums.brier_column(labels, scores)))
    if only not in {"auc", "average_precision", "log_loss", "brier"}:
        found += _decided_metrics(rows, settings)
    return _chosen(found, only)


def _rankings(rows: Aligned, candidate: FloatArray, current: FloatArray) -> list[Paired]:
    sides = [(scores, rank_order(scores)) for scores in (candidate, current)]
    first, second = (auc_estimate(rows.labels, s, weights=rows.weights, ranks=order) for s, order in sides)
    third, fourth = (average_precision_estimate(rows.labels, s, weights=rows.weights, ranks=o) for s, o in sides)
    return [Paired("auc", True, first, second), Paired("average_precision", True, third, fourth)]


def _decided_metrics(rows: Aligned, settings: Settings) -> list[Paired]:
    decided = decisions(rows, settings)
    if decided is None:
        return []
    labels = rows.labels

    def cells(said: FloatArray) -> FloatArray:
        return sums.decision_columns(labels, said)

    def cost(said: FloatArray) -> FloatArray:
        prices = settings.cost_false_positive, settings.cost_false_negative
        return sums.cost_column(labels, said, false_positive=prices[0], false_negative=prices[1])

    found = [_summed(sums.ACCURACY, rows, decided, lambda said: sums.hit_column(labels, said))]
    found += [_summed(metric, rows, decided, cells) for metric in (sums.F1, sums.PRECISION, sums.RECALL)]
    return [*found, _summed(sums.COST, rows, decided, cost)]


def _chosen(found: list[Paired], only: str | None) -> list[Paired]:
    return [paired for paired in found if only in {None, paired.name}]


def class_decisions(rows: Aligned) -> tuple[FloatArray, FloatArray]:
    """Predicted class codes of both versions: the prediction column, else the class with the highest score."""
    return _decided_class(rows.candidate_decided, rows.candidate), _decided_class(rows.current_decided, rows.current)


def _decided_class(decided: FloatArray | None, scores: FloatArray | None) -> FloatArray:
    if decided is not None:
        return decided
    if scores is None:
        raise InvalidInputError(
            "The table has neither scores nor predictions.", hint="Name a column with --prediction."
        )
    best: FloatArray = np.argmax(scores, axis=1).astype(np.float64)
    return best


def _multiclass(rows: Aligned, _settings: Settings, only: str | None) -> list[Paired]:
    decided = class_decisions(rows)
    labels, classes = rows.labels, len(rows.classes)
    found = [_summed(sums.ACCURACY, rows, decided, lambda said: sums.hit_column(labels, said))]
    if only != "accuracy":
        found.append(_summed(sums.MACRO_F1, rows, decided, lambda said: sums.class_columns(labels, said, classes)))
        if rows.candidate is not None and rows.current is not None:
            found += _multiclass_scores(rows, rows.candidate, rows.current)
    return _chosen(found, only)


def _multiclass_scores(rows: Aligned, candidate: FloatArray, current: FloatArray) -> list[Paired]:
    found = [Paired("auc_ovr", True, _one_vs_rest(rows, candidate), _one_vs_rest(rows, current))]
    if are_probabilities(candidate) and are_probabilities(current):
        sides = candidate, current
        found.append(_summed(sums.LOG_LOSS, rows, sides, lambda scores: _class_log_loss(rows.labels, scores)))
    return found


def _class_log_loss(labels: FloatArray, scores: FloatArray) -> FloatArray:
    """Log-loss of the true class with scores brought to sum 1, shape [n, 1]."""
    total = scores.sum(axis=1)
    own = scores[np.arange(len(labels)), labels.astype(np.int64)]
    chance = np.clip(own / np.where(total > 0, total, 1.0), sums.EPSILON, 1.0)
    column: FloatArray = -np.log(chance)[:, None]
    return column


def _one_vs_rest(rows: Aligned, scores: FloatArray) -> Estimate:
    """Macro average of each class against the rest, over the classes that occur among the labels."""
    parts = [
        auc_estimate((rows.labels == code).astype(np.float64), scores[:, code], weights=rows.weights)
        for code in range(len(rows.classes))
    ]
    usable = [part for part in parts if np.isfinite(part.value)]
    if not usable:
        return parts[0]
    return Estimate(
        float(np.mean([part.value for part in usable])), np.mean([part.influence for part in usable], axis=0)
    )


def _regression(rows: Aligned, settings: Settings, only: str | None) -> list[Paired]:
    labels = rows.labels
    assert rows.candidate is not None  # noqa: S101 - regression rows always have values
    assert rows.current is not None  # noqa: S101 - as above
    both = (rows.candidate, rows.current)

    def pinball(values: FloatArray) -> FloatArray:
        return sums.pinball_column(labels, values, quantile=settings.quantile)

    found = [
        _summed(sums.RMSE, rows, both, lambda values: sums.squared_error_column(labels, values)),
        _summed(sums.MAE, rows, both, lambda values: sums.absolute_error_column(labels, values)),
        _summed(sums.PINBALL, rows, both, pinball),
    ]
    if len(np.unique(labels)) > 1:
        found.append(_summed(sums.R2, rows, both, lambda values: sums.r2_columns(labels, values)))
    return _chosen(found, only)
