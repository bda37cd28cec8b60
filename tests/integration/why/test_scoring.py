"""Replay, reasons and dossier of real scikit-learn models in the real runner."""

from __future__ import annotations

import hashlib
import html
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from pypdf import PdfReader
from sqlalchemy import Engine

from services.database.engine import open_engine
from services.domain.registry import VersionKey
from services.domain.why.predictions import MASK
from services.domain.why.replay import ReplayVerdict
from services.errors import NotAllowedError, RefusedError
from services.ledger.actions import Action
from services.runner.limits import MIB, Limits, RunResult
from services.runner.process import run_model
from services.why.dossier import DossierDesk, write
from services.why.room import WhyRoom
from services.why.scoring import EXAMPLES, ScoringDesk
from tests.integration.why.scene import Scene, part
from tests.simulators.basics import ANA, DEV
from tests.world import MODEL, World

pytestmark = [pytest.mark.integration]
LIMITS = Limits(seconds=240, memory=2048 * MIB, output=64 * MIB)
TREE, WORDS = "tree", "words"
ROW = {"age": 39.0, "hours": 50.0, "job": "Sales"}
MAKE = """
import sys
import mlflow.sklearn, pandas as pd
from pathlib import Path
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

table = pd.read_parquet(sys.argv[2])
features, label = table.drop(columns="label"), table["label"]
known = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
recipes = {
    "tree": (OrdinalEncoder(**known), GradientBoostingClassifier(n_estimators=20, random_state=1)),
    "words": (OneHotEncoder(handle_unknown="ignore"), LogisticRegression()),
}
for name, (coder, model) in recipes.items():
    columns = ColumnTransformer([("numbers", "passthrough", ["age", "hours"]), ("words", coder, ["job"])])
    pipeline = Pipeline([("columns", columns), ("model", model)]).fit(features, label)
    mlflow.sklearn.save_model(
        pipeline, Path(sys.argv[1]) / name, serialization_format="cloudpickle", pyfunc_predict_fn="predict_proba",
        signature=mlflow.models.infer_signature(features, pipeline.predict_proba(features)),
        pip_requirements=["mlflow", "scikit-learn==0.0.1", "no-such-package==3"],
    )
    (Path(sys.argv[1]) / f"{name}.json").write_text(str(pipeline.predict_proba(pd.DataFrame([ROW])).tolist()))
""".replace("[ROW]", f"[{ROW}]")


def examples() -> pd.DataFrame:
    chance = np.random.default_rng(3)
    age, hours = chance.integers(18, 80, 300).astype(float), chance.integers(5, 70, 300).astype(float)
    job = chance.choice(["Sales", "Tech", "Farm"], 300)
    label = (age / 80 + hours / 70 + (job == "Tech") * 0.4 + chance.normal(0, 0.2, 300) > 1.2).astype(int)
    return pd.DataFrame({"age": age, "hours": hours, "job": job, "label": label})


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    examples().to_parquet(folder / "train.parquet")
    (folder / "make.py").write_text(MAKE)
    command = [sys.executable, "-W", "ignore", "make.py", str(folder), "train.parquet"]
    subprocess.run(command, check=True, capture_output=True, timeout=300, cwd=folder)
    return folder


class FolderRunner:
    """The real runner on a model's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.digests: list[str | None] = []

    def run(
        self, key: VersionKey, task: str, inputs: Any, *, digest: str | None = None, files: Any = None
    ) -> RunResult:
        self.digests.append(digest)
        return run_model(self.folder, task, inputs, LIMITS)


class Stage:
    """A promoted version, the model's folder behind it, one logged prediction."""

    def __init__(self, engine: Engine, tmp: Path, folder: Path, *, examples_logged: bool = True) -> None:
        self.scene = Scene(World(engine, tmp))
        if examples_logged:
            target = io.BytesIO()
            examples().to_parquet(target)
            self.scene.world.registry.files[(f"run-{MODEL}-2", EXAMPLES)] = target.getvalue()
        self.spell = self.scene.promote(2)
        self.runner = FolderRunner(folder)
        self.output = json.loads(folder.with_suffix(".json").read_text())[0]

    @property
    def room(self) -> WhyRoom:
        world, desk = self.scene.world, self.scene.desk
        scoring = ScoringDesk(world.units, desk, self.runner, world.registry)
        keys = [world.signer.active.verifier]
        dossiers = DossierDesk(
            world.units, desk, scoring, keys=lambda: keys, clock=world.clock, namespace="mlflow://test"
        )
        return WhyRoom(desk, scoring, dossiers)

    def log(self, **row: Any) -> str:
        self.scene.world.clock.advance(3600)
        values = {"time": self.scene.world.clock.now(), "version": 2, "inputs": ROW, "output": self.output} | row
        return self.scene.ask(**values).record.request_id


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_engine(f"sqlite:///{tmp_path / 'portal.db'}")
    yield opened
    opened.dispose()


