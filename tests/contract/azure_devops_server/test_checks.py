"""Approvals and Invoke REST API checks hold a stage, and let it go or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from azure_devops_server import seed
from azure_devops_server.seed import ApprovalCheck, RestCheck
from tests.contract.azure_devops_server.conftest import PROJECT, NotInTimeError, Site, open_site, wait_for
from tests.contract.azure_devops_server.listener import Heard, Listener, listening


@pytest.fixture
def people(tmp_path: Path) -> Iterator[Site]:
    """A server with three persons who have tokens of their own."""
    tokens = {"anna-token": "Anna", "ben-token": "Ben", "cara-token": "Cara"}
    with open_site(tmp_path, people=tokens, seconds_per_minute=0.5) as server:
        site = Site(server)
        yield site
        site.close()


def decide(site: Site, token: str, approval: str, status: str = "approved", **more: Any) -> requests.Response:
    body = [{"approvalId": approval, "status": status, "comment": f"by {token}", **more}]
    url = f"{site.url}/{PROJECT}/_apis/pipelines/approvals"
    return requests.patch(url, json=body, auth=("", token), timeout=10)


def stage(site: Site, build_id: int, name: str = "Deploy") -> Any:
    return next(row for row in site.records(build_id, "Stage") if row["identifier"] == name)


def held(site: Site, *checks: ApprovalCheck | RestCheck) -> Any:
    """A run that waits at its checks, and its first check's record."""
    seed.environment(site.organization, PROJECT, "production", checks)
    run = site.start("full")

    def check_record() -> Any:
        has_ended = site.has_ended(run["id"])
        rows = site.records(run["id"])
        found = next((row for row in rows if row["type"].startswith("Checkpoint.")), None)
        assert found or not has_ended, site.story(run["id"])
        return found

    try:
        return run, wait_for(check_record)
    except NotInTimeError:
        raise AssertionError(site.story(run["id"])) from None


def test_approval__pending__holds_the_stage_and_is_found_by_the_timeline(people: Site) -> None:
    run, record = held(people, ApprovalCheck(("Anna",), instructions="look at it"))
    checkpoint = people.record(run["id"], "Checkpoint")
    assert checkpoint["parentId"] == stage(people, run["id"])["id"]
    assert record["parentId"] == checkpoint["id"]
    assert stage(people, run["id"])["state"] == "pending"
    approval = people.ok("GET", f"pipelines/approvals/{record['id']}")
    assert (approval["status"], approval["steps"], approval["instructions"]) == ("pending", [], "look at it")
    expanded = people.ok("GET", f"pipelines/approvals?approvalIds={record['id']}&$expand=steps")["value"][0]
    assert expanded["steps"][0]["assignedApprover"]["displayName"] == "Anna"
    answer = decide(people, "anna-token", record["id"])
    assert (answer.status_code, answer.json()["count"]) == (200, 1)
    assert people.ended(run["id"])["result"] == "succeeded"
    read = people.ok("GET", f"pipelines/approvals/{record['id']}?$expand=steps")
    assert read["steps"][0]["actualApprover"]["displayName"] == "Anna"
    assert read["steps"][0]["comment"] == "by anna-token"
    assert decide(people, "anna-token", record["id"]).status_code == 400


def test_approval__rejected__fails_the_stage(people: Site) -> None:
    run, record = held(people, ApprovalCheck(("Anna",)))
    assert decide(people, "anna-token", record["id"], "Rejected").json()["value"][0]["status"] == "rejected"
    assert people.ended(run["id"])["result"] == "failed"
    assert stage(people, run["id"])["result"] == "failed"


def test_approval__by_somebody_who_is_not_asked__403(people: Site) -> None:
    run, record = held(people, ApprovalCheck(("Anna",)))
    refused = decide(people, "ben-token", record["id"])
    assert refused.status_code == 403
    assert "not among the approvers" in refused.json()["message"]
    people.ok("PATCH", f"build/builds/{run['id']}", json={"status": "cancelling"})


