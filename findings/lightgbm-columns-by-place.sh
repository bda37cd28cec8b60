#!/usr/bin/env bash
# A LightGBM model knows the names of its columns, and predicts on a pandas frame with the same columns in another order
# by their place: another answer, without an error. Exits 1 if the behaviour changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "lightgbm==4.7.0" "pandas" "numpy" "scikit-learn"
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys

import lightgbm
import numpy as np
import pandas as pd

chance = np.random.default_rng(1)
table = pd.DataFrame({"a": chance.normal(size=400), "b": chance.normal(size=400)})
booster = lightgbm.train(
    {"objective": "binary", "verbose": -1}, lightgbm.Dataset(table, (table["a"] > 0.3).astype(int)), 15
)
row = pd.DataFrame({"a": [2.0], "b": [-2.0]})
straight, turned = float(booster.predict(row)[0]), float(booster.predict(row[["b", "a"]])[0])
print("lightgbm", lightgbm.__version__, "names in the model:", booster.feature_name())
print(f"columns a, b: {straight:.4f}; the same row with columns b, a: {turned:.4f}")
same = booster.feature_name() == ["a", "b"] and abs(straight - turned) > 0.1
print("as described" if same else "the behaviour changed")
sys.exit(0 if same else 1)
PY
