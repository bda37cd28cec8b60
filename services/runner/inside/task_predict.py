"""Task `predict`: a few rows given as JSON, answered as JSON.

Inputs: `columns` (names) and `rows` (lists of values), or `records` (mappings). Answer: `values` (what `model.predict`
gives, one a row) and, where the model has them, `classes` and `probabilities`.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from services.runner.inside import outputs
from services.runner.inside.tasks import Context


def run(model: Any, context: Context) -> dict[str, Any]:
    """Predict the given rows."""
    frame = frame_of(context.inputs, model)
    answer: dict[str, Any] = {"values": outputs.values_of(outputs.predict(model, frame))}
    if len(answer["values"]) != len(frame):
        raise ValueError(f"The model answered {len(answer['values'])} values for {len(frame)} rows.")
    found = outputs.probabilities(model, frame)
    if found is not None:
        answer["probabilities"], answer["classes"] = outputs.plain(found[0]), found[1]
    return answer


def frame_of(inputs: Any, model: Any) -> pd.DataFrame:
    """The rows as a frame, integers widened to floats where the signature asks for doubles."""
    if "records" in inputs:
        frame = pd.DataFrame.from_records(inputs["records"])
    else:
        frame = pd.DataFrame(inputs["rows"], columns=inputs["columns"])
    return fitted(frame, model)


def fitted(frame: pd.DataFrame, model: Any) -> pd.DataFrame:
    """Only the columns of the signature, each number in the type that it names (JSON has one kind of number)."""
    schema = model.metadata.get_input_schema()
    if schema is None or not schema.has_input_names():
        return frame
    named = {spec.name: spec.type.to_pandas() for spec in schema.inputs if hasattr(spec.type, "to_pandas")}
    frame = frame[[name for name in schema.input_names() if name in frame.columns]].copy()
    for name, kind in named.items():
        if name in frame.columns and getattr(kind, "kind", "O") in "fiub":
            frame[name] = _as_number(frame[name], kind)
    return frame


def _as_number(column: pd.Series[Any], kind: Any) -> pd.Series[Any]:
    """Cast only where nothing is lost; else MLflow's own schema check says what is wrong."""
    try:
        cast = column.astype(kind)
    except (TypeError, ValueError):
        return column
    is_same = bool(((cast == column) | column.isna()).all())
    return cast if is_same else column
