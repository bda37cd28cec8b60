"""The weights of the rows: whose count, and which rows fall out for theirs."""

from __future__ import annotations

import numpy as np

from services.evidence.arrays import FloatArray
from services.evidence.findings import Finding, Severity, lost_rows
from services.evidence.rows.inputs import Predictions

SMALLEST, LARGEST = 1e-100, 1e100


def shared_weights(left: Predictions, right: Predictions) -> tuple[FloatArray | None, list[Finding]]:
    """The weights that count for both tables, and what is odd about them."""
    if left.weights is None and right.weights is None:
        return None, []
    if left.weights is None or right.weights is None:
        whose, weights = (left, left.weights) if left.weights is not None else (right, right.weights)
        sentence = f"Only the {whose.name} table has weights; they are used for both."
        return weights, [Finding("weights", Severity.WARNING, whose.name, sentence)]
    if np.array_equal(left.weights, right.weights, equal_nan=True):
        return left.weights, []
    sentence = "The two tables give different weights for the same rows; the current version's are used."
    return right.weights, [Finding("misaligned", Severity.WARNING, "both", sentence)]


def in_range(weights: FloatArray | None) -> FloatArray | None:
    """The same weights where their sums and squares are finite numbers: only their proportions count."""
    if weights is None:
        return None
    known = weights[np.isfinite(weights) & (weights > 0)]
    if not len(known) or SMALLEST < known.max() < LARGEST:
        return weights
    scaled: FloatArray = weights / known.max()
    return scaled


def unweighted(weights: FloatArray) -> list[Finding]:
    """Rows that fall out for their weight; a 0 here and there is meant, a 0 everywhere is not."""
    lost = int((~np.isfinite(weights)).sum())
    if lost:
        sentence = f"{lost:,} of {len(weights):,} rows have no finite weight; left out."
        return [lost_rows("missing_values", "weight", lost, len(weights), sentence)]
    if not (weights > 0).any():
        return [Finding("missing_values", Severity.BLOCKING, "weight", "Every row has the weight 0.")]
    return []
