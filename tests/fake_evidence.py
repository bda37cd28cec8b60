"""Two comparisons in the form of `services.evidence.record.Comparison.to_json`: one that harms, one that cannot tell."""

from __future__ import annotations

from typing import Any

from services.evidence.record import Comparison


def gap(value: float | None, low: float | None, high: float | None) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "standard_error": 0.001, "level": 0.95, "method": "delong"}


def slice_document(
    column: str,
    value: str,
    rows: int,
    scores: tuple[float, float],
    *,
    harmed: bool = False,
    note: str = "",
    p_adjusted: float | None = 0.04,
) -> dict[str, Any]:
    change = scores[0] - scores[1]
    return {
        "column": column, "value": value, "rows": rows, "positives": rows // 4, "metric": "auc", "candidate": scores[0],
        "current": scores[1], "difference": gap(change, change - 0.005, change + 0.005), "p_value": 0.01, "p_adjusted": p_adjusted,
        "brier_candidate": 0.1, "brier_current": 0.09, "brier_p_adjusted": 0.2, "harmed": harmed, "note": note,
    }  # fmt: skip


def _rates(group: str, rows: int, selected: float | None) -> dict[str, Any]:
    rates = {
        f"{side}_{rate}": 0.2
        for side in ("candidate", "current")
        for rate in ("selected", "true_positive", "false_positive")
    }
    return {"group": group, "rows": rows, **rates, "candidate_selected": selected}


def _bins(shift: float) -> list[dict[str, Any]]:
    return [
        {"rows": 1628, "mean_score": x / 10, "observed": min(1.0, max(0.0, x / 10 + shift)), "low": 0.0, "high": 1.0}
        for x in range(1, 10)
    ]


def _curves(strength: float) -> dict[str, Any]:
    xs = [i / 50 for i in range(51)]
    return {
        "roc": {"false_positive_rate": xs, "true_positive_rate": [x ** (1 - strength) for x in xs]},
        "precision_recall": {"recall": xs, "precision": [1 - 0.6 * x**3 for x in xs], "threshold": [1 - x for x in xs]},
    }


SAME_CALIBRATION: dict[str, Any] = {
    "bins": 9, "candidate_ece": 0.031, "current_ece": 0.012, "candidate_reliability": 0.001,
    "current_reliability": 0.0004, "candidate_curve": _bins(0.03), "current_curve": _bins(0.0),
}  # fmt: skip


def comparison_document(**parts: Any) -> dict[str, Any]:
    sides = {"candidate": _curves(0.91), "current": _curves(0.92)}
    document: dict[str, Any] = {
        "task": "binary", "metric": "auc", "higher_is_better": True, "rows": 16281, "positives": 3846, "candidate": 0.9189,
        "current": 0.9263, "margin": 0.0, "win_probability": 0.01, "wins": 10, "ties": 0, "losses": 990, "seed": 0, "resamples": 1000,
        "published_rule": {"passes": False, "win_rate": 0.01, "bar": 0.9, "resamples": 1000, "seed": 0, "stream": "own"},
        "bootstrap": {"resamples": 1000, "seed": 0, "engine": "rows", "unit": "rows", "low": -0.01, "high": -0.005, "not_computable": 0},
        "power": {"detectable_difference": 0.0021, "rows_needed": 4200, "target": 0.001}, "findings": [], "slices": [], "fairness": [],
        "metrics": [
            {"name": "auc", "higher_is_better": True, "candidate": 0.9189, "current": 0.9263, "difference": gap(-0.0074, -0.0098, -0.0051),
             "p_value": 0.00002},
            {"name": "log_loss", "higher_is_better": False, "candidate": 0.29, "current": 0.28, "difference": gap(0.01, None, None),
             "p_value": None},
        ],
        "calibration": SAME_CALIBRATION,
        "inputs": {"digest": "ab" * 32, "candidate_rows": 16281, "current_rows": 16281, "rate": 1.0, "columns": {}},
        "curves": {kind: {side: curves[kind] for side, curves in sides.items()} for kind in ("roc", "precision_recall")},
        "settings": {}, "schema": "countersign.evidence.comparison/1",
    }  # fmt: skip
    return document | parts


def comparison(**parts: Any) -> Comparison:
    """One that cannot tell, but for the parts."""
    return Comparison.from_json(SAME | parts)


HARM = comparison_document(
    verdict="worse", recommendation="reject", reason="For sex=Female the auc falls from 0.941 to 0.910.",
    difference=gap(-0.0074, -0.0098, -0.0051), p_value=0.00002, win_rate=0.01,
    findings=[
        {"kind": "clustered_rows", "severity": "info", "subject": "both", "sentence": "Rows are taken as independent."},
        {"kind": "slice_harm", "severity": "blocking", "subject": "sex=Female", "sentence": "For sex=Female the auc falls <b>."},
    ],
    slices=[
        slice_document("sex", "Male", 10860, (0.9124, 0.9121)),
        slice_document("sex", "Female", 5421, (0.9102, 0.9411), harmed=True),
        slice_document("native <country> | `x`", ":tada: Holand-Netherlands", 1, (0.5, 0.6), note="too few rows for a judgement"),
        *(slice_document("age", f"{n}0 to {n}9", 900 + n, (0.90 + n / 500, 0.90)) for n in range(1, 15)),
    ],
    fairness=[
        {"column": "sex", "threshold": 0.5, "groups": [_rates("Female", 5421, 0.11), _rates("<i>Male</i>", 10860, None)], "gaps": [
            {"rate": "selection_rate", "candidate_difference": 0.21, "current_difference": 0.17, "candidate_ratio": 0.4, "current_ratio": 0.5},
            {"rate": "true_positive_rate", "candidate_difference": None, "current_difference": 0.05, "candidate_ratio": None, "current_ratio": 0.9},
        ]},
    ],
)  # fmt: skip
SAME = comparison_document(
    verdict="cannot_tell", recommendation="hold", reason="The rows cannot tell which version is better: auc 0.9263 to 0.9264.",
    difference=gap(0.0001, -0.0012, 0.0014), p_value=0.84, win_rate=0.55, calibration=None, curves={},
)  # fmt: skip
EVIDENCE_HARM, EVIDENCE_SAME = Comparison.from_json(HARM), Comparison.from_json(SAME)
