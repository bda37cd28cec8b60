"""The four pipelines, run for real: real YAML, real portal, real MLflow, real scoring servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.pipelines.conftest import MODEL, ServingHost
from tests.integration.pipelines.release_world import BEN, TOKEN, ReleaseWorld, release_world
from tests.mlflow_server import MlflowServer

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.xdist_group("pipelines"),
    pytest.mark.timeout(900),
]
ENDPOINT = MODEL.lower()


@pytest.fixture(scope="module")
def world(mlflow: MlflowServer, host: ServingHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReleaseWorld]:
    with release_world(tmp_path_factory.mktemp("world"), mlflow, host) as running:
        yield running


@pytest.fixture(scope="module")
def released(world: ReleaseWorld) -> tuple[str, str]:
    """A version that was trained, handed over, approved and released by the pipelines; and its request."""
    run = world.start(
        "train-model", modelName=MODEL, trainingScript="train.py", reason='It says "x" & more; $(no macro)',
        portalUrl=world.portal_url, mlflowUrl=world.mlflow.url,
    )  # fmt: skip
    assert world.ended(run) == "succeeded", world.log(run)
    versions = world.mlflow.api("GET", "registered-models/get-latest-versions", {"name": MODEL})["model_versions"]
    version = max((row["version"] for row in versions), key=int)
    request = world.request_of(version)
    assert request.reason == 'It says "x" & more; $(no macro)'
    world.approve(request)
    assert world.settled(request.id) == "promoted", world.log(world.run_of(request.id))
    return version, request.id


def test_training_to_production__serves_what_was_signed(world: ReleaseWorld, released: tuple[str, str]) -> None:
    version, request_id = released
    run = world.run_of(request_id)
    served = world.host.get(ENDPOINT)
    signed = world.opened.desk.detail(BEN, request_id)
    assert (served["model"], served["version"], served["environment"]) == (MODEL, version, "production")
    assert served["digest"] == signed.plan.artifact_digest
    assert world.host.score(ENDPOINT, 1.0, 4.0) == [2.0, 8.0]
    assert world.artifacts(run) == {"smoke-test-1", "verification-1"}
    assert TOKEN not in world.log(run)
    results = world.call("GET", f"test/runs?buildUri=vstfs:///Build/Build/{run}")["value"]
    assert sorted(row["name"] for row in results) == [
        f"Smoke test of {MODEL} v{version}", f"Verification in production of {MODEL} v{version}",
    ]  # fmt: skip
    tags = world.mlflow.api("GET", "model-versions/get", {"name": MODEL, "version": version})["model_version"]["tags"]
    told = {tag["key"]: tag["value"] for tag in tags}
    assert (told["countersign.test.smoke.passed"], told["countersign.test.smoke.failed"]) == ("6", "0")
