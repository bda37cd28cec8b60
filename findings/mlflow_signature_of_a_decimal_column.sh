#!/usr/bin/env bash
# One Decimal column makes infer_signature forget the names and types of all other columns of the frame.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mlflow==3.17.2
cd "$folder"
export MLFLOW_TRACKING_URI="sqlite:///$folder/mlflow.db" MLFLOW_DISABLE_TELEMETRY=true
"$folder/venv/bin/python" - <<'PYTHON'
import logging
import sys
import warnings
from decimal import Decimal

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
import mlflow
import pandas as pd
from mlflow.models import infer_signature

print("mlflow", mlflow.__version__)
plain = pd.DataFrame({"age": [1], "city": ["x"], "amount": [1.5]})
known = infer_signature(plain).to_dict()["inputs"]
lost = infer_signature(plain.assign(amount=[Decimal("1.5")])).to_dict()["inputs"]
print("with a float:", known)
print("with a Decimal:", lost, "(expected: age and city as before)")
sys.exit(0 if "age" in known and lost == '[{"type": "any", "required": true}]' else 1)
PYTHON
