#!/usr/bin/env bash
# A metric that is NaN is NaN for the run and 0.0 for the logged model that it was logged for.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mlflow==3.17.2
cd "$folder"
export MLFLOW_TRACKING_URI="sqlite:///$folder/mlflow.db" MLFLOW_DISABLE_TELEMETRY=true
"$folder/venv/bin/python" - <<'PYTHON'
import math
import sys
import warnings

warnings.simplefilter("ignore")
import mlflow

print("mlflow", mlflow.__version__)
with mlflow.start_run() as run:
    model = mlflow.initialize_logged_model(name="model").model_id
    mlflow.log_metric("auc", math.nan, model_id=model)
client = mlflow.MlflowClient()
of_run = client.get_run(run.info.run_id).data.metrics["auc"]
of_model = client.get_logged_model(model).metrics[0].value
print("logged: nan, expected: nan for both")
print("run:", of_run, "logged model:", of_model)
sys.exit(0 if math.isnan(of_run) and of_model == 0.0 else 1)
PYTHON
