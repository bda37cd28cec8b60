"""The curves of one version, from a comparison that it took part in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from services.comparisons.answers import Curve, ErrorShares, ScoreShares, VersionCurves
from services.domain.registry import VersionKey
from services.evidence.record import Comparison

Side = Literal["candidate", "current"]
Points = Mapping[str, Sequence[float]]


def curves_of(key: VersionKey, found: Comparison, side: Side) -> VersionCurves:
    """All that was kept of one side."""
    kept: dict[str, Points] = {kind: sides[side] for kind, sides in found.curves.items() if sides.get(side)}
    return VersionCurves(
        key,
        roc=_curve(kept.get("roc"), "false_positive_rate", "true_positive_rate"),
        precision_recall=_curve(kept.get("precision_recall"), "recall", "precision"),
        calibration=_reliability(found, side),
        scores=_scores(kept.get("scores")),
        errors=_errors(kept.get("errors")),
    )


def _curve(points: Points | None, x: str, y: str) -> Curve | None:
    return Curve(tuple(points[x]), tuple(points[y])) if points else None


def _reliability(found: Comparison, side: Side) -> Curve | None:
    if found.calibration is None:
        return None
    bins = found.calibration.candidate_curve if side == "candidate" else found.calibration.current_curve
    return Curve(tuple(b.mean_score for b in bins), tuple(b.observed for b in bins)) if bins else None


def _scores(found: Points | None) -> ScoreShares | None:
    return ScoreShares(tuple(found["edges"]), _counts(found["positive"]), _counts(found["negative"])) if found else None


def _errors(found: Points | None) -> ErrorShares | None:
    return ErrorShares(tuple(found["edges"]), _counts(found["rows"])) if found else None


def _counts(found: Sequence[float]) -> tuple[int, ...]:
    return tuple(int(count) for count in found)
