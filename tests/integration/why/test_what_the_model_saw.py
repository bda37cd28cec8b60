"""Replays follow what the model saw: the server's own casts, and what a saved file lost, are named."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.domain.lineage import Certainty, Fact
from services.domain.registry import VersionKey
from services.domain.why.predictions import PredictionRecord
from services.domain.why.replay import Replay, ReplayVerdict, compare
from services.runner.limits import MIB, Limits
from services.runner.process import run_model
from services.why.desk import Examined
from services.why.lineage import Origin
from services.why.scoring import Asked, _one_row, replay_of
from services.why.versions import Answered

pytestmark = [pytest.mark.integration]
LIMITS = Limits(seconds=240, memory=2048 * MIB, output=64 * MIB)
KEY = VersionKey("m", 1)
MAKE = """
import json, sys
import lightgbm, mlflow, numpy as np, pandas as pd, xgboost
from mlflow.models import ModelSignature, infer_signature
from mlflow.pyfunc.scoring_server import invocations
from mlflow.types import ColSpec, Schema
from pathlib import Path

root, said = Path(sys.argv[1]), {}
chance = np.random.default_rng(1)
table = pd.DataFrame({"a": chance.normal(size=400), "b": chance.normal(size=400)})
label = (table["a"] > 0.3).astype(int)

class Half(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: pd.DataFrame, params=None):
        return (model_input["age"] / 2).tolist()

mlflow.pyfunc.save_model(root / "whole", python_model=Half(),
    signature=ModelSignature(Schema([ColSpec("long", "age")]), Schema([ColSpec("double")])))
asked = json.dumps({"dataframe_split": {"columns": ["age"], "data": [[1.5]]}})
served = mlflow.pyfunc.load_model(root / "whole")
said["whole"] = json.loads(invocations(asked, "application/json", served, served.metadata.get_input_schema()).response)

forest = lightgbm.LGBMClassifier(n_estimators=15, verbose=-1).fit(table[["a", "b"]], label)
turned = infer_signature(table[["b", "a"]], label.to_numpy())
mlflow.lightgbm.save_model(forest, root / "places", signature=turned)
said["places"] = forest.predict_proba(table.head(1))[0].tolist()

marked = table.assign(a=table["a"].where(chance.random(400) > 0.3, -999.0))
trees = xgboost.XGBClassifier(n_estimators=15, missing=-999.0).fit(marked, (marked["a"] == -999.0).astype(int))
mlflow.xgboost.save_model(trees, root / "missing", signature=infer_signature(marked, label.to_numpy()))
row = marked[marked["a"] == -999.0].head(1)
said["missing"] = trees.predict_proba(row)[0].tolist()
(root / "said.json").write_text(json.dumps({"said": said, "a": table.head(1).to_dict("records")[0],
    "b": row.to_dict("records")[0]}))
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    (folder / "make.py").write_text(MAKE)
    command = [sys.executable, "-W", "ignore", "make.py", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def replayed(folder: Path, record: PredictionRecord) -> Replay:
    answered = Answered(Fact("Version", Certainty.KNOWN, str(KEY)), (KEY,), ())
    asked = Asked(Examined(record, answered, (Origin(KEY, None, None),), None), Origin(KEY, None, None), None)
    return replay_of(asked, run_model(folder, "replay", _one_row(record), LIMITS))


def told(models: Path) -> Any:
    return json.loads((models / "said.json").read_text())


def test_replay__of_a_whole_number_column__asks_what_mlflows_server_asked(models: Path) -> None:
    (answer,) = told(models)["said"]["whole"]["predictions"]
    record = PredictionRecord("r", None, inputs={"age": 1.5}, output=answer, protocol="mlflow")
    replay = replayed(models / "whole", record)
    assert replay.verdict is ReplayVerdict.EQUAL
    assert answer == 0.5  # of 1, not of 1.5
    assert [(s.name, s.logged, s.asked) for s in replay.seen] == [("age", 1.5, 1)]
    assert "age was logged as 1.5 and asked as 1" in replay.sentence


def test_replay__of_lightgbm_whose_signature_turned_its_columns__names_the_order(models: Path) -> None:
    found = told(models)
    record = PredictionRecord("r", None, inputs=found["a"], output=found["said"]["places"])
    replay = replayed(models / "places", record)
    assert replay.verdict is ReplayVerdict.DIFFERENT
    assert replay.cause.startswith("LightGBM takes columns by their place: in the order of training (a, b)")
    assert "Likely cause" in replay.sentence


def test_replay__of_xgboost_that_forgot_its_missing_marker__names_the_marker(models: Path) -> None:
    found = told(models)
    record = PredictionRecord("r", None, inputs=found["b"], output=found["said"]["missing"])
    replay = replayed(models / "missing", record)
    assert replay.verdict is ReplayVerdict.DIFFERENT
    assert "with -999 taken for missing" in replay.cause


def test_replay__of_an_answer_that_nothing_explains__names_no_cause(models: Path) -> None:
    found = told(models)
    record = PredictionRecord("r", None, inputs=found["a"], output=[0.123, 0.877])
    replay = replayed(models / "places", record)
    assert (replay.verdict, replay.cause) == (ReplayVerdict.DIFFERENT, "")
    assert replace(replay, cause="") == replay


@pytest.mark.parametrize(
    ("logged", "again", "verdict"),
    [
        (float("nan"), None, ReplayVerdict.EQUAL),
        ([float("nan"), 1], [None, 1], ReplayVerdict.EQUAL),
        (float("nan"), 0.0, ReplayVerdict.DIFFERENT),
        (0.0, None, ReplayVerdict.NOT_COMPARABLE),
    ],
)
def test_compare__bare_nan__is_missing_and_no_number(logged: Any, again: Any, verdict: ReplayVerdict) -> None:
    assert compare(logged, None, again, None)[0] is verdict
