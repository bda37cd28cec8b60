"""Two more registered models, with the gaps that real registries have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from demo.people import ANA, BEN
from demo.world.adult import BIKE_FILE, BIKE_SHA256, data_file
from demo.world.census import model_format
from demo.world.names import AWKWARD, BIKES, RUN_DELETED, SOUND, UNDOCUMENTED

OTHERS_BUCKET = "s3://bucket-of-a-colleague/models/credit"
TARGET = "count"
TRAIN_ROWS = 12_000
KNOWN_RECORDS = 20


def register_bikes(mlflow: Any) -> None:
    """Three versions: a complete one, one whose run was deleted, one without data set and description."""
    table = pd.read_csv(data_file(BIKE_FILE, BIKE_SHA256)).select_dtypes("number").astype("float64")
    train, test = table.iloc[:TRAIN_ROWS], table.iloc[TRAIN_ROWS:]
    mlflow.MlflowClient().create_registered_model(BIKES, description="Bikes hired in an hour.")
    mlflow.set_experiment(BIKES)
    data = mlflow.data.from_pandas(train, targets=TARGET, name="bike-sharing")
    models = (
        LinearRegression(),
        HistGradientBoostingRegressor(random_state=1),
        HistGradientBoostingRegressor(max_iter=40, random_state=1),
    )
    for number, model in enumerate(models, start=1):
        predicted = model.fit(train.drop(columns=TARGET), train[TARGET]).predict(test.drop(columns=TARGET))
        _register_bike(mlflow, number, model, test=test, predicted=predicted, data=data)


def _register_bike(
    mlflow: Any, number: int, model: Any, *, test: pd.DataFrame, predicted: np.ndarray, data: Any
) -> None:
    client, example = mlflow.MlflowClient(), test.drop(columns=TARGET).head(2)
    with mlflow.start_run(run_name=f"bikes {number}", tags={"mlflow.user": ANA.id}) as run:
        mlflow.log_params({"algorithm": type(model).__name__})
        mlflow.log_metrics(_errors(test, predicted))
        if number != UNDOCUMENTED:
            mlflow.log_input(data, context="training")
        if number == SOUND:
            mlflow.log_dict(_known_records(model, test), "evaluation/known_records.json")
        info = mlflow.sklearn.log_model(
            model, name="model", input_example=example,
            signature=mlflow.models.infer_signature(example, predicted[:2]),
            pip_requirements=["scikit-learn"], **model_format(model),
        )  # fmt: skip
    if number == RUN_DELETED:  # before the version exists, so that a running portal never sees the run
        client.delete_run(run.info.run_id)
    told = "" if number == UNDOCUMENTED else f"Hourly demand, {type(model).__name__}."
    client.create_model_version(
        BIKES, f"models:/{info.model_id}", run.info.run_id, description=told, model_id=info.model_id,
        await_creation_for=0,
    )  # fmt: skip


def _known_records(model: Any, test: pd.DataFrame) -> dict[str, Any]:
    """Known records for the release's smoke test; see `pipelines/steps/known_records.py`."""
    rows = test.drop(columns=TARGET).head(KNOWN_RECORDS)
    return {
        "columns": list(rows.columns),
        "data": rows.to_numpy().tolist(),
        "expected": [float(value) for value in model.predict(rows)],
        "tolerance": 1e-3,
    }


def _errors(test: pd.DataFrame, predicted: np.ndarray) -> dict[str, float]:
    real = test[TARGET]
    return {
        "rmse": float(root_mean_squared_error(real, predicted)),
        "mae": float(mean_absolute_error(real, predicted)),
        "r2": float(r2_score(real, predicted)),
    }


def register_awkward(mlflow: Any) -> None:
    """A name with quotes, HTML, Markdown, an emoji and spaces; no run, no data, no description.

    The first version's files are there, logged outside any run; the second's lie where this server cannot read.
    """
    client = mlflow.MlflowClient()
    client.create_registered_model(AWKWARD)
    rows = np.arange(6, dtype="float64").reshape(-1, 1)
    model = LinearRegression().fit(rows, 2 * rows[:, 0])
    signature = mlflow.models.infer_signature(rows, model.predict(rows))
    mlflow.set_experiment(BIKES)
    info = mlflow.sklearn.log_model(
        model, name="rate", signature=signature, pip_requirements=["scikit-learn"], **model_format(model)
    )
    client.create_model_version(AWKWARD, f"models:/{info.model_id}", model_id=info.model_id, await_creation_for=0)
    client.create_model_version(AWKWARD, OTHERS_BUCKET, await_creation_for=0, tags={"moved_by": BEN.id})
