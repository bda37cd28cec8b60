"""Classic releases on their own host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.azure_devops_server.conftest import Site, open_site, wait_for

COMMAND = "d9bafed4-0b18-4f58-968d-86655b4d2ce9"


@pytest.fixture
def releases(tmp_path: Path) -> Iterator[Site]:
    """A server with a second person."""
    with open_site(tmp_path, people={"anna-token": "Anna"}) as server:
        site = Site(server)
        yield site
        site.close()


def call(site: Site, method: str, path: str, **more: Any) -> Any:
    return site.ok(method, f"Release/{path}", host="vsrm", **more)


def environment(name: str, script: str, **more: Any) -> dict[str, Any]:
    task = {"taskId": COMMAND, "version": "2.*", "name": f"run {name}", "inputs": {"script": script}}
    phase = {"name": "Agent job", "phaseType": "agentBasedDeployment", "workflowTasks": [task]}
    return {"name": name, "deployPhases": [phase], **more}


def after(name: str) -> list[dict[str, str]]:
    return [{"name": name, "conditionType": "environmentState", "value": "4"}]


def person(site: Site, name: str) -> dict[str, Any]:
    found = site.organization.identities.find(name)
    assert found is not None
    return {"approvals": [{"rank": 1, "isAutomated": False, "approver": {"id": found.id}}]}


def define(site: Site, *environments: dict[str, Any], **more: Any) -> int:
    body = {"name": f"d{len(site.organization.state.release_definitions.all())}", "environments": environments, **more}
    return call(site, "POST", "definitions", json=body)["id"]


def settled(site: Site, release_id: int, name: str, *states: str) -> Any:
    """The environment of a release once it has one of the states."""

    def probe() -> Any:
        rows = call(site, "GET", f"releases/{release_id}")["environments"]
        row = next(row for row in rows if row["name"] == name)
        return row if row["status"] in states else None

    return wait_for(probe)


def test_release__environments_in_turn__run_their_steps_with_variables(releases: Site) -> None:
    definition = define(
        releases,
        environment("test", "echo deploying $(requestId) of $(Release.ReleaseName)"),
        environment("prod", "true", conditions=after("test")),
        variables={"requestId": {"value": "none", "allowOverride": True}},
    )
    body = {"definitionId": definition, "variables": {"requestId": {"value": "r-7"}}, "properties": {"x": "y"}}
    release = call(releases, "POST", "releases", json=body)
    assert release["status"] == "active"
    assert release["variables"]["requestId"] == {"value": "r-7", "allowOverride": True}
    first, second = (row["status"] for row in release["environments"])
    assert first in {"queued", "inProgress"}
    assert second == "notStarted"
    prod = settled(releases, release["id"], "prod", "succeeded")
    assert prod["deploySteps"][0]["reason"] == "automated"
    done = call(releases, "GET", f"releases/{release['id']}")
    tasks = done["environments"][0]["deploySteps"][0]["releaseDeployPhases"][0]["deploymentJobs"][0]["tasks"]
    task = next(row for row in tasks if row["name"] == "run test")
    assert task["status"] == "succeeded"
    log = releases.session.get(task["logUrl"], timeout=10).text
    assert f"deploying r-7 of {release['name']}" in log


def test_release__failing_step__is_rejected_and_stops_what_follows(releases: Site) -> None:
    definition = define(
        releases, environment("test", "echo no >&2; exit 3"), environment("prod", "true", conditions=after("test"))
    )
    release = call(releases, "POST", "releases", json={"definitionId": definition})
    row = settled(releases, release["id"], "test", "rejected")
    step = row["deploySteps"][0]
    assert (step["status"], step["operationStatus"]) == ("failed", "phaseFailed")
    assert call(releases, "GET", f"releases/{release['id']}")["environments"][1]["status"] == "notStarted"


def test_manual_environment__is_started_by_patch__answered_as_queued(releases: Site) -> None:
    definition = define(releases, environment("prod", "true"))
    body = {"definitionId": definition, "manualEnvironments": ["prod"]}
    release = call(releases, "POST", "releases", json=body)
    row = release["environments"][0]
    assert row["status"] == "notStarted"
    path = f"releases/{release['id']}/environments/{row['id']}"
    assert call(releases, "PATCH", path, json={"comment": "go", "status": "inProgress"})["status"] == "queued"
    settled(releases, release["id"], "prod", "succeeded")
    assert call(releases, "PATCH", path, json={"status": 2})["status"] == "queued"
    again = settled(releases, release["id"], "prod", "succeeded")
    assert [step["attempt"] for step in again["deploySteps"]] == [1, 2]


def test_approval__before_and_after__holds_the_deployment(releases: Site) -> None:
    definition = define(
        releases,
        environment(
            "prod", "true", preDeployApprovals=person(releases, "Anna"), postDeployApprovals=person(releases, "Anna")
        ),
    )
    release = call(releases, "POST", "releases", json={"definitionId": definition})
    query = f"approvals?releaseIdsFilter={release['id']}&statusFilter=pending"
    (before,) = wait_for(lambda: call(releases, "GET", query)["value"])
    assert (before["approvalType"], before["approver"]["displayName"]) == ("preDeploy", "Anna")
    refused = releases.send("PATCH", f"Release/approvals/{before['id']}", json={"status": "approved"}, host="vsrm")
    assert refused.status_code == 403
    releases.session.auth = ("", "anna-token")
    done = call(releases, "PATCH", f"approvals/{before['id']}", json={"status": "approved", "comments": "ok"})
    assert (done["status"], done["approvedBy"]["displayName"], done["comments"]) == ("approved", "Anna", "ok")
    (later,) = wait_for(lambda: call(releases, "GET", query)["value"])
    assert later["approvalType"] == "postDeploy"
    call(releases, "PATCH", f"approvals/{later['id']}", json={"status": 2})
    settled(releases, release["id"], "prod", "succeeded")


def test_approval__rejected__rejects_the_environment(releases: Site) -> None:
    definition = define(
        releases, environment("prod", "true", preDeployApprovals=person(releases, "Demo Administrator"))
    )
    release = call(releases, "POST", "releases", json={"definitionId": definition})
    (row,) = wait_for(lambda: call(releases, "GET", "approvals")["value"])
    call(releases, "PATCH", f"approvals/{row['id']}", json={"status": "rejected"})
    found = settled(releases, release["id"], "prod", "rejected")
    assert found["deploySteps"][0]["operationStatus"] == "rejected"


def test_creator__where_blocked__cannot_approve_the_own_release(releases: Site) -> None:
    approvals = person(releases, "Demo Administrator") | {"approvalOptions": {"releaseCreatorCanBeApprover": False}}
    definition = define(releases, environment("prod", "true", preDeployApprovals=approvals))
    call(releases, "POST", "releases", json={"definitionId": definition})
    (row,) = wait_for(lambda: call(releases, "GET", "approvals")["value"])
    answer = releases.send("PATCH", f"Release/approvals/{row['id']}", json={"status": "approved"}, host="vsrm")
    assert answer.status_code == 403


def test_cancel__a_running_deployment__ends_its_processes(releases: Site) -> None:
    definition = define(releases, environment("prod", "sleep 300"))
    release = call(releases, "POST", "releases", json={"definitionId": definition})
    row = settled(releases, release["id"], "prod", "inProgress")
    wait_for(lambda: _started(call(releases, "GET", f"releases/{release['id']}")))
    call(releases, "PATCH", f"releases/{release['id']}/environments/{row['id']}", json={"status": "canceled"})
    deployment = wait_for(
        lambda: next((d for d in call(releases, "GET", "deployments")["value"] if "completedOn" in d), None)
    )
    assert deployment["operationStatus"] == "canceled"
    assert settled(releases, release["id"], "prod", "canceled")


def test_abandon__stops_everything(releases: Site) -> None:
    definition = define(releases, environment("prod", "true", preDeployApprovals=person(releases, "Anna")))
    release = call(releases, "POST", "releases", json={"definitionId": definition})
    done = call(releases, "PATCH", f"releases/{release['id']}", json={"status": "abandoned"})
    assert (done["status"], done["environments"][0]["status"]) == ("abandoned", "canceled")
    path = f"Release/releases/{release['id']}/environments/{done['environments'][0]['id']}"
    assert releases.send("PATCH", path, json={"status": "inProgress"}, host="vsrm").status_code == 400


def test_lists__filters_and_tokens__page(releases: Site) -> None:
    definition = define(releases, environment("prod", "true", conditions=[]))
    for _ in range(3):
        call(releases, "POST", "releases", json={"definitionId": definition})
    answer = releases.send("GET", "Release/releases?$top=2", host="vsrm")
    assert [row["id"] for row in answer.json()["value"]] == [3, 2]
    token = answer.headers["x-ms-continuationtoken"]
    rest = call(releases, "GET", f"releases?$top=2&continuationToken={token}")
    assert [row["id"] for row in rest["value"]] == [1]
    assert call(releases, "GET", f"releases?definitionId={definition + 1}")["count"] == 0
    assert call(releases, "GET", "definitions?searchText=d0&isExactNameMatch=true")["count"] == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"name": "x", "environments": []}, "at least one environment"),
        ({"name": "", "environments": [environment("a", "true")]}, "needs a name"),
        ({"name": "x", "environments": [environment("a", "true"), environment("A", "true")]}, "different names"),
        (
            {"name": "x", "environments": [{"name": "a", "deployPhases": [{"workflowTasks": [{"taskId": "nope"}]}]}]},
            "does not run the task nope",
        ),
        ({"name": "x", "environments": [{"name": "a", "deployPhases": [{"phaseType": "runOnServer"}]}]}, "runonserver"),
        ({"name": "x", "environments": [environment("a", "${{ x }}")]}, "${{"),
    ],
)
def test_definition__that_cannot_run__400(releases: Site, body: dict[str, Any], message: str) -> None:
    answer = releases.send("POST", "Release/definitions", json=body, host="vsrm")
    assert answer.status_code == 400
    assert message in answer.json()["message"]


def test_variable__not_settable__400(releases: Site) -> None:
    definition = define(releases, environment("prod", "true"), variables={"fixed": {"value": "1"}})
    body = {"definitionId": definition, "variables": {"fixed": {"value": "2"}}}
    answer = releases.send("POST", "Release/releases", json=body, host="vsrm")
    assert (answer.status_code, "fixed" in answer.json()["message"]) == (400, True)
    assert releases.send("GET", "Release/releases/99", host="vsrm").status_code == 404


def _started(release: Any) -> bool:
    return any(step["hasStarted"] for row in release["environments"] for step in row["deploySteps"])