@pytest.fixture
def stage(engine: Engine, tmp_path: Path, models: Path) -> Stage:
    return Stage(engine, tmp_path, models / TREE)


def test_replay__same_model_and_input__is_equal_and_names_what_differs_around_it(stage: Stage) -> None:
    replay = stage.room.replay(DEV, stage.log())
    assert replay.verdict in {ReplayVerdict.EQUAL, ReplayVerdict.WITHIN}
    assert replay.is_sealed
    assert stage.runner.digests[-1] is not None
    assert {(m.name, m.wanted) for m in replay.mismatches} == {("scikit-learn", "0.0.1"), ("no-such-package", "3")}
    assert stage.scene.world.actions()[-1] == Action.PREDICTION_REPLAYED.value


def test_replay__other_answer_in_the_log__is_different_by_how_much(stage: Stage) -> None:
    changed = [self - sign * 0.25 for self, sign in zip(stage.output, (1, -1), strict=True)]
    replay = stage.room.replay(DEV, stage.log(output=changed))
    assert replay.verdict is ReplayVerdict.DIFFERENT
    assert replay.difference == pytest.approx(0.25)
    assert "largest difference 0.25" in replay.sentence


def test_replay__version_in_doubt_or_no_inputs__is_refused(stage: Stage) -> None:
    with pytest.raises(RefusedError, match="not certain"):
        stage.room.replay(DEV, stage.log(version=3))
    with pytest.raises(RefusedError, match="no inputs"):
        stage.room.replay(DEV, stage.log(inputs={}))


def test_reasons__of_a_tree__are_exact_and_add_up(stage: Stage) -> None:
    reasons = stage.room.reasons(DEV, stage.log())
    assert reasons.method == "tree", reasons.why_not_tree
    assert reasons.base + sum(i.moved for i in reasons.inputs) == pytest.approx(reasons.prediction, abs=1e-4)
    assert reasons.prediction == pytest.approx(stage.output[1])
    assert {i.name for i in reasons.inputs} == set(ROW)
    assert "training examples" in reasons.in_words()
    assert len(reasons.nearest) == 3
    assert {n.outcome for n in reasons.nearest_other} == {str(1 - int(stage.output[1] >= 0.5))}
    assert reasons.nearest[0].distance <= reasons.nearest[-1].distance


def test_reasons__of_a_tree__are_those_of_every_combination_counted_by_hand(stage: Stage, models: Path) -> None:
    """Shapley values of the trees' sum against each background row, scaled to the difference in probability."""
    by_name = {i.name: i.moved for i in stage.room.reasons(DEV, stage.log()).inputs}
    with (models / TREE / "model.pkl").open("rb") as stream:
        native = cloudpickle.load(stream)
    background = examples()[list(ROW)].sample(30, random_state=20_260_101)

    def score(names: set[str], *, probability: bool = False) -> Any:
        rows = background.assign(**{name: ROW[name] for name in names})
        return native.predict_proba(rows)[:, 1] if probability else native.decision_function(rows)

    everything = set(ROW)
    margin = score(everything) - score(set())
    scale = (score(everything, probability=True) - score(set(), probability=True)) / np.where(margin == 0, 1, margin)
    others = [set(), {"hours"}, {"job"}, {"hours", "job"}]
    weights = [1 / 3, 1 / 6, 1 / 6, 1 / 3]
    shares = sum(w * (score(s | {"age"}) - score(s)) for w, s in zip(weights, others, strict=True))
    assert by_name["age"] == pytest.approx(float((shares * scale).mean()), abs=1e-6)


def test_reasons__of_one_hot_words__ask_every_combination_and_say_why(
    engine: Engine, tmp_path: Path, models: Path
) -> None:
    stage = Stage(engine, tmp_path, models / WORDS)
    reasons = stage.room.reasons(DEV, stage.log())
    assert reasons.method == "exact"
    assert "several features of one input" in reasons.why_not_tree
    assert reasons.base + sum(i.moved for i in reasons.inputs) == pytest.approx(reasons.prediction, abs=1e-9)


def test_reasons__without_training_examples__compare_with_other_predictions(
    engine: Engine, tmp_path: Path, models: Path
) -> None:
    stage = Stage(engine, tmp_path, models / TREE, examples_logged=False)
    for age in (20.0, 30.0, 40.0, 50.0, 60.0, 70.0):
        stage.log(inputs=ROW | {"age": age})
    reasons = stage.room.reasons(DEV, stage.log())
    assert "other predictions from those days" in reasons.background
    assert EXAMPLES in reasons.neighbours_problem


