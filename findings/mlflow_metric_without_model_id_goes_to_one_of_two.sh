#!/usr/bin/env bash
# log_metric without model_id, in a run with two models, is kept for one of them; log_metrics is kept for both.
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
    models = [log(), log()]
    mlflow.log_metric("one_by_one", 0.91)
    mlflow.log_metrics({"as_a_batch": 0.91})
client = mlflow.MlflowClient()
shown = [sorted(metric.key for metric in client.get_logged_model(model).metrics or []) for model in models]
print("expected: the same for both models")
print("shown:", shown)
sys.exit(0 if sorted(shown) == [["as_a_batch"], ["as_a_batch", "one_by_one"]] else 1)
PYTHON
