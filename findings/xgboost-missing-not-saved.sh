#!/usr/bin/env bash
# XGBoost's scikit-learn classes take `missing`, the number that marks a missing value. The file that save_model writes
# does not hold it: the loaded model takes the marker for a number and answers otherwise, without a word.
# Exits 1 if the behaviour changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "xgboost-cpu==3.2.0" "scikit-learn" "numpy"
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys

import numpy as np
import xgboost

chance = np.random.default_rng(1)
x = chance.normal(size=(400, 2))
x[chance.random(400) < 0.3, 0] = -999.0
y = ((x[:, 0] == -999.0) | (x[:, 0] > 1)).astype(int)
model = xgboost.XGBClassifier(n_estimators=15, missing=-999.0).fit(x, y)
model.save_model("model.json")
loaded = xgboost.XGBClassifier()
loaded.load_model("model.json")
row = x[x[:, 0] == -999.0][:1]
before, after = float(model.predict_proba(row)[0, 1]), float(loaded.predict_proba(row)[0, 1])
print("xgboost", xgboost.__version__)
print(f"missing: {model.missing} when trained, {loaded.missing} when loaded")
print(f"probability of one row: {before:.4f} when trained, {after:.4f} when loaded")
same = model.missing == -999.0 and loaded.missing != -999.0 and abs(before - after) > 0.1
print("as described" if same else "the behaviour changed")
sys.exit(0 if same else 1)
PY