def test_reasons__masked_input__moves_without_being_shown(stage: Stage) -> None:
    stage.scene.masked = ("age",)
    reasons = stage.room.reasons(ANA, stage.log())
    assert {i.value for i in reasons.inputs if i.name == "age"} == {MASK}
    assert all(n.inputs["age"] == MASK for n in reasons.nearest)


def test_dossier__of_a_promoted_version__tells_everything_and_is_verified_offline(stage: Stage, tmp_path: Path) -> None:
    files = stage.room.dossier(DEV, stage.log())
    folder = tmp_path / "dossier"
    write(files, folder)
    told = json.loads((folder / "dossier.json").read_text())
    assert told["answer"]["sentence"].startswith(f"{MODEL} v2 answered this")
    assert told["problems"] == []
    assert told["replay"]["verdict"].startswith("equal")
    assert (folder / "dossier.pdf").read_bytes().startswith(b"%PDF-")
    assert "Chloé Martin" in (folder / "dossier.html").read_text()
    assert "Intended use: tests." in (folder / "model-card.md").read_text()
    assert _verified(folder, stage) == (0, True)
    sealed = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (folder / "sealed").iterdir()}
    named = (folder / "evidence-pack.json").read_text()
    assert len(sealed) == 3
    assert all(f"sha256:{digest}" in named for digest in sealed.values())
    assert Action.EXPORT_MADE.value in stage.scene.world.actions()


def test_dossier__every_form__has_the_reasons_of_requester_and_approver_and_the_prediction_in_words(
    stage: Stage,
) -> None:
    files = stage.room.dossier(DEV, stage.log())
    told = json.loads(files["dossier.json"])
    given = told["given_reasons"]
    assert [one["did"] for one in given] == ["requested the promotion", "approved"]
    assert all(one["reason"] and one["seq"] for one in given)
    assert told["predicted"][1].startswith("Predicted class: ")
    assert "the probability of 1 is" in told["predicted"][1]
    assert "No decision threshold is recorded" in told["predicted"][2]
    pages = PdfReader(io.BytesIO(files["dossier.pdf"])).pages
    printed = " ".join(" ".join(page.extract_text() for page in pages).split())
    shown = html.unescape(files["dossier.html"].decode())
    for text in (shown, printed):
        for one in given:
            assert f"{one['person']} {one['did']}" in text
            assert one["reason"] in text
        assert told["predicted"][1] in text


def test_dossier__evidence_pack_with_one_changed_byte__is_not_verified(stage: Stage, tmp_path: Path) -> None:
    write(stage.room.dossier(DEV, stage.log()), tmp_path / "dossier")
    pack = tmp_path / "dossier" / "evidence-pack.json"
    pack.write_text(pack.read_text().replace("Chloé Martin", "Mallory Marti"))
    code, is_intact = _verified(tmp_path / "dossier", stage)
    assert (code, is_intact) == (1, False)


def test_dossier__version_in_doubt__says_what_is_missing(stage: Stage) -> None:
    files = stage.room.dossier(DEV, stage.log(version=3))
    told = json.loads(files["dossier.json"])
    assert any("not certain" in problem for problem in told["problems"])
    assert "evidence-pack.json" not in files


def test_dossier__for_somebody_who_may_not_export__is_refused(stage: Stage) -> None:
    with pytest.raises(NotAllowedError):
        stage.room.dossier(ANA, stage.log())


def test_dossier__answer__is_the_same_as_on_the_page(stage: Stage) -> None:
    prediction = stage.log()
    told = json.loads(stage.room.dossier(DEV, prediction)["dossier.json"])
    answer = stage.room.answer(DEV, prediction)
    assert told["answer"]["sentence"] == answer.sentence
    assert part(answer, "Approved by").value in told["answer"]["sentence"]


def _verified(folder: Path, stage: Stage) -> tuple[int, bool]:
    """By the script in the dossier, with the key as the auditor noted it and a witness's copy."""
    (folder.parent / "witness.txt").write_text(
        json.loads((folder / "evidence-pack.json").read_text())["checkpoint"] + "\n"
    )
    command = [sys.executable, "-I", str(folder / "verify_ledger.py"), str(folder / "evidence-pack.json")]
    command += [
        "--vkey",
        str(stage.scene.world.signer.active.verifier),
        "--witness",
        str(folder.parent / "witness.txt"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, "integrity: holds" in done.stdout
