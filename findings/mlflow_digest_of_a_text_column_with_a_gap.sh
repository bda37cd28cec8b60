#!/usr/bin/env bash
# One missing value in a text column takes the whole column out of the digest of a pandas data set.
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
import pandas as pd
from mlflow.data import from_pandas


def digest(names):
    return from_pandas(pd.DataFrame({"id": [1, 2, 3], "name": names})).digest


print("mlflow", mlflow.__version__)
whole = digest(["ana", "ben", "chi"]), digest(["ana", "ben", "dee"])
gap = digest(["ana", None, "chi"]), digest(["eve", None, "dee"])
print("without a gap, another name:", whole, "(two digests, as expected)")
print("with a gap, other names:", gap, "(expected: two digests)")
sys.exit(0 if whole[0] != whole[1] and gap[0] == gap[1] else 1)
PYTHON
