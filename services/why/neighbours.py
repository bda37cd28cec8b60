"""Nearest known examples, by Gower's distance (Gower 1971): exact, over real rows, without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from services.domain.why.reasons import Neighbour

SHOWN = 3


def nearest(
    examples: pd.DataFrame, outcomes: Sequence[str], inputs: Mapping[str, Any], predicted: str
) -> tuple[tuple[Neighbour, ...], tuple[Neighbour, ...]]:
    """The nearest rows, and the nearest whose outcome is not the predicted one.

    `examples` has one row per example, `outcomes` its outcome; only columns that the prediction has are used. Numbers
    differ by a share of the column's range, other values by being equal or not; missing values differ from all.
    """
    columns = [name for name in examples.columns if name in inputs]
    if not columns or examples.empty:
        return (), ()
    parts = np.column_stack([_parts(examples[name], inputs[name]) for name in columns])
    distances = parts.mean(axis=1)
    order = np.argsort(distances, kind="stable")
    others = [i for i in order if outcomes[i] != predicted][:SHOWN]
    made = [[_neighbour(examples, outcomes, i, columns, parts) for i in chosen] for chosen in (order[:SHOWN], others)]
    return tuple(made[0]), tuple(made[1])


def _parts(column: pd.Series[Any], value: Any) -> Any:
    if pd.api.types.is_numeric_dtype(column) and isinstance(value, int | float):
        numbers = column.to_numpy(dtype=np.float64)
        reach = float(np.nanmax(numbers) - np.nanmin(numbers)) if np.isfinite(numbers).any() else 0.0
        found = np.abs(numbers - float(value)) / (reach or 1.0)
        return np.where(np.isnan(found), 1.0, np.minimum(found, 1.0))
    return (column.astype(str) != str(value)).to_numpy(dtype=np.float64)


def _neighbour(
    examples: pd.DataFrame, outcomes: Sequence[str], place: int, columns: Sequence[str], parts: Any
) -> Neighbour:
    row = examples.iloc[place]
    inputs = {name: _plain(row[name]) for name in columns}
    differing = [columns[j] for j in np.argsort(-parts[place], kind="stable") if parts[place, j] > 0]
    return Neighbour(inputs, outcomes[place], float(parts[place].mean()), tuple(differing))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
