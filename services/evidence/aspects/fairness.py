"""Fairness by chosen columns: how often each group is selected, found and wrongly selected, for both versions."""

from __future__ import annotations

import math

import numpy as np

from services.evidence.arrays import FloatArray
from services.evidence.aspects.slices import segments
from services.evidence.findings import Finding, Severity
from services.evidence.measures.estimates import NAN
from services.evidence.measures.metrics import Settings, decisions
from services.evidence.record import FairnessGap, FairnessTable, GroupRates, finite
from services.evidence.rows.alignment import Aligned
from services.evidence.rows.tables import Column
from services.evidence.words import inline

MIN_GROUP = 30
"""Smaller groups are listed and left out of the gaps."""
RISE = 0.05
"""A gap must grow by this much, and by more than chance, before it is reported."""
_RATES = {"selection rate": "selected", "true positive rate": "true_positive", "false positive rate": "false_positive"}


def fairness_tables(rows: Aligned, columns: dict[str, Column], settings: Settings) -> tuple[FairnessTable, ...]:
    """One table a column; empty when neither decisions nor probabilities are known (binary tasks only)."""
    decided = decisions(rows, settings)
    if decided is None:
        return ()
    return tuple(_table(name, values, rows.labels, decided, settings) for name, values in columns.items())


def _table(
    name: str, values: Column, labels: FloatArray, decided: tuple[FloatArray, FloatArray], settings: Settings
) -> FairnessTable:
    groups = []
    for value, mask in segments(values, asked=True):
        rates = [_rates(labels[mask], said[mask]) for said in decided]
        pairs = [finite(rate) for pair in zip(*rates, strict=True) for rate in pair]
        groups.append(GroupRates(value, int(mask.sum()), *pairs))
    gaps = tuple(_gap(label, field, tuple(groups)) for label, field in _RATES.items())
    return FairnessTable(name, settings.threshold, tuple(groups), gaps)


def _rates(labels: FloatArray, said: FloatArray) -> tuple[float, float, float]:
    return _mean(said), _mean(said[labels == 1]), _mean(said[labels == 0])


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else NAN


def _gap(label: str, field: str, groups: tuple[GroupRates, ...]) -> FairnessGap:
    parts: list[float | None] = []
    for side in ("candidate", "current"):
        rates = [getattr(group, f"{side}_{field}") for group in groups if group.rows >= MIN_GROUP]
        known = [rate for rate in rates if rate is not None]
        wide = len(known) > 1
        parts.append(max(known) - min(known) if wide else None)
        parts.append(min(known) / max(known) if wide and max(known) > 0 else None)
    return FairnessGap(label, parts[0], parts[2], parts[1], parts[3])


def fairness_findings(tables: tuple[FairnessTable, ...], rows: Aligned) -> list[Finding]:
    """A warning for every gap in selection or true positive rate that grows by more than chance."""
    found = []
    for table in tables:
        noise = 2 * math.sqrt(0.5 / max(_smallest(table, rows), 1))
        for gap in table.gaps[:2]:
            if gap.candidate_difference is None or gap.current_difference is None:
                continue
            if gap.candidate_difference - gap.current_difference > max(RISE, noise):
                sentence = (
                    f"The {gap.rate} differs more between groups of {inline(table.column)}: "
                    f"by {gap.current_difference:.1%} with the current version, "
                    f"{gap.candidate_difference:.1%} with the candidate."
                )
                found.append(Finding("fairness_gap", Severity.WARNING, table.column, sentence))
    return found


def _smallest(table: FairnessTable, rows: Aligned) -> float:
    share = float(np.mean(rows.labels)) if rows.rows else 0.0
    return min((group.rows for group in table.groups if group.rows >= MIN_GROUP), default=0) * max(share, 0.05)
