"""Logged models and prompts: what belongs to a run and what is no model, and NaN that comes back as 0."""

from __future__ import annotations

from typing import Any

import pytest

from services.adapters.mlflow import MlflowRegistry
from services.domain.registry import MetricEntry, VersionKey
from services.errors import NotFoundError
from tests.integration.mlflow_adapter.servers import Answer, FakeMlflow
from tests.integration.mlflow_adapter.test_reads import MODELS, VERSIONS, model, run, version


def logged(metrics: list[dict[str, Any]], *, model_id: str = "m-1", run_id: str = "r") -> dict[str, Any]:
    info = {"model_id": model_id, "name": "model", "source_run_id": run_id, "creation_timestamp_ms": 5}
    return {"info": info, "data": {"metrics": metrics}}


def test_run__zero_of_a_model_that_was_nan__is_unknown(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    def metric(key: str, value: float, run_id: str = "r") -> dict[str, Any]:
        return {
            "key": key,
            "value": value,
            "run_id": run_id,
            "dataset_name": "d",
            "dataset_digest": "x",
            "timestamp": 9,
        }

    metrics = [
        metric("acc", 0.5),
        metric("nan", 0.0),
        metric("zero", 0.0),
        metric("older", 0.0),
        metric("gone", 0.0, "x"),
    ]
    latest = [{"key": "nan", "value": "NaN"}, {"key": "zero", "value": 0.0}, {"key": "older", "value": 0.4}]
    moments = {"nan": 9, "zero": 9, "older": 12}
    of_run = run("r", metrics=[m | {"timestamp": moments[m["key"]], "step": 0} for m in latest])
    fake.on("GET runs/get", Answer(200, {"run": of_run}))
    fake.on(
        "POST logged-models/search", Answer(200, {"models": [logged(metrics), logged([], model_id="m-2", run_id="q")]})
    )
    history = [{"key": "older", "value": 0.0, "timestamp": 9}, {"key": "older", "value": 0.4, "timestamp": 12}]
    gone = Answer(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no run"})
    fake.on(
        "GET metrics/get-history",
        lambda seen: Answer(200, {"metrics": history}) if seen.query["run_id"] == ["r"] else gone,
    )
    got = registry.runs(["r"])["r"].models
    assert got is not None
    assert [model.model_id for model in got] == ["m-1"]
    assert {m.name: m.value for m in got[0].metrics} == {
        "acc": 0.5,
        "nan": None,
        "zero": 0.0,
        "older": 0.0,
        "gone": None,
    }
    assert got[0].metrics[0] == MetricEntry("acc", 0.5, "r", 0, 9, "d", "x")
    assert fake.paths().count("metrics/get-history") == 2


def test_run__server_without_logged_models__has_none_and_is_no_error(
    fake: FakeMlflow, registry: MlflowRegistry
) -> None:
    fake.on("GET runs/get", Answer(200, {"run": run("r")}))
    got = registry.runs(["r"])["r"]
    assert (got.models, got.models_problem) == ((), "")


def test_run__logged_models_are_refused__says_why_and_knows_none(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    fake.on("GET runs/get", Answer(200, {"run": run("r")}))
    fake.on("POST logged-models/search", Answer(403, b"Permission denied"))
    got = registry.runs(["r"])["r"]
    assert got.models is None
    assert "refuses access" in got.models_problem


PROMPT = {"key": "mlflow.prompt.is_prompt", "value": "true"}


def test_prompts__in_every_answer__are_never_taken_for_models(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    fake.on(MODELS, Answer(200, {"registered_models": [model("greet", tags=[PROMPT]), model("real")]}))
    fake.on("GET registered-models/get", Answer(200, {"registered_model": model("greet", tags=[PROMPT])}))
    fake.on("GET model-versions/get", Answer(200, {"model_version": version("greet", 1, tags=[PROMPT])}))
    fake.on(VERSIONS, Answer(200, {"model_versions": [version("greet", 1, tags=[PROMPT]), version("real", 1)]}))
    assert [m.name for page in registry.models() for m in page] == ["real"]
    with pytest.raises(NotFoundError):
        registry.model("greet")
    with pytest.raises(NotFoundError):
        registry.version(VersionKey("greet", 1))
    with pytest.raises(NotFoundError):
        registry.holders("greet", stage=None, alias="champion")
    assert [str(v.key) for v in registry.versions_of(["greet", "real"])] == ["real v1"]