def test_approval__minimum_of_two__waits_for_the_second(people: Site) -> None:
    run, record = held(people, ApprovalCheck(("Anna", "Ben", "Cara"), minimum=2))
    assert decide(people, "anna-token", record["id"]).json()["value"][0]["status"] == "pending"
    assert decide(people, "anna-token", record["id"]).status_code == 403
    assert decide(people, "cara-token", record["id"]).json()["value"][0]["status"] == "approved"
    assert people.ended(run["id"])["result"] == "succeeded"
    steps = people.ok("GET", f"pipelines/approvals/{record['id']}?$expand=steps")["steps"]
    assert [step["status"] for step in steps] == ["approved", "skipped", "approved"]


def test_approval__in_sequence__refuses_the_second_before_the_first(people: Site) -> None:
    run, record = held(people, ApprovalCheck(("Anna", "Ben"), in_sequence=True))
    refused = decide(people, "ben-token", record["id"])
    assert (refused.status_code, "another approver first" in refused.text) == (400, True)
    steps = people.ok("GET", f"pipelines/approvals/{record['id']}?$expand=steps")["steps"]
    assert [step["status"] for step in steps] == ["pending", "uninitiated"]
    decide(people, "anna-token", record["id"])
    assert decide(people, "ben-token", record["id"]).json()["value"][0]["status"] == "approved"
    assert people.ended(run["id"])["result"] == "succeeded"


def test_approval__by_the_requester__is_refused_where_blocked(people: Site) -> None:
    check = ApprovalCheck(("Demo Administrator", "Anna"), minimum=1, requester_may_approve=False)
    run, record = held(people, check)
    refused = decide(people, "any", record["id"])
    assert refused.status_code == 403
    assert "requester" in refused.json()["message"]
    blocked = people.ok("GET", f"pipelines/approvals/{record['id']}")["blockedApprovers"]
    assert [person["displayName"] for person in blocked] == ["Demo Administrator"]
    assert decide(people, "anna-token", record["id"]).status_code == 200
    assert people.ended(run["id"])["result"] == "succeeded"


def test_approval__reassigned__is_decided_by_the_other(people: Site) -> None:
    run, record = held(people, ApprovalCheck(("Anna",)))
    ben = people.organization.identities.person("Ben")
    handed = decide(people, "anna-token", record["id"], status="", reassignTo={"id": ben.id})
    assert handed.status_code == 200
    assert decide(people, "anna-token", record["id"]).status_code == 403
    assert decide(people, "ben-token", record["id"]).status_code == 200
    steps = people.ok("GET", f"pipelines/approvals/{record['id']}?$expand=steps")["steps"]
    assert steps[0]["history"][0]["assignedTo"]["displayName"] == "Ben"
    assert people.ended(run["id"])["result"] == "succeeded"


def test_approval__not_in_time__skips_the_stage(people: Site) -> None:
    run, record = held(people, ApprovalCheck(("Anna",), timeout_minutes=1))
    people.ended(run["id"])
    assert stage(people, run["id"])["result"] == "skipped"
    assert people.ok("GET", f"pipelines/approvals/{record['id']}")["status"] == "timedOut"


def test_approval__of_a_cancelled_run__is_canceled(people: Site) -> None:
    run, record = held(people, ApprovalCheck(("Anna",)))
    people.ok("PATCH", f"build/builds/{run['id']}", json={"status": 4})
    assert people.ended(run["id"])["result"] == "canceled"
    assert people.ok("GET", f"pipelines/approvals/{record['id']}")["status"] == "canceled"


def test_approvals__filters__select(people: Site) -> None:
    run, record = held(people, ApprovalCheck(("Anna",)))
    anna = people.organization.identities.person("Anna")
    for query in ("state=pending", "state=2", f"userIds={anna.id}", "assignedTo=Anna", "state=all"):
        assert [row["id"] for row in people.ok("GET", f"pipelines/approvals?{query}")["value"]] == [record["id"]]
    for query in ("state=approved", "state=completed", "userIds=Ben"):
        assert people.ok("GET", f"pipelines/approvals?{query}")["count"] == 0
    people.ok("PATCH", f"build/builds/{run['id']}", json={"status": 4})


