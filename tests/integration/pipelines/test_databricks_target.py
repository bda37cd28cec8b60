"""The target databricks: the real Databricks SDK against a server that answers in the documented shapes.

Shapes: https://docs.databricks.com/api/workspace/servingendpoints (API 2.0).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.integration.pipelines.answering import Answer, Answering, Asked, answering
from tests.integration.pipelines.steps import issue, run_step

# Not by importing it: that takes a second in every test process, and only the steps' own processes use it.
if find_spec("databricks") is None or find_spec("databricks.sdk") is None:
    pytest.skip("the Databricks SDK is not installed", allow_module_level=True)
MODEL, DIGEST = "main.risk.fraud", "sha256:" + "a" * 64
HOME = "/api/2.0/serving-endpoints"


@dataclass
class Cloud:
    """One workspace: endpoints as the service keeps them; an update is there after `looks` reads."""

    looks: int = 1
    fails: str = ""
    endpoints: dict[str, dict[str, Any]] = field(default_factory=dict)
    served: Answering | None = None

    def handle(self, asked: Asked) -> Answer:
        path = asked.path.partition("?")[0]
        if path == "/.well-known/databricks-config":
            return 404, {}
        if asked.headers.get("authorization") != "Bearer dapi-token":
            return 403, {"error_code": "PERMISSION_DENIED", "message": "Invalid access token."}
        if asked.method == "POST" and path == HOME:
            return self._create(asked.body)
        name, _, rest = path.removeprefix(f"{HOME}/").removeprefix("/serving-endpoints/").partition("/")
        if name not in self.endpoints:
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"Endpoint {name} does not exist."}
        return getattr(self, f"_{asked.method.lower()}_{rest or 'it'}")(name, asked.body)

    def _create(self, body: dict[str, Any]) -> Answer:
        row = {"name": body["name"], "tags": body.get("tags", []), "config": {}, "left": 0, "id": "88fd3f75"}
        self.endpoints[body["name"]] = row
        self._pend(row, body["config"])
        return 200, self._shape(row)

    def _get_it(self, name: str, _: Any) -> Answer:
        row = self.endpoints[name]
        if "pending_config" in row:
            row["left"] -= 1
            if row["left"] < 0:
                self._settle(row)
        return 200, self._shape(row)

    def _delete_it(self, name: str, _: Any) -> Answer:
        del self.endpoints[name]
        return 200, {}

    def _put_config(self, name: str, body: dict[str, Any]) -> Answer:
        row = self.endpoints[name]
        if "pending_config" in row:
            return 409, {"error_code": "RESOURCE_CONFLICT", "message": "Endpoint is being updated."}
        self._pend(row, body)
        return 200, self._shape(row)

    def _patch_tags(self, name: str, body: dict[str, Any]) -> Answer:
        tags = {tag["key"]: tag for tag in [*self.endpoints[name]["tags"], *body["add_tags"]]}
        self.endpoints[name]["tags"] = list(tags.values())
        return 200, {"tags": list(tags.values())}

    def _post_invocations(self, name: str, body: dict[str, Any]) -> Answer:
        entity = self.endpoints[name]["config"]["served_entities"][0]
        factor = int(entity["entity_version"])
        rows = body["dataframe_split"]["data"]
        return 200, {"predictions": [row[0] * factor for row in rows]}, {"served-model-name": entity["name"]}

    def _pend(self, row: dict[str, Any], config: dict[str, Any]) -> None:
        row["pending_config"] = {"served_entities": config["served_entities"], "config_version": 2}
        row["pending_config"]["traffic_config"] = config["traffic_config"]
        row["left"], row["update"] = self.looks, "IN_PROGRESS"

    def _settle(self, row: dict[str, Any]) -> None:
        if self.fails:
            state = {"deployment": "DEPLOYMENT_FAILED", "deployment_state_message": self.fails}
            row["pending_config"]["served_entities"][0]["state"] = state
            row["update"] = "UPDATE_FAILED"
            return
        row["config"], row["update"] = row.pop("pending_config"), "NOT_UPDATING"

    def _shape(self, row: dict[str, Any]) -> dict[str, Any]:
        ready = "READY" if row["config"] else "NOT_READY"
        shown = {key: value for key, value in row.items() if key not in {"left", "update"}}
        return {**shown, "state": {"ready": ready, "config_update": row["update"]}, "creator": "ml@example.com",
                "creation_timestamp": 1700000000000, "permission_level": "CAN_MANAGE"}  # fmt: skip


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    found = Cloud()
    with answering(found.handle) as served:
        found.served = served
        yield found


def run(cloud: Cloud, name: str, *arguments: str, version: str = "3", token: str = "dapi-token") -> Any:
    assert cloud.served is not None
    env = {"DATABRICKS_HOST": cloud.served.url, "DATABRICKS_TOKEN": token, "DATABRICKS_AUTH_TYPE": "pat"}
    env |= {"SERVINGTARGET": "databricks", "MODELNAME": MODEL, "MODELVERSION": version, "ARTIFACTDIGEST": DIGEST}
    env |= {"AZURE_CLIENT_ID": "$(azureClientId)", "AZURE_CLIENT_SECRET": "$(azureClientSecret)"}
    fast = ("--every", "0.1") if name in {"deploy", "roll_back"} else ()
    return run_step(name, *arguments, *fast, env=env)


def test_first_deployment__creates_the_endpoint_and_waits(cloud: Cloud) -> None:
    done = run(cloud, "deploy", "--environment", "production")
    assert done.returncode == 0, done.stdout + done.stderr
    assert cloud.served is not None
    (made,) = [one for one in cloud.served.of("POST") if one.path == HOME]
    (entity,) = made.body["config"]["served_entities"]
    assert (entity["entity_name"], entity["entity_version"], entity["scale_to_zero_enabled"]) == (MODEL, "3", False)
    assert made.body["config"]["traffic_config"]["routes"][0]["traffic_percentage"] == 100
    assert made.body["name"].startswith("main-risk-fraud-")
    assert f"/serving-endpoints/{made.body['name']}/invocations" in done.stdout
    assert "variable=endpointChanged]true" in done.stdout


@pytest.mark.slow
def test_next_deployment__updates_and_roll_back_restores(cloud: Cloud) -> None:
    options = ("--endpoint", "fraud", "--environment", "production")
    assert run(cloud, "deploy", *options, version="2").returncode == 0
    done = run(cloud, "deploy", *options)
    assert done.returncode == 0, done.stdout
    assert "variable=previousVersion;isOutput=true]2" in done.stdout
    back = run(cloud, "roll_back", *options, "--from-version", "3")
    assert back.returncode == 0, back.stdout
    assert cloud.endpoints["fraud"]["config"]["served_entities"][0]["entity_version"] == "2"
    again = run(cloud, "roll_back", *options, "--from-version", "3")
    assert "Nothing to roll back" in again.stdout


def test_repeated_deployment__of_what_is_served__sends_no_update(cloud: Cloud) -> None:
    options = ("--endpoint", "fraud", "--environment", "production")
    assert run(cloud, "deploy", *options).returncode == 0
    done = run(cloud, "deploy", *options)
    assert done.returncode == 0, done.stdout
    assert cloud.served is not None
    assert cloud.served.of("PUT") == []
    assert "endpointChanged" not in done.stdout


@pytest.mark.slow
def test_failed_update__tells_databricks_reason_and_the_old_version_stays(cloud: Cloud) -> None:
    options = ("--endpoint", "fraud", "--environment", "production")
    assert run(cloud, "deploy", *options, version="2").returncode == 0
    cloud.fails = "Container build failed: no module named xgboost"
    assert "no module named xgboost" in issue(run(cloud, "deploy", *options))
    back = run(cloud, "roll_back", *options, "--from-version", "3")
    assert "Nothing to roll back" in back.stdout


def test_update_by_somebody_else__is_not_run_over(cloud: Cloud) -> None:
    options = ("--endpoint", "fraud", "--environment", "production")
    assert run(cloud, "deploy", *options, version="2").returncode == 0
    cloud.looks = 10_000
    row = cloud.endpoints["fraud"]
    cloud._pend(row, {"served_entities": [{"name": "x-v9", "entity_name": MODEL, "entity_version": "9"}],
                      "traffic_config": {"routes": []}})  # fmt: skip
    assert "An update to v9 of fraud is under way" in issue(run(cloud, "deploy", *options))


def test_deadline__ends_the_step(cloud: Cloud) -> None:
    cloud.looks = 10_000
    done = run(cloud, "deploy", "--endpoint", "fraud", "--environment", "production", "--seconds", "0.5")
    assert "not done within" in issue(done)


def test_bad_token__is_said_plainly(cloud: Cloud) -> None:
    done = run(cloud, "deploy", "--endpoint", "fraud", "--environment", "production", token="wrong")
    assert "Invalid access token" in issue(done)


def known_server(expected_factor: int) -> Any:
    """MLflow as the steps ask it: one version with known records."""
    known = {"columns": ["x"], "data": [[1.0], [2.0]], "expected": [1.0 * expected_factor, 2.0 * expected_factor]}

    def handle(asked: Asked) -> Answer:
        if asked.path.startswith("/get-artifact"):
            return 200, known
        return 200, {"model_version": {"run_id": "r", "version": "3"}}

    return answering(handle)


def test_verify__right_version_digest_and_scores__passes_and_else_names_what_differs(
    cloud: Cloud, tmp_path: Path
) -> None:
    options = ("--endpoint", "fraud")
    assert run(cloud, "deploy", *options, "--environment", "production").returncode == 0
    report = tmp_path / "report.xml"
    with known_server(3) as mlflow:
        more = ("--mlflow-url", mlflow.url, "--report", str(report))
        done = run(cloud, "verify", *options, *more)
        assert done.returncode == 0, done.stdout
        assert "6 of 6 checks passed" in done.stdout
        assert "digest" in issue(run(cloud, "verify", *options, *more, "--digest", "sha256:other"))
        assert "v3, ready" in issue(run(cloud, "verify", *options, *more, version="4"))
    with known_server(4) as mlflow:
        more = ("--mlflow-url", mlflow.url, "--report", str(report))
        assert "score 3.0, expected 4.0" in issue(run(cloud, "try_out", *options, *more))
    assert json.dumps(report.read_text()).count("<failure") == 2


def test_sdk_missing__says_what_to_install(tmp_path: Path) -> None:
    """An interpreter that finds `requests` and nothing of Databricks."""
    (tmp_path / "databricks").mkdir()
    (tmp_path / "databricks" / "__init__.py").write_text("raise ImportError('not here')")
    done = run_step(
        "deploy", "--target", "databricks", "--endpoint", "e", "--environment", "test",
        env={"PYTHONPATH": str(tmp_path), "MODELNAME": "m", "MODELVERSION": "1"},
    )  # fmt: skip
    assert "pip install databricks-sdk" in issue(done)
