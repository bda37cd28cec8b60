"""Calls a model and reads its answer: decisions, and scores if the model has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from services.runner.inside.tasks import StageError


def predict(model: Any, frame: pd.DataFrame) -> Any:
    """The model's own answer through MLflow (signature enforced). Wraps the model's errors in StageError."""
    try:
        return model.predict(frame)
    except Exception as error:
        raise StageError("predict") from error


def probabilities(model: Any, frame: pd.DataFrame) -> tuple[Any, list[Any]] | None:
    """Class probabilities ``[n, k]`` and the classes; None if the model behind pyfunc has none."""
    native = native_model(model)
    if not hasattr(native, "predict_proba"):
        return None
    found = np.asarray(native.predict_proba(enforced(model, frame)), dtype=np.float64)
    classes = getattr(native, "classes_", range(found.shape[1]))
    return found, [plain(value) for value in classes]


def native_model(model: Any) -> Any:
    """The library's own model inside the pyfunc, or None."""
    try:
        return model.get_raw_model()
    except Exception:  # noqa: BLE001 - not every flavour has one, and each reports it differently
        return None


def enforced(model: Any, frame: pd.DataFrame) -> Any:
    """The frame with the columns and types of the model's signature, as pyfunc would hand them on."""
    from mlflow.models.utils import _enforce_schema

    schema = model.metadata.get_input_schema()
    return frame if schema is None else _enforce_schema(frame, schema)


def values_of(answer: Any) -> list[Any]:
    """One JSON value per row: a number, a text, or a list or mapping for several outputs."""
    if isinstance(answer, pd.DataFrame):
        if answer.shape[1] == 1:
            return values_of(answer.iloc[:, 0])
        return [{str(k): plain(v) for k, v in row.items()} for row in answer.to_dict("records")]
    if isinstance(answer, pd.Series):
        return [plain(value) for value in answer.tolist()]
    return (
        [plain(value) for value in np.asarray(answer).tolist()]
        if not isinstance(answer, list)
        else [plain(value) for value in answer]
    )


def plain(value: Any) -> Any:
    """A JSON value; NaN and infinity become None, other values without a JSON form become text."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(part) for part in (value.tolist() if isinstance(value, np.ndarray) else value)]
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    return value if value is None or isinstance(value, str | int | bool) else str(value)
