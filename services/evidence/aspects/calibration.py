"""Calibration: whether scores mean what they say, and whether the candidate keeps that.

Equal-count bins (tied scores stay together), Wilson intervals (1927), ECE over the stated bins. The reliability term
is corrected for sampling noise (Broecker 2012, Clim. Dyn. 39:655), so that small tables do not look miscalibrated.
"""

from __future__ import annotations

import math

import numpy as np

from services.evidence.arrays import FloatArray
from services.evidence.findings import Finding, Severity, owner
from services.evidence.measures.estimates import harm_p_value
from services.evidence.measures.metrics import Paired, are_probabilities
from services.evidence.record import Calibration, ReliabilityBin
from services.evidence.rows.alignment import Aligned
from services.evidence.rows.inputs import Task

BINS = 10
ECE_HARM = 0.01
"""The ECE must rise by more than this before a worse proper score is called a calibration harm."""
RELIABILITY_HARM = 0.0005
"""And the squared gap between score and observed share by more than this."""
HARM_LEVEL = 0.01
"""Log-loss or Brier score must be worse at this one-sided level."""


def calibration_of(rows: Aligned, bins: int = BINS) -> Calibration | None:
    """Both versions' reliability; None unless all scores of both lie in 0..1 and the task is binary."""
    if not (are_probabilities(rows.candidate) and are_probabilities(rows.current)) or rows.labels.max() > 1:
        return None
    assert rows.candidate is not None  # noqa: S101 - narrowed by are_probabilities
    assert rows.current is not None  # noqa: S101 - as above
    bins = max(1, min(bins, rows.rows // 5))
    curves = [reliability_curve(rows.labels, scores, bins=bins) for scores in (rows.candidate, rows.current)]
    return Calibration(
        bins,
        expected_calibration_error(curves[0]),
        expected_calibration_error(curves[1]),
        reliability_term(curves[0]),
        reliability_term(curves[1]),
        curves[0],
        curves[1],
    )


def reliability_curve(labels: FloatArray, scores: FloatArray, *, bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """Bins of about equal count in order of score; rows of equal score are never split over two bins."""
    order = np.argsort(scores)
    ordered_scores, ordered_labels = scores[order], labels[order]
    wanted = np.linspace(0, len(scores), bins + 1).round().astype(int)[1:-1]
    edges = np.unique(np.searchsorted(ordered_scores, ordered_scores[wanted], side="left")) if bins > 1 else wanted
    edges = edges[(edges > 0) & (edges < len(scores))]
    parts = zip(np.split(ordered_scores, edges), np.split(ordered_labels, edges), strict=True)
    return tuple(_bin(part_scores, part_labels) for part_scores, part_labels in parts)


def _bin(scores: FloatArray, labels: FloatArray) -> ReliabilityBin:
    low, high = wilson(float(labels.sum()), len(labels))
    return ReliabilityBin(len(labels), float(scores.mean()), float(labels.mean()), low, high)


def wilson(hits: float, rows: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (1927, J. Am. Stat. Assoc. 22:209)."""
    share = hits / rows
    centre = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    reach = z / (1 + z * z / rows) * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    return max(0.0, centre - reach), min(1.0, centre + reach)


def expected_calibration_error(curve: tuple[ReliabilityBin, ...]) -> float:
    """Mean absolute gap between score and observed share, weighted by rows."""
    total = sum(part.rows for part in curve)
    return sum(part.rows * abs(part.observed - part.mean_score) for part in curve) / total


def reliability_term(curve: tuple[ReliabilityBin, ...]) -> float:
    """Mean squared gap, less what sampling alone would give; never below 0."""
    total = sum(part.rows for part in curve)
    gaps = 0.0
    for part in curve:
        noise = part.observed * (1 - part.observed) / max(part.rows - 1, 1)
        gaps += part.rows * ((part.observed - part.mean_score) ** 2 - noise)
    return max(0.0, gaps / total)


def calibration_findings(rows: Aligned, calibration: Calibration | None, metrics: tuple[Paired, ...]) -> list[Finding]:
    """`calibration_harm` when a proper score is worse and the calibration with it; scores outside 0..1 are reported."""
    if rows.task is Task.REGRESSION or rows.candidate is None or rows.current is None:
        return []
    if calibration is None:
        return _range_findings(rows)
    worse = [paired for paired in metrics if paired.name in {"log_loss", "brier"} and _is_worse(paired, rows)]
    if not worse or not _is_harmed(calibration):
        return []
    said = " and ".join(
        f"{paired.name.replace('_', '-')} {paired.current.value:.3g} to {paired.candidate.value:.3g}"
        for paired in worse
    )
    sentence = (
        f"The candidate's scores do not mean what they say: {said}, mean gap between score and observed share "
        f"{calibration.current_ece:.1%} to {calibration.candidate_ece:.1%}; a ranking alone would not show it."
    )
    return [Finding("calibration_harm", Severity.BLOCKING, "candidate", sentence)]


def _is_worse(paired: Paired, rows: Aligned) -> bool:
    difference = paired.difference(rows.labels, rows.groups)
    return harm_p_value(difference, margin=0.0, higher_is_better=False) < HARM_LEVEL


def _is_harmed(calibration: Calibration) -> bool:
    return (
        calibration.candidate_ece - calibration.current_ece > ECE_HARM
        and calibration.candidate_reliability - calibration.current_reliability > RELIABILITY_HARM
    )


def _range_findings(rows: Aligned) -> list[Finding]:
    inside = {"candidate": are_probabilities(rows.candidate), "current": are_probabilities(rows.current)}
    outside = [subject for subject, is_inside in inside.items() if not is_inside]
    compared = "ranking" if rows.task is Task.BINARY else "the most likely class"
    sentence = f"Scores lie outside 0..1: {compared} is compared, calibration and decisions are not."
    if not outside:
        return []
    if len(outside) == 1:
        sentence = (
            f"{owner(outside[0])}'s scores lie outside 0..1, the other version's do not: "
            "whoever uses a threshold would be hit by the change of scale."
        )
        return [Finding("score_range", Severity.BLOCKING, outside[0], sentence)]
    return [Finding("score_range", Severity.WARNING, "both", sentence)]
