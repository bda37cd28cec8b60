"""Metrics that are a function of means over rows: value, influence and bootstrap come from the same few columns.

A row contributes k numbers (shape [n, k]); the metric is a smooth function of their means. The influence is the
delta method with an exact derivative by complex step (Squire and Trapp 1998, SIAM Review 40:110), so the functions
below use only operations that accept complex numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.evidence.arrays import FloatArray
from services.evidence.measures.estimates import NAN, Estimate

Means = npt.NDArray[np.complex128] | FloatArray
EPSILON = float(np.finfo(np.float64).eps)
"""Probabilities are kept this far from 0 and 1 in the log-loss, as scikit-learn does."""


@dataclass(frozen=True)
class SumMetric:
    """A named metric over k columns. `value` takes means of shape [..., k] and gives shape [...]."""

    name: str
    higher_is_better: bool
    value: Callable[[Means], Means]


def sum_estimate(metric: SumMetric, columns: FloatArray, *, weights: FloatArray | None = None) -> Estimate:
    """Value and influence of the metric over the rows of `columns`, shape [n, k]; NaN on an empty denominator."""
    share = np.full(len(columns), 1 / len(columns)) if weights is None else weights / weights.sum()
    means: FloatArray = share @ columns
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(np.real(metric.value(means)))
        gradient = np.array([_slope(metric, means, place) for place in range(len(means))])
    if not np.isfinite(gradient).all():
        return Estimate(value, np.full(len(columns), NAN))
    influence: FloatArray = share * ((columns - means) @ gradient)
    return Estimate(value, influence)


def _slope(metric: SumMetric, means: FloatArray, place: int) -> float:
    step = 1e-30
    moved = means.astype(np.complex128)
    moved[place] += 1j * step
    return float(np.imag(metric.value(moved)) / step)


def _first(means: Means) -> Means:
    return means[..., 0]


def _precision(means: Means) -> Means:
    return means[..., 0] / means[..., 1]


def _recall(means: Means) -> Means:
    return means[..., 0] / means[..., 2]


def _f1(means: Means) -> Means:
    return 2 * means[..., 0] / (means[..., 1] + means[..., 2])


def _macro_f1(means: Means) -> Means:
    hit, said, true = np.split(means, 3, axis=-1)
    seen = np.real(said + true) > 0
    parts = np.where(seen, 2 * hit / np.where(seen, said + true, 1), 0)
    total: Means = parts.sum(axis=-1) / np.maximum(seen.sum(axis=-1), 1)
    return total


def _root(means: Means) -> Means:
    root: Means = np.sqrt(means[..., 0])
    return root


def _r2(means: Means) -> Means:
    """1 - residual / total sum of squares, as scikit-learn; columns: squared error, y, y squared (centred)."""
    total = means[..., 2] - means[..., 1] ** 2
    return 1 - means[..., 0] / total


ACCURACY = SumMetric("accuracy", True, _first)
LOG_LOSS = SumMetric("log_loss", False, _first)
BRIER = SumMetric("brier", False, _first)
COST = SumMetric("cost", False, _first)
PRECISION = SumMetric("precision", True, _precision)
RECALL = SumMetric("recall", True, _recall)
F1 = SumMetric("f1", True, _f1)
MACRO_F1 = SumMetric("macro_f1", True, _macro_f1)
RMSE = SumMetric("rmse", False, _root)
MAE = SumMetric("mae", False, _first)
PINBALL = SumMetric("pinball", False, _first)
R2 = SumMetric("r2", True, _r2)


def log_loss_column(labels: FloatArray, scores: FloatArray) -> FloatArray:
    """-log of the probability given to the true class of a binary label, shape [n, 1]."""
    chance = np.clip(np.where(labels == 1, scores, 1 - scores), EPSILON, 1.0)
    column: FloatArray = -np.log(chance)[:, None]
    return column


def brier_column(labels: FloatArray, scores: FloatArray) -> FloatArray:
    """Squared error of the probability, shape [n, 1]."""
    return ((scores - labels) ** 2)[:, None]


def hit_column(labels: FloatArray, decided: FloatArray) -> FloatArray:
    """1 where the decision is right, else 0, shape [n, 1]."""
    hits: FloatArray = (decided == labels).astype(np.float64)
    return hits[:, None]


def decision_columns(labels: FloatArray, decided: FloatArray) -> FloatArray:
    """True positives, predicted positives, actual positives: shape [n, 3], for precision, recall and F1."""
    return np.stack((labels * decided, decided, labels), axis=1)


def cost_column(labels: FloatArray, decided: FloatArray, *, false_positive: float, false_negative: float) -> FloatArray:
    """Cost of each decision, shape [n, 1]."""
    wrong_yes, wrong_no = decided * (1 - labels), (1 - decided) * labels
    return (false_positive * wrong_yes + false_negative * wrong_no)[:, None]


def class_columns(labels: FloatArray, decided: FloatArray, classes: int) -> FloatArray:
    """Per class: correct, predicted, actual; shape [n, 3 * classes], for the macro F1."""
    said = decided[:, None] == np.arange(classes)
    true = labels[:, None] == np.arange(classes)
    return np.concatenate((said & true, said, true), axis=1).astype(np.float64)


def squared_error_column(labels: FloatArray, values: FloatArray) -> FloatArray:
    """Squared error, shape [n, 1]."""
    return ((values - labels) ** 2)[:, None]


def absolute_error_column(labels: FloatArray, values: FloatArray) -> FloatArray:
    """Absolute error, shape [n, 1]."""
    return np.abs(values - labels)[:, None]


def pinball_column(labels: FloatArray, values: FloatArray, *, quantile: float) -> FloatArray:
    """Pinball loss at the quantile, shape [n, 1]; half the absolute error at 0.5."""
    gap = labels - values
    return np.where(gap >= 0, quantile * gap, (quantile - 1) * gap)[:, None]


def r2_columns(labels: FloatArray, values: FloatArray) -> FloatArray:
    """Squared error and the label's first two moments around its mean, shape [n, 3]."""
    centred = labels - labels.mean()
    return np.stack(((values - labels) ** 2, centred, centred**2), axis=1)
