"""Task `predict`: a few rows given as JSON, answered as JSON.

Inputs: `columns` (names) and `rows` (lists of values), or `records` (mappings). Answer: `values` (what `model.predict`
gives, one a row) and, where the model has them, `classes` and `probabilities`. With `protocol` ``mlflow`` the values go
through the parser of MLflow's scoring server, which casts them by the signature before the model sees them: what it
changed stands in `seen`.
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
        raise ValueError(f"The model returned {len(answer['values'])} values for {len(frame)} rows.")
    found = outputs.probabilities(model, frame)
    if found is not None:
        answer["probabilities"], answer["classes"] = outputs.plain(found[0]), found[1]
    return answer


def frame_of(inputs: Any, model: Any) -> pd.DataFrame:
    """The rows as a frame, integers widened to floats where the signature asks for doubles."""
    if inputs.get("protocol") == "mlflow" and "rows" in inputs:
        return as_served(inputs, model)
    if "records" in inputs:
        frame = pd.DataFrame.from_records(inputs["records"])
    else:
        frame = pd.DataFrame(inputs["rows"], columns=inputs["columns"])
    return fitted(frame, model)


def as_served(inputs: Any, model: Any) -> pd.DataFrame:
    """The rows as MLflow's scoring server hands them to the model: by its own parser."""
    from mlflow.utils.proto_json_utils import dataframe_from_parsed_json

    asked = {"columns": inputs["columns"], "data": inputs["rows"]}
    frame: pd.DataFrame = dataframe_from_parsed_json(asked, "split", model.metadata.get_input_schema())
    return frame


def seen(inputs: Any, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Values of the first row that the model sees otherwise than they were logged."""
    if not inputs.get("rows"):
        return []
    logged = dict(zip(inputs["columns"], inputs["rows"][0], strict=True))
    asked = {name: outputs.plain(frame.iloc[0][name]) for name in frame.columns if name in logged}
    return [
        {"name": str(name), "logged": logged[name], "asked": value}
        for name, value in asked.items()
        if _differ(logged[name], value)
    ]


def _differ(logged: Any, asked: Any) -> bool:
    """True for numbers of another size, or a value of another kind; a date as a text is the same date."""
    if isinstance(logged, int | float) and isinstance(asked, int | float):
        return float(logged) != float(asked)
    return type(logged) is not type(asked) and isinstance(logged, int | float | bool)


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
    """Cast only without loss; otherwise MLflow's schema check reports the error."""
    try:
        cast = column.astype(kind)
    except (TypeError, ValueError):
        return column
    is_same = bool(((cast == column) | column.isna()).all())
    return cast if is_same else column
