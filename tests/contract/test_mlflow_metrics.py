"""Whose metric it is, against a real MLflow server and its own client: what the portal says of each awkward run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from services.adapters.mlflow import MlflowConfig, MlflowRegistry, build_registry
from services.catalogue.lineage import facts_of, graph_of
from services.datasets.reading import digest_of_path
from services.domain.checks import Enforcement, Verdict
from services.domain.datasets import named
from services.domain.lineage import Certainty, NodeKind
from services.domain.model_metrics import MetricValue, confirmed, known_metrics, metrics_of
from services.domain.policy import CheckRule
from services.domain.registry import RegistrySnapshot, Run, VersionKey
from services.errors import NotFoundError
from services.promotions.checks import KINDS, Compared
from services.promotions.material import Material
from services.promotions.model_facts import read_model_facts
from tests.integration.pipelines.steps import issue, run_step
from tests.mlflow_server import MlflowServer, client_environment, mlflow_server

WORLD = """
import json, math, sys, time, warnings
warnings.simplefilter("ignore")
import mlflow, numpy as np, pandas as pd
from decimal import Decimal
from mlflow import MlflowClient
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression
client, runs = MlflowClient(), {}
mlflow.set_experiment("awkward")
fitted = LogisticRegression().fit(np.array([[0.0], [1.0], [2.0], [3.0]]), [0, 0, 1, 1])

def log(name=None, **more):
    more.setdefault("pip_requirements", ["scikit-learn"])
    made = mlflow.sklearn.log_model(fitted, name="model", registered_model_name=name, **more)
    time.sleep(0.005)
    return made.model_id

def metric(name, value, **more):
    mlflow.log_metric(name, value, **more)
    time.sleep(0.005)

def table(**columns):
    return mlflow.data.from_pandas(pd.DataFrame(columns or {"x": [1, 2]}))

with mlflow.start_run() as run:  # each model with its own value, one after the other
    metric("auc", 0.55, model_id=log("two"))
    metric("auc", 0.91, model_id=log("two"))
runs["two"] = run.info.run_id
with mlflow.start_run():  # the second model was never measured: what it has was copied
    metric("auc", 0.91, model_id=log("copied"))
    log("copied")
with mlflow.start_run():  # logged for the run, before either model
    metric("auc", 0.91)
    log("before"), log("before")
with mlflow.start_run():  # after both: MLflow books it on the first alone, and a batch on both
    log("after"), log("after")
    metric("auc", 0.91)
    mlflow.log_metrics({"f1": 0.8})
with mlflow.start_run():  # after both, each with its model_id
    first, second = log("named"), log("named")
    metric("auc", 0.55, model_id=first)
    metric("auc", 0.91, model_id=second)
with mlflow.start_run():  # epochs, then the only model: MLflow copies step 0
    for step, value in enumerate((0.95, 0.7, 0.6)):
        metric("auc", value, step=step)
    log("epochs")
with mlflow.start_run():  # values without a form of their own
    model = log("strange")
    for name, value in {"nan": math.nan, "inf": math.inf, "low": -math.inf, "zero": 0.0}.items():
        metric(name, value, model_id=model)
    metric("recovered", math.nan, model_id=model)
    metric("recovered", 0.9, model_id=model)
    metric("lost", 0.9, model_id=model)
    metric("lost", math.nan, model_id=model)
with mlflow.start_run() as run:  # two values of one step and time
    model = log("twice")
for value in (0.9, 0.3):
    client.log_metric(run.info.run_id, "auc", value, timestamp=1000, step=1)
with mlflow.start_run():  # one metric on two data sets of MLflow's default name
    model = log("datasets")
    metric("auc", 0.9, model_id=model, dataset=table(x=[1, 2]))
    metric("auc", 0.7, model_id=model, dataset=table(x=[1, 3]))
with mlflow.start_run():
    mlflow.log_input(table(x=[7]), context="eval")
    log("evaluated only")
with mlflow.start_run():
    mlflow.log_input(table(x=[8]), context="training")
    mlflow.log_input(table(x=[9]), context="training")
    mlflow.log_input(table(x=[10]), context="eval")
    log("two sets")
with mlflow.start_run():
    log("decimal", signature=infer_signature(pd.DataFrame({"amount": [Decimal("1.5")], "age": [1]}), [0]))
with mlflow.start_run() as run:  # its sibling is deleted afterwards
    metric("auc", 0.91, model_id=log())
    log("orphan")
client.delete_logged_model(mlflow.search_logged_models(
    filter_string=f"source_run_id = '{run.info.run_id}'", output_format="list", order_by=[{"field_name": "creation_time", "ascending": True}])[0].model_id)