def gate(site: Site, listener: Listener, *, password: str = "", **settings: Any) -> RestCheck:
    user = "gate" if password else ""
    seed.endpoint(site.organization, PROJECT, "portal", listener.url, username=user, password=password)
    return RestCheck("portal", url_suffix="/gate?build=$(Build.BuildId)", **settings)


def call_back(heard: Heard, result: str, **changes: str) -> requests.Response:
    values = {**heard.headers, **changes}
    url = (
        f"{values['planurl']}{values['projectid']}/_apis/distributedtask/hubs/{values['hubname']}"
        f"/plans/{values['planid']}/events?api-version=2.0-preview.1"
    )
    body = {"name": "TaskCompleted", "taskId": values["taskinstanceid"], "jobId": values["jobid"], "result": result}
    return requests.post(url, json=body, headers={"Authorization": f"Bearer {values['authtoken']}"}, timeout=10)


def test_callback_check__is_called_with_the_default_headers_and_answers(people: Site) -> None:
    with listening() as listener:
        run, record = held(people, gate(people, listener, password="pw"))
        heard = wait_for(lambda: listener.heard[:1])[0]
        assert (heard.method, heard.path) == ("POST", f"/gate?build={run['id']}")
        assert heard.headers["authorization"].startswith("Basic ")
        assert heard.headers["hubname"] == "checks"
        assert heard.headers["projectid"] == people.project_id
        assert heard.headers["planurl"] == f"{people.url}/"
        assert stage(people, run["id"])["state"] == "pending"
        answer = call_back(heard, "succeeded")
        assert (answer.status_code, answer.content) == (204, b"")
        assert people.ended(run["id"])["result"] == "succeeded"
        task = next(row for row in people.records(run["id"]) if row["id"] == record["id"])
        assert (task["type"], task["name"], task["result"]) == ("Checkpoint.TaskCheck", "Portal gate", "succeeded")
        late = call_back(heard, "succeeded")
        assert (late.status_code, "already completed" in late.text) == (400, True)
        assert len(listener.heard) == 1


def test_callback_check__failed__fails_the_stage(people: Site) -> None:
    with listening() as listener:
        run, _ = held(people, gate(people, listener))
        call_back(wait_for(lambda: listener.heard[:1])[0], "failed")
        assert people.ended(run["id"])["result"] == "failed"


def test_callback__for_another_job_or_plan_or_with_another_token__is_refused(people: Site) -> None:
    with listening() as listener:
        run, _ = held(people, gate(people, listener))
        heard = wait_for(lambda: listener.heard[:1])[0]
        other = "00000000-0000-0000-0000-000000000001"
        assert call_back(heard, "succeeded", jobid=other).status_code == 400
        assert call_back(heard, "succeeded", taskinstanceid=other).status_code == 400
        assert call_back(heard, "succeeded", planid=other).status_code == 404
        stranger = people.organization.identities.issue(run["id"] + 100)
        assert call_back(heard, "succeeded", authtoken=stranger).status_code == 403
        assert stage(people, run["id"])["state"] == "pending"
        assert call_back(heard, "succeeded").status_code == 204
        assert people.ended(run["id"])["result"] == "succeeded"


