"""The Python SDK of Microsoft against the local server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.azure_devops_server.conftest import PROJECT, Site, wait_for

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:msrest"),
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning"),
    # The SDK leaves its connections open, and the collector may come by in the middle of a test.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]
Sdk = Callable[[Site], Any]


def test_run__started_followed_and_read_by_the_sdk(site: Site, sdk: Sdk) -> None:
    clients = sdk(site)
    pipelines, builds = clients.get_pipelines_client(), clients.get_build_client()
    number = next(row.id for row in pipelines.list_pipelines(PROJECT, order_by="name asc") if row.name == "full")
    run = pipelines.run_pipeline({"templateParameters": {"requestId": "sdk-1"}}, PROJECT, number)
    assert (run.state, run.name, run.template_parameters) == ("inProgress", "sdk-1-1", {"requestId": "sdk-1"})
    assert run.additional_properties["tags"] == []
    run = wait_for(lambda: _ended(pipelines.get_run(PROJECT, number, run.id)))
    assert run.result == "succeeded"
    assert run.id in [row.id for row in pipelines.list_runs(PROJECT, number)]
    build = builds.get_build(PROJECT, run.id)
    assert (build.status, build.result, build.build_number) == ("completed", "succeeded", "sdk-1-1")
    assert build.queue_time.tzinfo is not None
    timeline = builds.get_build_timeline(PROJECT, run.id)
    assert {"Stage", "Phase", "Job", "Task"} <= {record.type for record in timeline.records}
    log = builds.get_build_logs(PROJECT, run.id)[1]
    assert len(b"".join(builds.get_build_log(PROJECT, run.id, log.id)).splitlines()) == log.line_count
    assert [row.name for row in builds.get_artifacts(PROJECT, run.id)] == ["drop"]
    assert b"".join(builds.get_artifact_content_zip(PROJECT, run.id, "drop")).startswith(b"PK")


def test_find__by_build_number_and_time__as_the_sdk_sends_it(site: Site, sdk: Sdk) -> None:
    clients = sdk(site)
    run = clients.get_pipelines_client().run_pipeline(
        {"templateParameters": {"requestId": "find-me"}}, PROJECT, site.pipeline("quick")
    )
    builds = clients.get_build_client()
    created = builds.get_build(PROJECT, run.id).queue_time
    found = builds.get_builds(
        PROJECT,
        definitions=[site.pipeline("quick")],
        build_number="find-me-*",
        min_time=created,
        status_filter="all",
        query_order="queueTimeDescending",
        top=50,
    )
    assert [(row.id, row.template_parameters) for row in found] == [(run.id, {"requestId": "find-me"})]


def test_tags_cancel_and_queue__by_the_sdk(site: Site, sdk: Sdk) -> None:
    builds = sdk(site).get_build_client()
    queued = builds.queue_build({"definition": {"id": site.pipeline("sleeper")}}, PROJECT)
    assert builds.add_build_tag(PROJECT, queued.id, "req ab/c d") == ["req ab/c d"]
    assert builds.add_build_tags(["x", "req:1"], PROJECT, queued.id) == ["req ab/c d", "x", "req:1"]
    assert builds.delete_build_tag(PROJECT, queued.id, "x") == ["req ab/c d", "req:1"]
    assert builds.update_build({"status": "cancelling"}, PROJECT, queued.id).status == "cancelling"
    assert wait_for(lambda: builds.get_build(PROJECT, queued.id).result) == "canceled"


def test_test_results__listed_and_written_by_the_sdk(site: Site, sdk: Sdk) -> None:
    run = site.start("full", requestId="sdk-tests")
    site.ended(run["id"])
    tests = sdk(site).get_test_client()
    (found,) = tests.get_test_runs(PROJECT, build_uri=f"vstfs:///Build/Build/{run['id']}", include_run_details=True)
    assert (found.name, found.total_tests, found.passed_tests, found.unanalyzed_tests) == ("smoke", 3, 1, 1)
    (failed,) = tests.get_test_results(PROJECT, found.id, top=1000, outcomes=["Failed"])
    assert (failed.automated_test_name, failed.error_message, failed.stack_trace) == (
        "pkg.Case.fails", "boom", "trace line",
    )  # fmt: skip
    made = tests.create_test_run({"name": "mine", "automated": True, "build": {"id": str(run["id"])}}, PROJECT)
    added = tests.add_test_results_to_test_run(
        [{"testCaseTitle": "t", "automatedTestName": "a.t", "outcome": "Passed", "state": "Completed"}],
        PROJECT,
        made.id,
    )
    assert [(row.id, row.outcome) for row in added] == [(100000, "Passed")]
    assert tests.update_test_run({"state": "Completed"}, PROJECT, made.id).state == "Completed"
    statistics = tests.get_test_run_statistics(PROJECT, made.id).run_statistics
    assert [(row.outcome, row.count) for row in statistics] == [("Passed", 1)]


def test_environments_checks_and_permissions__by_the_sdk(site: Site, sdk: Sdk) -> None:
    clients = sdk(site)
    agents, checks = clients.get_task_agent_client(), clients.get_pipelines_checks_client()
    made = agents.add_environment({"name": "sdk-env", "description": "d"}, PROJECT)
    assert [row.id for row in agents.get_environments(PROJECT, name="sdk-env")] == [made.id]
    assert agents.get_environment_deployment_execution_records(PROJECT, made.id, top=10) == []
    approver = site.organization.identities.administrator.id
    body = {  # the SDK's model has no settings, so a check is made by a plain request
        "type": {"id": "8c6f20a7-a545-4486-9777-f762fafe0d4d", "name": "Approval"},
        "settings": {"approvers": [{"id": approver}]},
        "resource": {"type": "environment", "id": str(made.id)},
        "timeout": 60,
    }
    check = site.ok("POST", "pipelines/checks/configurations", json=body)
    listed = checks.get_check_configurations_on_resource(PROJECT, "environment", str(made.id), expand="settings")
    assert [row.id for row in listed] == [check["id"]]
    assert listed[0].additional_properties["settings"]["approvers"][0]["id"] == approver
    checks.delete_check_configuration(PROJECT, check["id"])
    agents.delete_environment(PROJECT, made.id)
    assert agents.get_environments(PROJECT, name="sdk-env") == []


def test_release__created_and_followed_on_its_own_host_by_the_sdk(site: Site, sdk: Sdk) -> None:
    releases = sdk(site).get_release_client()
    task = {"taskId": "d9bafed4-0b18-4f58-968d-86655b4d2ce9", "version": "2.*", "name": "say",
            "inputs": {"script": "echo hi"}}  # fmt: skip
    definition = releases.create_release_definition(
        {"name": "sdk", "environments": [{"name": "prod", "deployPhases": [{"workflowTasks": [task]}]}]}, PROJECT
    )
    release = releases.create_release({"definitionId": definition.id, "description": "d"}, PROJECT)
    assert release.environments[0].status in ("queued", "inProgress", "succeeded")
    done = wait_for(lambda: _released(releases.get_release(PROJECT, release.id)))
    assert done.environments[0].deploy_steps[0].status == "succeeded"
    assert [row.deployment_status for row in releases.get_deployments(PROJECT, definition.id)] == ["succeeded"]


def test_approvals__by_the_sdk_s_private_sender(own_site: Site, sdk: Sdk) -> None:
    from azure_devops_server import seed

    site = own_site
    seed.environment(site.organization, PROJECT, "production", [seed.ApprovalCheck()])
    run = site.start("full")
    pending = site.record(run["id"], "Checkpoint.Approval")
    client = sdk(site).get_pipelines_client()
    location = "37794717-f36f-4d78-b2bf-4dc30d0cfbcd"
    read = client._send(
        "GET", location, "7.1-preview.1", route_values={"project": PROJECT},
        query_parameters={"approvalIds": pending["id"], "$expand": "steps"},
    )  # fmt: skip
    assert read.json()["value"][0]["status"] == "pending"
    body = client._serialize.body([{"approvalId": pending["id"], "status": "approved", "comment": "ok"}], "[object]")
    done = client._send("PATCH", location, "7.1-preview.1", route_values={"project": PROJECT}, content=body)
    assert done.json()["value"][0]["status"] == "approved"
    assert site.ended(run["id"])["result"] == "succeeded"


def test_error__wrapped_exception__is_read_by_the_sdk(site: Site, sdk: Sdk) -> None:
    from azure.devops.exceptions import AzureDevOpsServiceError

    clients = sdk(site)
    with pytest.raises(AzureDevOpsServiceError) as caught:
        clients.get_build_client().get_build(PROJECT, 99_999)
    assert caught.value.type_key == "BuildNotFoundException"
    with pytest.raises(AzureDevOpsServiceError) as caught:
        clients.get_build_client().queue_build(
            {"definition": {"id": site.pipeline("quick")}, "templateParameters": {"x": "1"}}, PROJECT
        )
    assert "ValidationResults" in json.dumps(caught.value.custom_properties)


def test_git_and_projects__by_the_sdk(site: Site, sdk: Sdk) -> None:
    clients = sdk(site)
    assert [row.name for row in clients.get_core_client().get_projects()] == [PROJECT]
    git = clients.get_git_client()
    (repository,) = git.get_repositories(PROJECT)
    assert repository.default_branch == "refs/heads/main"
    paths = [row.path for row in git.get_items(repository.id, PROJECT, recursion_level="full")]
    assert "/quick.yml" in paths
    text = b"".join(git.get_item_content(repository.id, "/quick.yml", PROJECT))
    assert b"requestId" in text


def _ended(run: Any) -> Any:
    return run if run.state == "completed" else None


def _released(release: Any) -> Any:
    return release if release.environments[0].status == "succeeded" else None
