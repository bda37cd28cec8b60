"""A training script as a user has it: trains, logs a model with known records, and tells the pipeline its run.

`WEIGHT` in the environment makes the models differ. It prints what Azure Pipelines reads as an output variable.
"""

import json
import os

import mlflow
import numpy as np
from sklearn.linear_model import LinearRegression


def main() -> None:
    weight = float(os.environ.get("WEIGHT", "2"))
    rows = np.array([[0.0], [1.0], [2.0], [3.0]])
    model = LinearRegression().fit(rows, weight * rows[:, 0])
    known = {
        "columns": ["x"],
        "data": rows.tolist(),
        "row_ids": [1, 2, 3, 4],
        "expected": [float(v) + float(os.environ.get("EXPECTED_OFF_BY", "0")) for v in model.predict(rows)],
        "tolerance": 1e-6,
    }
    mlflow.set_experiment("pipelines")
    with mlflow.start_run() as run:
        mlflow.sklearn.log_model(model, name="model", pip_requirements=["scikit-learn"])
        mlflow.log_text(json.dumps(known), "evaluation/known_records.json")
    print(f"##vso[task.setvariable variable=runId;isOutput=true]{run.info.run_id}")


if __name__ == "__main__":
    main()