def test_callback_check__log_and_record__are_shown_at_the_check(people: Site) -> None:
    with listening() as listener:
        run, record = held(people, gate(people, listener))
        values = wait_for(lambda: listener.heard[:1])[0].headers
        plan = f"{values['planurl']}{values['projectid']}/_apis/distributedtask/hubs/checks/plans/{values['planid']}"
        bearer = {"Authorization": f"Bearer {values['authtoken']}"}
        log = requests.post(f"{plan}/logs", json={"path": "logs\\x"}, headers=bearer, timeout=10).json()
        text = {**bearer, "Content-Type": "text/plain"}
        requests.post(f"{plan}/logs/{log['id']}", data="waiting for Anna", headers=text, timeout=10)
        body = {"value": [{"id": values["taskinstanceid"], "log": {"id": log["id"]}}], "count": 1}
        url = f"{plan}/timelines/{values['timelineid']}/records"
        assert requests.patch(url, json=body, headers=bearer, timeout=10).status_code == 200
        shown = next(row for row in people.records(run["id"]) if row["id"] == record["id"])
        assert "waiting for Anna" in people.send("GET", f"build/builds/{run['id']}/logs/{shown['log']['id']}").text
        call_back(listener.heard[0], "succeeded")
        people.ended(run["id"])


def test_callback_check__no_callback_in_time__skips_the_stage(people: Site) -> None:
    with listening() as listener:
        run, _ = held(people, gate(people, listener, timeout_minutes=1))
        people.ended(run["id"])
        assert stage(people, run["id"])["result"] == "skipped"


def test_callback_check__target_answers_500_or_not_at_all__fails(people: Site) -> None:
    with listening(lambda _: (500, {})) as listener:
        run, _ = held(people, gate(people, listener))
        assert people.ended(run["id"])["result"] == "failed"
        issues = next(row for row in people.records(run["id"]) if row["type"] == "Checkpoint.TaskCheck")["issues"]
        assert issues[0]["message"] == "The check's target answered 500."
    run, _ = held(people, RestCheck("portal"))
    assert people.ended(run["id"])["result"] == "failed"


def test_retry_interval__failure_is_evaluated_again(people: Site) -> None:
    answers = iter([(200, {"status": "waiting"}), (500, {}), (200, {"status": "successful"})])
    with listening(lambda _: next(answers)) as listener:
        check = gate(
            people, listener, callback=False, success_criteria="eq(root['status'], 'successful')", retry_minutes=1
        )
        run, _ = held(people, check)
        assert people.ended(run["id"])["result"] == "succeeded"
        assert len(listener.heard) == 3


@pytest.mark.parametrize(
    ("criteria", "result"),
    [
        ("", "succeeded"),
        ("eq(root['allowed'], true)", "succeeded"),
        ("and(eq(root['allowed'], true), in(root['who']['name'], 'anna', 'ben'))", "succeeded"),
        ("eq(root['allowed'], false)", "failed"),
        ("nonsense(root)", "failed"),
    ],
)
def test_api_response_check__criteria__decide(people: Site, criteria: str, result: str) -> None:
    with listening(lambda _: (200, {"allowed": True, "who": {"name": "anna"}})) as listener:
        run, _ = held(people, gate(people, listener, callback=False, success_criteria=criteria))
        assert people.ended(run["id"])["result"] == result


def test_slow_target__is_given_up_after_the_limit(tmp_path: Path) -> None:
    import threading

    release = threading.Event()

    def slow(_: Heard) -> tuple[int, Any]:
        release.wait(20)
        return 200, {}

    with listening(slow) as listener, open_site(tmp_path, call_timeout=0.3) as server:
        site = Site(server)
        run, _ = held(site, gate(site, listener))
        assert site.ended(run["id"])["result"] == "failed"
        release.set()
        site.close()


def test_checks__two_on_one_environment__both_must_pass_and_the_first_failure_ends_it(people: Site) -> None:
    with listening(lambda _: (200, {"ok": False})) as listener:
        failing = gate(people, listener, callback=False, success_criteria="eq(root['ok'], true)")
        run, _ = held(people, ApprovalCheck(("Anna",)), failing)
        assert people.ended(run["id"])["result"] == "failed"
        approval = people.record(run["id"], "Checkpoint.Approval")
        assert approval["result"] == "canceled"
        suite = people.ok("GET", f"pipelines/checks/runs/{approval['parentId']}")
        assert suite["status"] == "failed"
        assert sorted(row["status"] for row in suite["checkRuns"]) == ["canceled", "failed"]


