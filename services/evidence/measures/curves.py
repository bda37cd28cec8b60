"""Curves for plots as plain lists, thinned to a few hundred points that keep their shape."""

from __future__ import annotations

import numpy as np

from services.evidence.arrays import FloatArray, IntArray
from services.evidence.measures.metrics import are_probabilities
from services.evidence.measures.ranking import rank_order
from services.evidence.rows.alignment import Aligned
from services.evidence.rows.inputs import Task

Axes = dict[str, list[int | float]]
POINTS = 500
_DIGITS = 6
_BINS = 40


def curves_of(rows: Aligned, points: int = POINTS) -> dict[str, dict[str, Axes]]:
    """ROC, precision-recall and score histograms (binary), or errors (regression): lists of at most `points`."""
    if rows.candidate is None or rows.current is None or rows.candidate.ndim != 1:
        return {}
    sides = {"candidate": rows.candidate, "current": rows.current}
    if rows.task is Task.REGRESSION:
        edges = _edges(np.concatenate([scores - rows.labels for scores in sides.values()]), bounded=False)
        return {"errors": {side: _histogram(scores - rows.labels, edges) for side, scores in sides.items()}}
    if len(np.unique(rows.labels)) < 2:
        return {}
    found: dict[str, dict[str, Axes]] = {
        "roc": {side: roc_curve(rows.labels, scores, points=points) for side, scores in sides.items()},
        "precision_recall": {
            side: precision_recall(rows.labels, scores, points=points) for side, scores in sides.items()
        },
    }
    bounded = all(are_probabilities(scores) for scores in sides.values())
    edges = _edges(np.concatenate(list(sides.values())), bounded=bounded)
    found["scores"] = {side: _by_class(rows.labels, scores, edges) for side, scores in sides.items()}
    return found


def _steps(labels: FloatArray, scores: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """True and false positives and threshold at each distinct score, from the highest down, shape [groups]."""
    ranks = rank_order(scores)
    starts = np.concatenate(([0], ranks.ends[:-1]))
    pos = np.add.reduceat(labels[ranks.order], starts)[::-1]
    neg = ranks.sizes[::-1] - pos
    return np.cumsum(pos), np.cumsum(neg), scores[ranks.order][starts][::-1]


def thin(count: int, points: int) -> IntArray:
    """Evenly spaced places among `count`, first and last always among them."""
    if count <= points:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, points).round().astype(np.int64))


def roc_curve(labels: FloatArray, scores: FloatArray, *, points: int = POINTS) -> Axes:
    """False and true positive rate, from (0, 0) to (1, 1)."""
    hits, misses, _ = _steps(labels, scores)
    places = thin(len(hits), points - 1)
    x = np.concatenate(([0.0], misses[places] / misses[-1]))
    y = np.concatenate(([0.0], hits[places] / hits[-1]))
    return {"false_positive_rate": _short(x), "true_positive_rate": _short(y)}


def precision_recall(labels: FloatArray, scores: FloatArray, *, points: int = POINTS) -> Axes:
    """Recall, precision and the threshold at which they hold."""
    hits, misses, thresholds = _steps(labels, scores)
    places = thin(len(hits), points)
    precision = hits[places] / (hits[places] + misses[places])
    return {
        "recall": _short(hits[places] / hits[-1]),
        "precision": _short(precision),
        "threshold": _short(thresholds[places]),
    }


def _edges(values: FloatArray, *, bounded: bool) -> FloatArray:
    if bounded:
        return np.linspace(0, 1, _BINS + 1)
    low, high = float(values.min()), float(values.max())
    return np.linspace(low, high if high > low else low + 1, _BINS + 1)


def _by_class(labels: FloatArray, scores: FloatArray, edges: FloatArray) -> Axes:
    positive = np.histogram(scores[labels == 1], bins=edges)[0]
    negative = np.histogram(scores[labels == 0], bins=edges)[0]
    return {"edges": _short(edges), "positive": positive.tolist(), "negative": negative.tolist()}


def _histogram(values: FloatArray, edges: FloatArray) -> Axes:
    return {"edges": _short(edges), "rows": np.histogram(values, bins=edges)[0].tolist()}


def _short(values: FloatArray) -> list[int | float]:
    rounded: list[int | float] = np.round(values, _DIGITS).tolist()
    return rounded