client.copy_model_version("models:/two/2", "copy")
mlflow.genai.register_prompt(name="greeting", template="hello")
print("RUNS" + json.dumps(runs))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with mlflow_server(tmp_path_factory.mktemp("metrics")) as running:
        done = subprocess.run(
            [sys.executable, "-c", WORLD], env=client_environment(running), cwd=running.folder, capture_output=True,
            text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        yield running


@pytest.fixture(scope="module")
def registry(server: MlflowServer) -> Iterator[MlflowRegistry]:
    opened = build_registry(MlflowConfig(server.url, call_seconds=60))
    yield opened
    opened.close()


def run_of(registry: MlflowRegistry, name: str, number: int = 1) -> Run:
    version = registry.version(VersionKey(name, number))
    return registry.runs([version.run_id])[version.run_id]


def metrics(registry: MlflowRegistry, name: str, number: int = 1) -> dict[str, MetricValue]:
    version = registry.version(VersionKey(name, number))
    run = registry.runs([version.run_id])[version.run_id]
    return confirmed(metrics_of(version, run), run, registry.metric_history)


def gate(registry: MlflowRegistry, name: str, number: int = 1, **settings: Any) -> tuple[Verdict, str]:
    """The verdict of "auc at least 0.8" and its sentence."""
    material = Material(
        registry.version(VersionKey(name, number)), run_of(registry, name, number), RegistrySnapshot(), None, "", (),
        None, None, "", metrics(registry, name, number),
    )  # fmt: skip
    rule = CheckRule("metric_floor", Enforcement.BLOCK, {"metric": "auc", "at_least": 0.8} | settings)
    check = KINDS["metric_floor"](rule, material, Compared(None))
    return check.verdict, check.sentence


def value(registry: MlflowRegistry, name: str, number: int = 1) -> float | None:
    return metrics(registry, name, number)["auc"].value


@pytest.mark.parametrize("name", ["two", "named"])
def test_metric__two_models_in_one_run__is_each_models_own(registry: MlflowRegistry, name: str) -> None:
    assert run_of(registry, name).metrics["auc"] == 0.91
    assert (value(registry, name, 1), value(registry, name, 2)) == (0.55, 0.91)
    assert [gate(registry, name, number)[0] for number in (1, 2)] == [Verdict.FAIL, Verdict.PASS]
    assert metrics(registry, name)["auc"].source.startswith("logged model m-")


def test_metric__copied_from_an_earlier_model__is_not_the_later_ones(registry: MlflowRegistry) -> None:
    assert value(registry, "copied", 1) == 0.91
    found = metrics(registry, "copied", 2)["auc"]
    assert found.value is None
    assert "copied another model's value" in found.why_unknown
    assert gate(registry, "copied", 2)[0] is Verdict.UNKNOWN


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("name", ["before", "after"])
def test_metric__logged_for_a_run_with_two_models__is_unknown(registry: MlflowRegistry, name: str, number: int) -> None:
    verdict, sentence = gate(registry, name, number)
    assert verdict is Verdict.UNKNOWN, sentence
    assert all(found.value is None for found in metrics(registry, name, number).values())


def test_metric__epochs_and_then_the_only_model__is_the_runs_latest_not_the_copy_of_step_0(
    registry: MlflowRegistry,
) -> None:
    found = metrics(registry, "epochs")["auc"]
    assert (found.value, found.source.split()[0]) == (0.6, "run")
    models = run_of(registry, "epochs").models
    assert models is not None
    assert [entry.value for entry in models[0].metrics] == [0.95]
    assert gate(registry, "epochs")[0] is Verdict.FAIL


def test_metric__nan_and_infinity__are_unknown_and_a_true_zero_is_known(registry: MlflowRegistry) -> None:
    found = metrics(registry, "strange")
    assert known_metrics(found) == {"zero": 0.0, "recovered": 0.9}
    assert "NaN" in found["nan"].why_unknown
    assert "infinite" in found["inf"].why_unknown
    assert "NaN" in found["lost"].why_unknown


def test_metric__two_values_of_one_step_and_time__is_unknown(registry: MlflowRegistry) -> None:
    assert run_of(registry, "twice").metrics["auc"] == 0.9
    found = metrics(registry, "twice")["auc"]
    assert found.value is None
    assert "several times" in found.why_unknown


def test_metric__on_two_data_sets_of_one_name__is_judged_on_each_or_on_the_one_named(registry: MlflowRegistry) -> None:
    found = metrics(registry, "datasets")["auc"]
    assert sorted(part.value or 0 for part in found.by_dataset) == [0.7, 0.9]
    assert len(known_metrics({"auc": found})) == 2
    assert gate(registry, "datasets")[0] is Verdict.UNKNOWN
    assert gate(registry, "datasets", at_least=0.6)[0] is Verdict.PASS
    assert gate(registry, "datasets", at_least=0.95)[0] is Verdict.FAIL
    digests = {part.value: part.dataset.rpartition("(")[2].rstrip(")") for part in found.by_dataset}
    assert gate(registry, "datasets", dataset=digests[0.9])[0] is Verdict.PASS
    assert gate(registry, "datasets", dataset=digests[0.7])[0] is Verdict.FAIL
    assert gate(registry, "datasets", dataset="elsewhere")[0] is Verdict.UNKNOWN


def test_metric__sibling_was_deleted__what_it_left_is_not_the_others(registry: MlflowRegistry) -> None:
    verdict, sentence = gate(registry, "orphan")
    assert verdict is Verdict.UNKNOWN
    assert "deleted" in sentence


def test_metric__copy_of_a_version__is_that_of_the_original(registry: MlflowRegistry) -> None:
    assert value(registry, "copy") == 0.91


def lineage(registry: MlflowRegistry, name: str) -> tuple[Verdict, str]:
    material = Material(
        registry.version(VersionKey(name, 1)), run_of(registry, name), RegistrySnapshot(), None, "", (), None, None, "",
        {},
    )  # fmt: skip
    check = KINDS["lineage_complete"](CheckRule("lineage_complete", Enforcement.BLOCK, {}), material, Compared(None))
    return check.verdict, check.sentence


def test_training_data__only_an_evaluation_set__is_unknown(registry: MlflowRegistry) -> None:
    """Case 7."""
    version, run = registry.version(VersionKey("evaluated only", 1)), run_of(registry, "evaluated only")
    assert [dataset.context for dataset in run.datasets] == ["eval"]
    fact = next(fact for fact in facts_of(version, run, {}) if fact.name == "Training data")
    assert fact.certainty is Certainty.UNKNOWN
    assert "context eval" in fact.hint
    graph = graph_of(version, run, deployments=(), requests=(), releases=())
    shown = {node.label: node.is_known for node in graph.nodes if node.kind is NodeKind.DATASET}
    assert shown == {"dataset": True, "Training data unknown": False}
    verdict, sentence = lineage(registry, "evaluated only")
    assert verdict is Verdict.FAIL
    assert "the training data set" in sentence


def test_training_data__two_sets__both_are_named_and_kept_apart(registry: MlflowRegistry) -> None:
    """Case 8."""
    version, run = registry.version(VersionKey("two sets", 1)), run_of(registry, "two sets")
    fact = next(fact for fact in facts_of(version, run, {}) if fact.name == "Training data")
    digests = {dataset.digest for dataset in run.training_data}
    assert len(digests) == 2
    assert fact.certainty is Certainty.KNOWN
    assert all(digest in fact.value for digest in digests)
    signed = named(run.datasets)
    assert {f"dataset (training) {digest}" for digest in digests} | {"dataset (eval)"} == set(signed)


def test_training_data__logged_with_a_metric__has_no_context_and_is_unknown(registry: MlflowRegistry) -> None:
    run = run_of(registry, "datasets")
    assert [dataset.context for dataset in run.datasets] == ["", ""]
    assert run.training_data == ()


def digest_step(server: MlflowServer, run_id: str, path: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return run_step(
        "digest_dataset",
        "--mlflow-url",
        server.url,
        "--run-id",
        run_id,
        "--path",
        str(path),
        "--name",
        "dataset",
        *more,
    )


def test_content_digest__written_by_the_pipeline_step__is_preferred_for_the_data_set_it_names(
    server: MlflowServer, registry: MlflowRegistry, tmp_path: Path
) -> None:
    version = registry.version(VersionKey("two sets", 1))
    first, second = run_of(registry, "two sets").training_data
    pd.DataFrame({"x": [8]}).to_parquet(tmp_path / "train.parquet")
    assert "Say which: --mlflow-digest" in issue(digest_step(server, version.run_id, tmp_path / "train.parquet"))
    assert "not abc" in issue(digest_step(server, version.run_id, tmp_path / "train.parquet", "--mlflow-digest", "abc"))
    wanted = ("--mlflow-digest", first.digest)
    assert "There is no" in issue(digest_step(server, version.run_id, tmp_path / "nothing.parquet", *wanted))
    done = digest_step(server, version.run_id, tmp_path / "train.parquet", *wanted)
    assert done.returncode == 0, done.stdout + done.stderr
    expected = digest_of_path(tmp_path / "train.parquet").digest
    run = run_of(registry, "two sets")
    assert [d.best_digest for d in run.training_data] == [expected, second.digest]
    fact = next(fact for fact in facts_of(version, run, {}) if fact.name == "Training data")
    assert expected in fact.value


def test_signature__lost_its_names__is_no_signature(registry: MlflowRegistry) -> None:
    facts = read_model_facts(registry, VersionKey("decimal", 1), None)
    assert facts.signature is None
    assert "names" in facts.problem


def test_prompt__asked_for_as_a_model__is_not_found(registry: MlflowRegistry) -> None:
    assert "greeting" not in {model.name for page in registry.models() for model in page}
    for ask in (lambda: registry.model("greeting"), lambda: registry.version(VersionKey("greeting", 1))):
        with pytest.raises(NotFoundError):
            ask()
    assert registry.versions_of(["greeting"]) == []
