#!/usr/bin/env bash
# A metric logged for one model of a run is shown, as its own, by every model that the run logs after it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mlflow==3.17.2
cd "$folder"
export MLFLOW_TRACKING_URI="sqlite:///$folder/mlflow.db" MLFLOW_DISABLE_TELEMETRY=true
"$folder/venv/bin/python" - <<'PYTHON'
import sys
import warnings

warnings.simplefilter("ignore")
import mlflow


class Constant(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [0] * len(model_input)


def log():
    return mlflow.pyfunc.log_model(name="model", python_model=Constant(), pip_requirements=[]).model_id


print("mlflow", mlflow.__version__)
with mlflow.start_run() as run:
    first = log()
    mlflow.log_metric("auc", 0.91, model_id=first)
    second = log()
client = mlflow.MlflowClient()
shown = [(metric.key, metric.value, metric.model_id == second) for metric in client.get_logged_model(second).metrics or []]
print("expected of the second model, for which nothing was logged: []")
print("shown:", shown)
sys.exit(0 if shown == [("auc", 0.91, True)] else 1)
PYTHON
