#!/usr/bin/env bash
# Great Expectations 1.24.1: CheckpointResult.json() of an ordinary run raises "Object of type 'RunIdentifier' is not JSON
# serializable"; the results inside it can be written one by one, and describe() works. Exits 1 when the behaviour changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check great-expectations==1.24.1
cd "$folder"
GX_ANALYTICS_ENABLED=false "$folder/venv/bin/python" - <<'PY' 2>&1 | grep -v "Calculating Metrics"
import json
import sys

import great_expectations as gx
import pandas as pd

print("great_expectations", gx.__version__)
context = gx.get_context(mode="ephemeral")
asset = context.data_sources.add_pandas("memory").add_dataframe_asset("rows")
batch = asset.add_batch_definition_whole_dataframe("all")
suite = context.suites.add(
    gx.ExpectationSuite(name="suite", expectations=[gx.expectations.ExpectColumnValuesToNotBeNull(column="a")])
)
definition = context.validation_definitions.add(gx.ValidationDefinition(name="v", data=batch, suite=suite))
checkpoint = context.checkpoints.add(gx.Checkpoint(name="c", validation_definitions=[definition]))
result = checkpoint.run(batch_parameters={"dataframe": pd.DataFrame({"a": [1, 2, None]})})
print("describe():", json.loads(result.describe())["success"])
print("each result:", [json.loads(json.dumps(one.to_json_dict()))["success"] for one in result.run_results.values()])
try:
    result.json()
except TypeError as error:
    print("json():", error)
    sys.exit(0)
sys.exit(1)
PY
