"""The demo's registry on a real MLflow server: what a good team logs, honest differences, deliberate gaps.

One world for all tests. Its first build is killed half-way, so all of them also hold for a world that was rebuilt.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest
import requests
from sklearn.metrics import roc_auc_score

from demo.processes.children import ProcessGroup, child_environment, free_port, wait_for
from demo.traffic import has_rows
from demo.world.adult import load_adult
from demo.world.kept import BEGUN, MARKER, discard_half_built, read_world
from demo.world.mlflow_server import start_mlflow
from demo.world.names import AWKWARD, BIKES, MODEL
from demo.world.predictions import PredictionLog, Served, score_and_log
from demo.world.registry import build_world
from demo.world.training import RECIPES

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
SECONDS = 240
PROMISED = {1: 0.799, 2: 0.891, 3: 0.904, 4: 0.916, 5: 0.926, 6: 0.926, 7: 0.911, 8: 0.894}


@dataclass(frozen=True)
class Built:
    """The finished world and its server."""

    folder: Path
    url: str
    group: ProcessGroup

    def get(self, path: str, **parameters: str) -> dict[str, Any]:
        answer = requests.get(f"{self.url}/api/2.0/mlflow/{path}", params=parameters, timeout=30)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def version(self, model: str, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self.get("model-versions/get", name=model, version=str(number))["model_version"]
        return found

    def run(self, model: str, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self.get("runs/get", run_id=self.version(model, number)["run_id"])["run"]
        return found

    def artifact(self, number: int, path: str) -> bytes:
        parameters = {"run_id": self.version(MODEL, number)["run_id"], "path": path}
        answer = requests.get(f"{self.url}/get-artifact", params=parameters, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.content

    def model_file(self, model: str, number: int, path: str) -> requests.Response:
        parameters = {"name": model, "version": str(number), "path": path}
        return requests.get(f"{self.url}/model-versions/get-artifact", params=parameters, timeout=30)


def build_command(folder: Path, url: str) -> list[str]:
    return [sys.executable, "-m", "demo.world", "--tracking-uri", url, "--directory", str(folder)]


def build_and_kill(folder: Path, url: str) -> None:
    """A build that is killed while it registers the second version."""
    build = subprocess.Popen(build_command(folder, url), env=environment(), stdout=subprocess.PIPE, text=True)
    assert build.stdout is not None
    with build.stdout:
        reached = any(f"registering {MODEL} v2" in line for line in build.stdout)
    build.kill()
    build.wait()
    assert reached


def environment() -> dict[str, str]:
    return child_environment(PYTHONPATH=str(Path(__file__).resolve().parents[2]))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp("world")
    with ProcessGroup(folder) as group:
        port = free_port()
        start_mlflow(group, folder / "mlflow", port)
        url = f"http://127.0.0.1:{port}"
        build_and_kill(folder, url)
        assert (folder / BEGUN).exists()
        assert read_world(folder) is None
        done = subprocess.run(
            build_command(folder, url), env=environment(), capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr
        yield Built(folder, url, group)


def values(pairs: list[dict[str, str]]) -> dict[str, str]:
    return {pair["key"]: pair["value"] for pair in pairs}


def test_versions__are_eight_in_order_each_with_its_run_and_author(built: Built) -> None:
    world = read_world(built.folder)
    assert world is not None
    found = built.get("model-versions/search", filter=f"name='{MODEL}'")["model_versions"]
    assert sorted(int(v["version"]) for v in found) == list(range(1, 9))
    for recipe in RECIPES:
        version, run = built.version(MODEL, recipe.version), built.run(MODEL, recipe.version)
        assert version["run_id"] == world.runs[recipe.version]
        assert run["info"]["status"] == "FINISHED"
        assert values(run["data"]["tags"])["mlflow.user"] == recipe.author.id
        assert values(version["tags"]) == {
            "task": "classification", "risk_tier": "high", "owner": recipe.author.id
        }  # fmt: skip
        assert version["description"]


def test_metrics__differ_as_promised(built: Built) -> None:
    metrics = {n: values(built.run(MODEL, n)["data"]["metrics"]) for n in PROMISED}
    for number, promised in PROMISED.items():
        assert float(metrics[number]["auc"]) == pytest.approx(promised, abs=0.004)
        assert set(metrics[number]) >= {"log_loss", "brier", "accuracy", "f1", "ece", "auc_women", "auc_men"}
    assert abs(float(metrics[6]["auc"]) - float(metrics[5]["auc"])) < 0.002
    assert float(metrics[7]["auc_women"]) < float(metrics[5]["auc_women"]) - 0.05
    assert float(metrics[7]["auc_men"]) > float(metrics[5]["auc_men"]) - 0.005


def test_commits__exist_in_the_training_repository_by_their_authors(built: Built) -> None:
    for recipe in RECIPES:
        commit = values(built.run(MODEL, recipe.version)["data"]["tags"])["mlflow.source.git.commit"]
        assert re.fullmatch("[0-9a-f]{40}", commit)
        shown = subprocess.run(
            ["git", "-C", str(built.folder / "training-code"), "show", "--format=%an <%ae>", "--stat", commit],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert shown.stdout.startswith(f"{recipe.author.name} <{recipe.author.email}>")


def test_datasets__training_and_evaluation_are_named_with_digest_and_source(built: Built) -> None:
    digests: dict[int, str] = {}
    for number in PROMISED:
        inputs = built.run(MODEL, number)["inputs"]["dataset_inputs"]
        contexts = {values(i["tags"])["mlflow.data.context"]: i["dataset"] for i in inputs}
        assert set(contexts) == {"training", "evaluation"}
        assert json.loads(contexts["evaluation"]["profile"])["num_rows"] == 16_118
        assert "10.24432/C5XW20" in contexts["training"]["source"]
        schema = json.loads(contexts["training"]["schema"])["mlflow_colspec"]
        assert len(schema) == 14
        assert all(column["required"] for column in schema)
        digests[number] = contexts["training"]["digest"]
    assert len({digests[n] for n in (1, 2, 3, 4, 5, 8)}) == 1
    assert len(set(digests.values())) == 3


def test_logged_model__its_metrics_are_bound_to_the_evaluation_data(built: Built) -> None:
    source = built.version(MODEL, 5)["source"]
    model = built.get(f"logged-models/{source.removeprefix('models:/')}")["model"]
    auc = next(m for m in model["data"]["metrics"] if m["key"] == "auc")
    assert auc["dataset_name"] == "adult-census-evaluation"
    assert auc["dataset_digest"]
    assert model["info"]["source_run_id"] == built.version(MODEL, 5)["run_id"]


def test_held_out_predictions__give_the_logged_metrics_and_were_not_trained_on(built: Built) -> None:
    trained_on = set(load_adult().train.features.index)
    for number in (3, 7):
        table = pd.read_parquet(io.BytesIO(built.artifact(number, "evaluation/predictions.parquet")))
        metrics = values(built.run(MODEL, number)["data"]["metrics"])
        women = table[table["sex"] == "Female"]
        assert roc_auc_score(table["label"], table["score"]) == pytest.approx(float(metrics["auc"]), abs=1e-12)
        assert roc_auc_score(women["label"], women["score"]) == pytest.approx(float(metrics["auc_women"]), abs=1e-12)
        assert table["row_id"].is_unique
        assert not trained_on & set(table["row_id"])


def test_reports__only_the_versions_with_a_real_fault_have_failures(built: Built) -> None:
    failures: dict[int, list[str]] = {}
    for number in PROMISED:
        for path in ("tests/unit.xml", "tests/data.xml", "tests/model.xml"):
            suite = ET.fromstring(built.artifact(number, path))
            assert int(suite.get("tests", "0")) == len(suite) > 0
            failures.setdefault(number, []).extend(c.get("name", "") for c in suite if c.find("failure") is not None)
    expected: dict[int, list[str]] = {number: [] for number in PROMISED}
    expected[7], expected[8] = ["women are served as well as men"], ["AUC reaches the floor"]
    assert failures == expected


def test_model_files__signature_example_requirements_and_a_safe_format(built: Built) -> None:
    for number in (1, 4, 5):
        text = built.model_file(MODEL, number, "MLmodel").text
        assert "serialization_format: skops" in text
        assert "predict_fn: predict_proba" in text
        assert "signature:" in text
        assert len(built.model_file(MODEL, number, "input_example.json").json()["data"]) == 5
        assert "scikit-learn==" in built.model_file(MODEL, number, "requirements.txt").text
        assert values(built.run(MODEL, number)["data"]["tags"])["serialization_format"] == "skops"
    assert built.artifact(5, "model_card.md").startswith(b"# census-income v5")


def test_stages_and_aliases__only_what_was_live_before_the_portal(built: Built) -> None:
    model = built.get("registered-models/get", name=MODEL)["registered_model"]
    assert model["aliases"] == [{"alias": "champion", "version": "3"}]
    assert values(model["tags"])["owner"] == "ana.ruiz"
    assert model["description"]
    stages = {n: built.version(MODEL, n)["current_stage"] for n in PROMISED}
    assert stages == {n: "Production" if n == 3 else "None" for n in PROMISED}


def test_gaps__bikes_have_a_deleted_run_and_a_version_without_data_and_description(built: Built) -> None:
    runs = {n: built.run(BIKES, n) for n in (1, 2, 3)}
    assert {n: run["info"]["lifecycle_stage"] for n, run in runs.items()} == {1: "active", 2: "deleted", 3: "active"}
    assert runs[1]["inputs"]["dataset_inputs"]
    assert not runs[3].get("inputs", {}).get("dataset_inputs")
    assert built.version(BIKES, 1)["description"]
    assert not built.version(BIKES, 3).get("description")


def test_gaps__the_awkward_name_has_versions_without_run_one_with_files_one_without(built: Built) -> None:
    assert len({'"', "<", "&", "*", " "} & set(AWKWARD)) == 5
    for number in (1, 2):
        version = built.version(AWKWARD, number)
        assert not version.get("run_id")
        assert not version.get("description")
    assert built.model_file(AWKWARD, 1, "MLmodel").status_code == 200
    assert built.model_file(AWKWARD, 2, "MLmodel").status_code >= 400


def test_past_predictions__were_scored_by_version_3_and_have_a_real_logs_gaps(built: Built) -> None:
    files = sorted((built.folder / "predictions").glob("day=*/*.parquet"))
    rows = pd.concat([pq.read_table(file, partitioning=None).to_pandas() for file in files]).sort_values("request_id")
    held_out = pd.read_parquet(io.BytesIO(built.artifact(3, "evaluation/predictions.parquet")))
    assert len(rows) == 240
    assert rows["score"].to_numpy() == pytest.approx(held_out["score"].head(240).to_numpy(), abs=1e-12)
    assert rows["request_id"].is_unique
    assert set(rows["model_version"].dropna()) == {"3"}
    assert 0 < rows["model_version"].isna().sum() < 60
    assert rows["time"].max() < pd.Timestamp.now("UTC") - pd.Timedelta(days=1)


def test_build__again__keeps_the_world_and_logs_nothing(built: Built) -> None:
    said: list[str] = []
    begun = time.monotonic()
    world = build_world(built.url, built.folder, progress=said.append)
    assert time.monotonic() - begun < 10
    assert world == read_world(built.folder)
    assert said == []
    found = built.get("model-versions/search", filter=f"name='{MODEL}'")["model_versions"]
    assert len(found) == 8


def test_build__nothing_of_the_killed_one_is_left_in_sight(built: Built) -> None:
    experiments = built.get("experiments/search", max_results="100")["experiments"]
    assert sorted(e["name"] for e in experiments) == sorted(["Default", MODEL, BIKES])
    experiment = next(e for e in experiments if e["name"] == MODEL)
    body = {"experiment_ids": [experiment["experiment_id"]], "max_results": 100}
    runs = requests.post(f"{built.url}/api/2.0/mlflow/runs/search", json=body, timeout=30).json()["runs"]
    assert len(runs) == 8


def test_build__a_server_that_somebody_else_filled__is_refused_and_left_alone(built: Built, tmp_path: Path) -> None:
    done = subprocess.run(
        build_command(tmp_path, built.url), env=environment(), capture_output=True, text=True, timeout=SECONDS,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "did not build. Use an empty server." in done.stderr
    assert built.version(MODEL, 8)["run_id"]


def test_mlflow__is_one_process_with_its_guards_up(built: Built) -> None:
    assert psutil.Process(built.group.children[0].process.pid).children() == []
    answer = requests.post(
        f"{built.url}/api/2.0/mlflow/experiments/create",
        json={"name": "from-elsewhere"}, headers={"Origin": "http://elsewhere.example"}, timeout=30,
    )  # fmt: skip
    assert answer.status_code == 403
    assert (built.folder / "mlflow" / "mlflow.db").exists()


def test_build__again__writes_the_rows_for_traffic_that_an_older_world_lacks(built: Built) -> None:
    (built.folder / "traffic.jsonl").unlink()
    build_world(built.url, built.folder, progress=print)
    assert has_rows(built.folder)


def test_discard_half_built__the_world_is_whole__keeps_it(built: Built) -> None:
    before = sorted(p.name for p in built.folder.iterdir())
    assert not discard_half_built(built.folder)
    assert sorted(p.name for p in built.folder.iterdir()) == before


@pytest.mark.parametrize("marker", ["", "{", "[]", '{"version": 1}', '{"version": 2, "runs": 3}'])
def test_discard_half_built__the_marker_says_nothing__takes_all_parts_away(tmp_path: Path, marker: str) -> None:
    for part in ("mlflow", "training-code", "predictions", "portal"):
        (tmp_path / part).mkdir()
    (tmp_path / "mlflow" / "mlflow.db").touch()
    (tmp_path / MARKER).write_text(marker)
    assert discard_half_built(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["portal"]


def test_discard_half_built__nothing_is_there_yet__says_so(tmp_path: Path) -> None:
    assert not discard_half_built(tmp_path)


def test_serving__a_scoring_server_gives_the_known_scores_and_the_log_keeps_them(built: Built, tmp_path: Path) -> None:
    known = json.loads(built.artifact(5, "evaluation/known_records.json"))
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", f"models:/{MODEL}/5", "--env-manager", "local"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    child = built.group.start(
        "scoring", command, environment=child_environment(MLFLOW_TRACKING_URI=built.url), cwd=tmp_path
    )
    wait_for(child, f"http://127.0.0.1:{port}/ping", seconds=SECONDS)
    rows = pd.DataFrame(known["data"], columns=known["columns"])
    log, served = PredictionLog(tmp_path), Served("staging", MODEL, "5")
    scored = score_and_log(f"http://127.0.0.1:{port}", rows, served=served, log=log)
    assert [s.score for s in scored] == pytest.approx(known["expected"], abs=known["tolerance"])
    (file,) = tmp_path.glob("day=*/*.parquet")
    assert pq.read_table(file, partitioning=None)["score"].to_pylist() == [s.score for s in scored]
