#!/usr/bin/env bash
# MLflow 3.17.2: whether a column of whole numbers (int64) fits a signature that asks for float or double depends on the
# values: 0 and 1 are taken, 5 is refused. The same data pass in a test with flags and fail later with ages.
# Exits 1 when the behaviour changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mlflow-skinny==3.17.2 pandas==2.3.3
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import sys

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import validate_schema
from mlflow.types import ColSpec, Schema


def answer(kind, values):
    try:
        validate_schema(pd.DataFrame({"x": pd.Series(values, dtype="int64")}), Schema([ColSpec(kind, "x")]))
    except MlflowException as error:
        return f"refused: {error.message.splitlines()[0][:90]}"
    return "taken"


print("mlflow", mlflow.__version__)
found = {}
for kind in ("float", "double"):
    for values in ([0, 1, 1], [0, 1, 5]):
        found[kind, values[-1]] = answer(kind, values)
        print(f"{values} as {kind}: {found[kind, values[-1]]}")
changed = any(said.startswith("refused") == (last == 1) for (_, last), said in found.items())
sys.exit(1 if changed else 0)
PY
