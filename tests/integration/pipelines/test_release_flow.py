"""The four pipelines, run for real: real YAML, real portal, real MLflow, real scoring servers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests
from sqlalchemy import update

from azure_devops_server import seed
from services.database.tables.governance import rollout
from tests.integration.pipelines.conftest import MODEL, ServingHost, wait_for
from tests.integration.pipelines.release_world import BEN, PROJECT, TOKEN, ReleaseWorld, release_world
from tests.mlflow_server import MlflowServer

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
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
    assert "Countersign: allowed in production" in world.log(run)
    assert world.issues(run) == []
    results = world.call("GET", f"test/runs?buildUri=vstfs:///Build/Build/{run}")["value"]
    assert sorted(row["name"] for row in results) == [
        f"Smoke test of {MODEL} v{version}", f"Verification in production of {MODEL} v{version}",
    ]  # fmt: skip
    tags = world.mlflow.api("GET", "model-versions/get", {"name": MODEL, "version": version})["model_version"]["tags"]
    told = {tag["key"]: tag["value"] for tag in tags}
    assert (told["countersign.test.smoke.passed"], told["countersign.test.smoke.failed"]) == ("6", "0")


def test_gate__asked_by_a_run_with_another_version_plan_or_digest__ends_it_before_anything_is_deployed(
    world: ReleaseWorld, released: tuple[str, str]
) -> None:
    version, request_id = released
    signed = world.opened.desk.detail(BEN, request_id)
    right = world.common | {
        "modelVersion": version, "requestId": request_id, "planDigest": signed.request.plan_digest,
        "artifactDigest": signed.plan.artifact_digest or "", "portalUrl": world.portal_url,
    }  # fmt: skip
    before = world.host.get(ENDPOINT)
    for change, said in (
        ({"modelVersion": "1"}, "v1: The request is about"),
        ({"requestId": "nobody"}, "There is no request nobody"),
        ({"planDigest": "sha256:other"}, "The plan digest is not the one that was signed"),
        ({}, "The rollout is succeeded"),  # all is right, but nobody waits for this run
    ):
        run = world.start("release-model", **(right | change))
        assert world.ended(run) == "failed"
        assert any(said in message for message in world.issues(run)), world.issues(run)
        assert world.records(run)["Deploy to test and score known records"] == "skipped"
    assert world.host.get(ENDPOINT) == before


def test_run__started_by_hand_past_the_portal__is_stopped_before_anything_is_deployed(
    world: ReleaseWorld, released: tuple[str, str]
) -> None:
    version, request_id = released
    signed = world.opened.desk.detail(BEN, request_id)
    run = world.start(
        "release-model", modelVersion=version, requestId=request_id, planDigest=signed.request.plan_digest,
        portalUrl=world.portal_url, **world.common,
    )  # fmt: skip
    assert world.ended(run) == "failed"
    records = world.records(run)
    assert (records["Test endpoint and smoke test"], records["Production"]) == ("failed", "skipped"), records
    assert "The rollout is succeeded" in world.log(run)


def test_validation__of_a_version_whose_scores_differ__fails_and_is_recorded(world: ReleaseWorld) -> None:
    run = world.start("validate-model", modelVersion="3", requestId="check-3", **world.common)
    assert world.ended(run) == "failed"
    assert any("4 checks failed, the first: record 1: score 0.0, expected 0.5" in text for text in world.issues(run))
    (results,) = world.call("GET", f"test/runs?buildUri=vstfs:///Build/Build/{run}&includeRunDetails=true")["value"]
    assert (results["totalTests"], results["passedTests"]) == (6, 2)
    tags = world.mlflow.api("GET", "model-versions/get", {"name": MODEL, "version": "3"})["model_version"]["tags"]
    told = {tag["key"]: tag["value"] for tag in tags}
    assert told["countersign.test.smoke.failed"] == "4"
    assert told["countersign.test.smoke.url"].endswith(f"/{PROJECT}/_build/results?buildId={run}")
    assert requests.get(told["countersign.test.smoke.url"], timeout=30).ok


def test_validation__of_a_version_that_does_not_exist__shows_one_error(world: ReleaseWorld) -> None:
    run = world.start("validate-model", modelVersion="99", requestId="check-99", **world.common)
    assert world.ended(run) == "failed"
    messages = [text for text in world.issues(run) if "exited" not in text and "failed with" not in text]
    assert len(messages) == 1, messages
    assert "The deployment failed" in messages[0]


def noted(world: ReleaseWorld, request_id: str, run: int) -> None:
    """As if the rollout had started this very run: the gate lets through no other. No worker takes it up."""
    with world.opened.adapters.engine.begin() as connection:
        connection.execute(
            update(rollout)
            .where(rollout.c.request_id == request_id)
            .values(state="running", run_id=run, not_before=datetime.now(UTC) + timedelta(days=1))
        )


def test_failed_verification_in_production__restores_what_answered_before(
    world: ReleaseWorld, released: tuple[str, str]
) -> None:
    version, request_id = released
    world.host.deploy(ENDPOINT, "1")
    world.host.ready(ENDPOINT, "1")
    signed = world.opened.desk.detail(BEN, request_id)
    seed.environment(world.azure.organization, PROJECT, "production")  # this run is none of the portal's
    run = world.start(
        "sabotaged", modelVersion=version, requestId=request_id, planDigest=signed.request.plan_digest,
        portalUrl=world.portal_url, **world.common,
    )  # fmt: skip
    noted(world, request_id, run)
    assert world.ended(run) == "failed"
    assert world.records(run)["Restore the previous version"] == "succeeded", world.log(run)
    assert world.host.get(ENDPOINT)["version"] == "1"
    assert world.artifacts(run) == {"smoke-test-1", "verification-1"}
    world.call("PATCH", f"build/builds/{run}/stages/Production", {"state": "retry"})
    wait_for(lambda: world.call("GET", f"build/builds/{run}")["status"] != "completed")
    assert world.ended(run) == "failed"
    assert world.artifacts(run) == {"smoke-test-1", "verification-1", "verification-2"}


def test_roll_back__restores_verifies_and_the_second_time_does_nothing(world: ReleaseWorld) -> None:
    world.host.deploy("back", "1")
    world.host.ready("back", "1")
    world.host.deploy("back", "2")
    world.host.ready("back", "2")
    order = {"fromVersion": "2", "servingEndpoint": "back", **world.common}
    run = world.start("rollback-model", **order)
    assert world.ended(run) == "succeeded", world.log(run)
    assert world.records(run)["Verify the restored version"] == "succeeded"
    assert (world.host.get("back")["version"], world.host.score("back", 2.0)) == ("1", [4.0])
    again = world.start("rollback-model", **order)
    assert world.ended(again) == "succeeded"
    assert world.records(again)["Verify the restored version"] == "skipped"
    assert world.host.get("back")["version"] == "1"