def test_check_configuration__over_http__is_made_changed_and_removed(people: Site) -> None:
    with listening() as listener:
        endpoint = {"name": "p", "type": "generic", "url": listener.url,
                    "authorization": {"scheme": "UsernamePassword", "parameters": {"username": "u", "password": "pw"}}}  # fmt: skip
        made = people.ok("POST", "serviceendpoint/endpoints", json=endpoint)
        assert "pw" not in str(made["authorization"])
        environment = people.ok("POST", "pipelines/environments", json={"name": "production"})
        body = {
            "type": {"id": "fe1de3ee-a436-41b4-bb20-f6eb4cb879a7", "name": "Task Check"},
            "settings": {
                "displayName": "Portal gate",
                "definitionRef": {
                    "id": "9c3e8943-130d-4c78-ac63-8af81df62dfb",
                    "name": "InvokeRESTAPI",
                    "version": "1",
                },
                "inputs": {"connectedServiceName": made["id"], "method": "POST", "waitForCompletion": "true"},
                "retryInterval": 0,
            },
            "timeout": 1440,
            "resource": {"type": "environment", "id": str(environment["id"])},
        }
        check = people.ok("POST", "pipelines/checks/configurations", json=body)
        query = f"pipelines/checks/configurations?resourceType=environment&resourceId={environment['id']}"
        assert "settings" not in people.ok("GET", query)["value"][0]
        found = people.ok("POST", "pipelines/checks/queryconfigurations?$expand=settings",
                          json=[{"type": "environment", "id": str(environment["id"])}])  # fmt: skip
        assert found["value"][0]["settings"] == body["settings"]
        run = people.start("full")
        call_back(wait_for(lambda: listener.heard[:1])[0], "succeeded")
        assert people.ended(run["id"])["result"] == "succeeded"
        path = f"pipelines/checks/configurations/{check['id']}"
        assert people.ok("PATCH", path, json={"isDisabled": True})["isDisabled"] is True
        assert people.ended(people.start("full")["id"])["result"] == "succeeded"
        people.ok("DELETE", path)
        assert people.send("GET", path).status_code == 404


def test_check_suite__outside_of_a_run__is_evaluated(people: Site) -> None:
    with listening() as listener:
        row = seed.environment(people.organization, PROJECT, "production", [gate(people, listener, callback=False)])
        body = {"resources": [{"type": "environment", "id": str(row.id)}], "context": {"why": "test"}}
        suite = people.ok("POST", "pipelines/checks/runs", json=body)
        path = f"pipelines/checks/runs/{suite['id']}"
        done = wait_for(lambda: _decided(people.ok("GET", path)))
        assert (done["status"], done["context"]) == ("approved", {"why": "test"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": {"id": "2ef31ad6-baa0-403a-8b45-2cbc9b4e5563"}}, "only"),
        ({"resource": {"type": "queue", "id": "1"}}, "environments only"),
        ({"resource": {"type": "environment", "id": "999"}}, "does not exist"),
        ({"settings": {"approvers": []}}, "at least one approver"),
        ({"settings": {"approvers": [{"id": "nobody"}]}}, "not known"),
    ],
)
def test_check_configuration__that_is_not_supported__400(people: Site, change: Any, message: str) -> None:
    row = seed.environment(people.organization, PROJECT, "e")
    body = {
        "type": {"id": "8c6f20a7-a545-4486-9777-f762fafe0d4d"},
        "settings": {"approvers": [{"displayName": "Anna"}]},
        "resource": {"type": "environment", "id": str(row.id)},
    }
    answer = people.send("POST", "pipelines/checks/configurations", json=body | change)
    assert answer.status_code == 400
    assert message in answer.json()["message"]


def _decided(suite: Any) -> Any:
    return suite if suite["status"] not in ("queued", "running") else None
