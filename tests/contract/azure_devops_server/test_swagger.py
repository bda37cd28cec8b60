"""The server's answers against Microsoft's Swagger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from azure_devops_server import seed
from azure_devops_server.api.routing import ROUTER
from tests.contract.azure_devops_server import operations, swagger
from tests.contract.azure_devops_server.conftest import PROJECT, Site, open_site, wait_for


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, dict[str, Any]]]:
    """A server on which a run with an approval has succeeded and another one was retried."""
    with open_site(tmp_path_factory.mktemp("swagger")) as server:
        site = Site(server)
        seed.environment(server.organization, PROJECT, "production", [seed.ApprovalCheck(instructions="look")])
        flaky = site.start("flaky")
        site.ended(flaky["id"])
        site.ok("PATCH", f"build/builds/{flaky['id']}/stages/Second", json={"state": "retry"})
        run = site.start("full", requestId="swagger")
        approval = site.record(run["id"], "Checkpoint.Approval")
        body = [{"approvalId": approval["id"], "status": "approved", "comment": "fine"}]
        site.ok("PATCH", "pipelines/approvals", json=body)
        site.ended(run["id"])
        site.ended(flaky["id"])
        yield (
            site,
            {"run": run["id"], "flaky": flaky["id"], "approval": approval["id"], "pipeline": run["pipeline"]["id"]},
        )


@pytest.mark.parametrize(
    ("file", "definition", "path", "is_list"),
    [
        ("pipelines", "Pipeline", "pipelines", True),
        ("pipelines", "Pipeline", "pipelines/{pipeline}", False),
        ("pipelines", "Run", "pipelines/{pipeline}/runs", True),
        ("pipelines", "Run", "pipelines/{pipeline}/runs/{run}", False),
        ("pipelines", "LogCollection", "pipelines/{pipeline}/runs/{run}/logs", False),
        ("pipelines", "Log", "pipelines/{pipeline}/runs/{run}/logs/1?$expand=signedContent", False),
        ("pipelines", "Artifact", "pipelines/{pipeline}/runs/{run}/artifacts?artifactName=drop", False),
        ("build", "Build", "build/builds", True),
        ("build", "Build", "build/builds/{run}", False),
        ("build", "Build", "build/latest/{pipeline}", False),
        ("build", "Change", "build/builds/{run}/changes", True),
        ("build", "BuildDefinitionReference", "build/definitions", True),
        ("build", "BuildDefinition", "build/definitions/{pipeline}", False),
        ("build", "Timeline", "build/builds/{run}/timeline", False),
        ("build", "Timeline", "build/builds/{flaky}/timeline", False),
        ("build", "BuildLog", "build/builds/{run}/logs", True),
        ("build", "BuildArtifact", "build/builds/{run}/artifacts", True),
        ("build", "Attachment", "build/builds/{run}/attachments/DistributedTask.Core.Summary", True),
        ("test", "TestRun", "test/runs?buildUri=vstfs:///Build/Build/{run}", True),
        ("test", "TestRun", "test/runs?buildUri=vstfs:///Build/Build/{run}&includeRunDetails=true", True),
        ("pipelinesapproval", "Approval", "pipelines/approvals?$expand=steps", True),
        ("pipelinesapproval", "Approval", "pipelines/approvals/{approval}?$expand=steps,permissions", False),
        ("pipelinesChecks", "CheckConfiguration", "pipelines/checks/configurations/1?$expand=settings", False),
        ("taskAgent", "EnvironmentInstance", "distributedtask/environments", True),
        ("taskAgent", "EnvironmentInstance", "distributedtask/environments/1", False),
        ("taskAgent", "EnvironmentDeploymentExecutionRecord",
         "distributedtask/environments/1/environmentdeploymentrecords", True),
    ],
)  # fmt: skip
def test_answer__fits_the_swagger(
    busy: tuple[Site, dict[str, Any]], file: str, definition: str, path: str, is_list: bool
) -> None:
    site, ids = busy
    document = site.ok("GET", path.format(**ids))
    rows = document["value"] if is_list else [document]
    assert rows
    for row in rows:
        swagger.check(file, definition, row)


def test_test_results_and_statistics__fit_the_swagger(busy: tuple[Site, dict[str, Any]]) -> None:
    site, ids = busy
    (run,) = site.ok("GET", f"test/runs?buildUri=vstfs:///Build/Build/{ids['run']}")["value"]
    rows = site.ok("GET", f"test/runs/{run['id']}/results")["value"]
    assert len(rows) == 3
    for row in rows:
        swagger.check("test", "TestCaseResult", row)
    swagger.check("test", "TestRunStatistic", site.ok("GET", f"test/runs/{run['id']}/statistics"))


def test_check_suite__fits_the_swagger(busy: tuple[Site, dict[str, Any]]) -> None:
    site, ids = busy
    checkpoint = site.records(ids["run"], "Checkpoint")[0]
    suite = site.ok("GET", f"pipelines/checks/runs/{checkpoint['id']}")
    assert suite["status"] == "approved"
    swagger.check("pipelinesChecks", "CheckSuite", suite)


def test_answers_to_writing__fit_the_swagger(busy: tuple[Site, dict[str, Any]]) -> None:
    site, _ = busy
    body = {"templateParameters": {"requestId": "w"}, "variables": {"greeting": {"value": "x"}}}
    run = site.ok("POST", f"pipelines/{site.pipeline('quick')}/runs", json=body)
    swagger.check("pipelines", "Run", run)
    swagger.check("build", "Build", site.ok("PATCH", f"build/builds/{run['id']}", json={"status": "cancelling"}))
    queued = site.ok("POST", "build/builds", json={"definition": {"id": site.pipeline("quick")}})
    swagger.check("build", "Build", queued)
    preview = site.ok("POST", f"pipelines/{site.pipeline('quick')}/preview", json={})
    swagger.check("pipelines", "PreviewRun", preview)


def test_release__fits_the_swagger(busy: tuple[Site, dict[str, Any]]) -> None:
    site, ids = busy
    task = {"taskId": "d9bafed4-0b18-4f58-968d-86655b4d2ce9", "version": "2.*", "name": "say", "enabled": True,
            "inputs": {"script": "ls -R $(System.DefaultWorkingDirectory)"}}  # fmt: skip
    phases = [{"name": "Agent job", "phaseType": "agentBasedDeployment", "rank": 1, "workflowTasks": [task]}]
    artifact = {"alias": "_full", "type": "Build", "definitionReference": {"definition": {"id": "2", "name": "full"}}}
    body = {"name": "swagger", "artifacts": [artifact], "environments": [{"name": "prod", "deployPhases": phases}]}
    definition = site.ok("POST", "release/definitions", json=body, host="vsrm")
    swagger.check("release", "ReleaseDefinition", definition)
    order = {
        "definitionId": definition["id"],
        "artifacts": [{"alias": "_full", "instanceReference": {"id": str(ids["run"]), "name": "1"}}],
        "properties": {"x": "y"},
    }
    release = site.ok("POST", "release/releases", json=order, host="vsrm")
    swagger.check("release", "Release", release)
    path = f"release/releases/{release['id']}"
    done = wait_for(lambda: _done(site.ok("GET", path, host="vsrm")))
    assert done["environments"][0]["status"] == "succeeded"
    swagger.check("release", "Release", done)
    for row in site.ok("GET", "release/deployments", host="vsrm")["value"]:
        swagger.check("release", "Deployment", row)
    for row in site.ok("GET", "release/approvals?statusFilter=approved", host="vsrm")["value"]:
        swagger.check("release", "ReleaseApproval", row)
    log = done["environments"][0]["deploySteps"][0]["releaseDeployPhases"][0]["deploymentJobs"][0]["tasks"][-2][
        "logUrl"
    ]
    assert "_full/drop" in site.session.get(log, timeout=10).text


UNPUBLISHED = (
    "_apis/connectionData", "_apis/hooks/", "_apis/projects", "_apis/ResourceAreas", "_apis/git/",
    "_apis/serviceendpoint/", "/_apis/pipelines/environments", "/_apis/pipelines/pipelinePermissions/",
)  # fmt: skip
"""Areas of which the files are not at hand; recordings and clients hold them."""
IN_USE = {
    "GET {project}/_apis/build/builds/{buildId}/Timeline",
    "GET {project}/_apis/Release/approvals/{approvalId}",
    *(f"{method} {{project}}/_apis/Release/releases/{{releaseId}}/tags" for method in ("GET", "POST")),
    *(f"{method} {{project}}/_apis/Release/releases/{{releaseId}}/tags/{{tag}}" for method in ("PATCH", "DELETE")),
}
"""Forms that clients use and the Swagger has only with, or without, an id."""


def test_routes__served_below_apis__are_published_operations(busy: tuple[Site, dict[str, Any]]) -> None:
    if not operations.is_published():
        pytest.skip("The Swagger files are not on this machine.")
    strange = set()
    for route in ROUTER.routes:
        path = "/".join(route.segments)
        served = "_apis/" in path and route.method != "OPTIONS"
        if served and not any(area in path for area in UNPUBLISHED):
            sample = "/" + path.replace("{*", "{").replace("{", "x").replace("}", "")
            if operations.operation(route.method, sample) is None:
                strange.add(f"{route.method} {path}")
    assert strange == IN_USE


def test_check__misspelled_property_wrong_type_and_wrong_enum__are_found() -> None:
    good = {"id": 1, "name": "x", "state": "completed"}
    swagger.check("pipelines", "Run", good)
    for bad in (
        {**good, "stat": 1},
        {**good, "id": "one"},
        {**good, "state": "Done"},
        {**good, "createdDate": "today"},
    ):
        with pytest.raises(AssertionError):
            swagger.check("pipelines", "Run", bad)


def _done(release: dict[str, Any]) -> Any:
    return release if release["environments"][0]["status"] not in ("queued", "inProgress", "notStarted") else None
