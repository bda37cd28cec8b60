"""Task `score`: a table in, held-out predictions out, in pieces and with progress.

Input file `table` (Parquet). Inputs: `key`, `label`, `positive` (label of the positive class, or None), `task`. Writes
`predictions.parquet` with row_id, label, score or score_<class> or prediction, and all further columns of the table:
its slices.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from services.runner.inside import outputs
from services.runner.inside.task_predict import fitted
from services.runner.inside.tasks import Context, StageError

PIECE = 20_000


def run(model: Any, context: Context) -> dict[str, Any]:
    """Score the table."""
    source = pq.ParquetFile(context.files["table"])
    total, done, writer = source.metadata.num_rows, 0, None
    target = context.out / "predictions.parquet"
    try:
        for batch in source.iter_batches(batch_size=PIECE):
            piece = pa.Table.from_pandas(_scored(model, batch.to_pandas(), context.inputs), preserve_index=False)
            writer = writer or pq.ParquetWriter(target, piece.schema, compression="zstd")
            writer.write_table(piece.cast(writer.schema))
            done += len(piece)
            context.progress(done, total, "scoring")
    finally:
        if writer is not None:
            writer.close()
    return {"rows": done}


def _scored(model: Any, frame: pd.DataFrame, inputs: Any) -> pd.DataFrame:
    key, label = inputs["key"], inputs["label"]
    for name in (key, label):
        if name not in frame.columns:
            raise StageError("input") from KeyError(f"The evaluation table has no column {name!r}.")
    found = pd.DataFrame({"row_id": frame[key].to_numpy(), "label": frame[label].to_numpy()})
    features = fitted(frame.drop(columns=[key, label]), model)
    found = found.assign(**_answers(model, features, inputs))
    rest = [name for name in frame.columns if name not in {key, label} and name not in found.columns]
    return pd.concat([found, frame[rest].reset_index(drop=True)], axis=1)


def _answers(model: Any, frame: pd.DataFrame, inputs: Any) -> dict[str, Any]:
    if inputs.get("task", "binary") == "regression":
        return {"score": np.asarray(_flat(outputs.predict(model, frame)), dtype=np.float64)}
    found = outputs.probabilities(model, frame)
    if found is None:
        return _without_probabilities(outputs.predict(model, frame), inputs)
    scores, classes = found
    if inputs.get("task", "binary") == "binary" and len(classes) == 2:
        return {"score": scores[:, _positive(classes, inputs.get("positive"))]}
    return {f"score_{name}": scores[:, place] for place, name in enumerate(classes)}


def _positive(classes: list[Any], wanted: Any) -> int:
    if wanted is None:
        return 1
    names = [str(name) for name in classes]
    if str(wanted) not in names:
        raise ValueError(f"The model knows the classes {', '.join(names)}, and none is {wanted}.")
    return names.index(str(wanted))


def _without_probabilities(answer: Any, inputs: Any) -> dict[str, Any]:
    """A model that returns numbers gives scores; one that returns texts gives decisions."""
    values = np.asarray(answer)
    if values.ndim == 2 and values.shape[1] == 2 and values.dtype.kind == "f":
        return {"score": values[:, 1]}
    flat = _flat(answer)
    is_number = flat.dtype.kind == "f"
    return {"score": flat.astype(np.float64)} if is_number and inputs.get("task") == "binary" else {"prediction": flat}


def _flat(answer: Any) -> Any:
    values = np.asarray(answer)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(f"The model returns {values.shape[1:]} values per row instead of one.")
    return values
