"""Answers of a model as it may have been before it was saved: what a saved file is known to lose.

LightGBM takes columns by their place and not by their name; XGBoost's saved file does not hold the marker of missing
values (`missing`). Where a replay gives another answer than the logged one and a variant gives the logged one, that is
the likely cause.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from services.runner.inside import outputs

MARKERS = (0.0, -1.0, -99.0, -999.0, -9999.0, 999.0, 9999.0)
"""Numbers that people write in place of a missing value."""


def of(model: Any, frame: pd.DataFrame, inputs: Any) -> list[dict[str, Any]]:
    """Each with its cause in words, `values` and `probabilities`; none for other libraries."""
    native = outputs.native_model(model)
    library = type(native).__module__.partition(".")[0]
    try:
        if library == "lightgbm":
            return _orders(model, native, frame, inputs)
        if library == "xgboost":
            return _markers(model, frame)
    except Exception:  # noqa: BLE001 - a variant that the model refuses explains nothing
        return []
    return []


def _orders(model: Any, native: Any, frame: pd.DataFrame, inputs: Any) -> list[dict[str, Any]]:
    """The columns in the order of training, and in the order of the request."""
    given = outputs.enforced(model, frame)
    now, trained = [str(name) for name in given.columns], _trained_on(native)
    wanted = {
        "in the order of training": trained,
        "in the order in which the request has them": [str(name) for name in inputs.get("columns", ())],
    }
    return [
        {"cause": _reordered(words, order, now), **_native_answer(native, given[order])}
        for words, order in wanted.items()
        if order != now and sorted(order) == sorted(now)
    ]


def _reordered(words: str, order: list[str], now: list[str]) -> str:
    return (
        f"LightGBM takes columns by their place: {words} ({', '.join(order[:6])}) it gives the logged answer, and the "
        f"saved signature orders them {', '.join(now[:6])}."
    )


def _trained_on(native: Any) -> list[str]:
    booster = getattr(native, "booster_", native)
    return [str(name) for name in booster.feature_name()]


def _native_answer(native: Any, frame: pd.DataFrame) -> dict[str, Any]:
    values = frame.to_numpy()
    found = {"values": outputs.values_of(native.predict(values)), "probabilities": None}
    if hasattr(native, "predict_proba"):
        found["probabilities"] = outputs.plain(np.asarray(native.predict_proba(values), dtype=np.float64))
    return found


def _markers(model: Any, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The row with a marker taken for missing."""
    row = frame.iloc[0]
    present = [m for m in MARKERS if any(_is(value, m) for value in row)]
    return [{"cause": _forgotten(marker), **_with_missing(model, frame, marker)} for marker in present]


def _is(value: Any, marker: float) -> bool:
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)
    return is_number and math.isfinite(float(value)) and float(value) == marker


def _forgotten(marker: float) -> str:
    return (
        f"XGBoost's saved file does not hold the marker of missing values: with {marker:g} taken for missing it gives "
        "the logged answer."
    )


def _with_missing(model: Any, frame: pd.DataFrame, marker: float) -> dict[str, Any]:
    asked = frame.copy()
    for name in asked.columns:
        if pd.api.types.is_numeric_dtype(asked[name]) and not pd.api.types.is_bool_dtype(asked[name]):
            asked[name] = asked[name].astype(float).mask(asked[name] == marker)
    native = outputs.native_model(model)
    if hasattr(native, "predict_proba"):
        return _native_answer(native, asked)
    import xgboost  # type: ignore[import-not-found, import-untyped, unused-ignore]  # only where a model is its own

    return {"values": outputs.values_of(native.predict(xgboost.DMatrix(asked))), "probabilities": None}
