#!/usr/bin/env bash
# MLflow's scoring server casts a column to the type of the signature while it parses the request, before the signature
# is enforced: 1.5 in a whole-number column is asked as 1 and answered with status 200, where pyfunc's own predict
# refuses the same value. An answer that is not a number leaves the server as a bare NaN, which is not JSON (RFC 8259).
# Exits 1 if the behaviour changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "mlflow==3.17.2"
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PY'
import json
import logging
import sys

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.pyfunc.scoring_server import invocations
from mlflow.types import ColSpec, Schema

logging.disable(logging.WARNING)


class Echo(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: pd.DataFrame, params=None):
        return [float("nan") if value == 7 else float(value) for value in model_input["age"]]


signature = ModelSignature(Schema([ColSpec("long", "age")]), Schema([ColSpec("double")]))
mlflow.pyfunc.save_model("model", python_model=Echo(), signature=signature, pip_requirements=["mlflow"])
model = mlflow.pyfunc.load_model("model")


def served(value):
    asked = json.dumps({"dataframe_split": {"columns": ["age"], "data": [[value]]}})
    return invocations(asked, "application/json", model, model.metadata.get_input_schema())


def strict(text):
    def refuse(word):
        raise ValueError(word)

    return json.loads(text, parse_constant=refuse)


cast, missing = served(1.5), served(7)
try:
    model.predict(pd.DataFrame({"age": [1.5]}))
    refused = False
except MlflowException as error:
    refused = True
    print("pyfunc.predict refuses 1.5:", str(error).splitlines()[0][:100])
try:
    strict(missing.response)
    bare = False
except ValueError as error:
    bare = str(error) == "NaN"
print("mlflow", mlflow.__version__)
print("server asked with 1.5:", cast.status, cast.response)
print("server that answers not a number:", missing.status, missing.response)
same = refused and bare and cast.status == 200 and json.loads(cast.response) == {"predictions": [1.0]}
print("as described" if same else "the behaviour changed")
sys.exit(0 if same else 1)
PY
