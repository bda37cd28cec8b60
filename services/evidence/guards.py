"""Guards around a comparison: rows that belong together, scores the wrong way round, slices that the tables dispute."""

from __future__ import annotations

import numpy as np

from services.evidence.aspects.clusters import Suspected, suspected_groups
from services.evidence.findings import LOST_SHARE, Finding, Severity, owner
from services.evidence.measures.estimates import Design, Difference, Outcome, outcome_of, variance
from services.evidence.measures.metrics import Paired
from services.evidence.rows.alignment import Aligned
from services.evidence.rows.tables import Column


def cluster_findings(
    rows: Aligned, primary: Paired, verdict: Outcome, *, margin: float
) -> tuple[list[Finding], Suspected | None]:
    """Warns about undeclared groups and returns them; blocks if the verdict changes with them."""
    suspected = suspected_groups(rows, primary.influence) if rows.groups is None else None
    if suspected is None:
        return [], None
    grouped = primary.difference(rows.labels, suspected.groups)
    kept = outcome_of(grouped, margin=margin, higher_is_better=primary.higher_is_better)
    severity = Severity.WARNING if kept is verdict else Severity.BLOCKING
    return [Finding("clustered_rows", severity, suspected.source, suspected.sentence)], suspected


def estimability_findings(difference: Difference) -> list[Finding]:
    """`not_estimable` where there is a difference and no telling how sure it is."""
    if difference.is_estimable or not np.isfinite(difference.value):
        return []
    sentence = "The uncertainty of the difference cannot be estimated from these rows (no spread)."
    return [Finding("not_estimable", Severity.BLOCKING, "both", sentence)]


def reversed_findings(rows: Aligned, primary: Paired) -> list[Finding]:
    """A ranking far below chance is mostly a score of the other class; of both versions, a label read wrongly."""
    if primary.name != "auc" or rows.rows < 2:
        return []
    strata = Design(rows.labels.astype(np.int64), rows.groups)
    found = {}
    for subject, estimate in (("candidate", primary.candidate), ("current", primary.current)):
        error = variance(estimate.influence, strata) ** 0.5
        if estimate.value < 0.5 - 4 * error and estimate.value < 0.4:
            found[subject] = estimate.value
    if len(found) == 2:
        sentence = (
            "The scores of both versions rank the wrong way round "
            f"(AUC {found['current']:.3f} and {found['candidate']:.3f}): the other label is the positive one."
        )
        return [Finding("reversed_scores", Severity.BLOCKING, "both", sentence)]
    return [
        Finding(
            "reversed_scores",
            Severity.BLOCKING,
            subject,
            f"{owner(subject)}'s scores rank the wrong way round (AUC {value:.3f}): score of the other class?",
        )
        for subject, value in found.items()
    ]


def agreed_columns(
    rows: Aligned, columns: dict[str, Column], *, asked: tuple[str, ...] | None
) -> tuple[dict[str, Column], list[Finding]]:
    """Slice columns in which the two tables agree, and findings for the others.

    A column that was asked for stays, with the current version's values: no candidate sorts its own rows.
    """
    disputed = {name: count for name, count in rows.disputed.items() if name in columns}
    findings = [_disputed(name, count, rows.rows, stays=bool(asked)) for name, count in disputed.items()]
    if asked:
        return columns, findings
    return {name: values for name, values in columns.items() if name not in disputed}, findings


def _disputed(name: str, count: int, rows: int, *, stays: bool) -> Finding:
    what = f"{count:,} rows have another value of {name} in the candidate's table"
    if not stays:
        return Finding("misaligned", Severity.WARNING, name, f"{what}: it is no property of the row and no slice.")
    severity = Severity.BLOCKING if count > LOST_SHARE * rows else Severity.WARNING
    return Finding("misaligned", severity, name, f"{what}; the current version's values are used.")
