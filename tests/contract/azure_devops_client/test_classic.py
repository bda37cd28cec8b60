"""Classic releases, on their own host."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from services.adapters.azure_devops import AzureDevOpsConfig
from services.adapters.azure_devops.auth import PersonalAccessToken
from services.adapters.azure_devops.calls import Calls
from services.adapters.azure_devops.pipelines import AzureDevOpsPipelines
from services.adapters.azure_devops.run_tests import ReadTestRuns
from services.domain.releases import RunKind, RunRef, RunResult, RunStart, RunState
from services.errors import InvalidInputError, NotFoundError, UnknownOutcomeError, UpstreamRefusedError
from tests.contract.azure_devops_client.conftest import Bench, until
from tests.contract.azure_devops_server.conftest import PROJECT
from tests.contract.azure_devops_server.test_releases import after, define, environment, person

VARIABLES = {"requestId": {"value": "", "allowOverride": True}, "modelVersion": {"value": "", "allowOverride": True}}


def released(bench: Bench, request_id: str, *environments: dict[str, Any]) -> RunStart:
    number = define(bench.site, *environments, variables=VARIABLES)
    values = {"requestId": request_id, "modelVersion": "3"}
    now = datetime.now(UTC) - timedelta(seconds=1)
    return RunStart(PROJECT, number, "", request_id, values, now, RunKind.RELEASE)


def ended(azure: AzureDevOpsPipelines, ref: RunRef) -> Any:
    return until(lambda: run if (run := azure.get(ref)).is_finished else None)


def test_start__two_environments__are_followed_to_the_end(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    start = released(
        bench, "req-c1",
        environment("test", "echo version $(modelVersion) for $(requestId)"),
        environment("prod", "true", conditions=after("test")),
    )  # fmt: skip
    run = azure.start(start)
    assert run.ref.kind is RunKind.RELEASE
    assert run.state is RunState.IN_PROGRESS
    assert run.parameters == {"requestId": "req-c1", "modelVersion": "3"}
    done = ended(azure, run.ref)
    assert done.result is RunResult.SUCCEEDED
    assert done.finished is not None
    assert done.web_url
    assert [one.ref for one in azure.get_many([run.ref])] == [run.ref]
    timeline = azure.timeline(run.ref)
    assert [i.name for i in timeline if i.type == "Stage"] == ["test", "prod"]
    task = next(i for i in timeline if i.name == "run test")
    assert task.result == "succeeded"
    assert task.log_id is not None
    assert "version 3 for req-c1" in azure.log(run.ref, task.log_id)


def test_find__by_request__finds_the_release_and_no_other(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    start = released(bench, "req-c2", environment("test", "true"))
    assert azure.find_by_request(start) is None
    run = azure.start(start)
    found = azure.find_by_request(start)
    assert found is not None
    assert found.ref == run.ref
    assert azure.find_by_request(replace(start, request_id="req-c")) is None
    ended(azure, run.ref)


def test_start__answer_lost__is_found_and_there_is_one(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    start = released(bench, "req-c3", environment("test", "true"))
    bench.fault(fault="drop_after", method="POST", route="/release/releases")
    with pytest.raises(UnknownOutcomeError):
        azure.start(start)
    found = azure.find_by_request(start)
    assert found is not None
    assert len(bench.requests("POST", "/release/releases")) == 1
    ended(azure, found.ref)


def test_approval__before_an_environment__waits_and_is_decided(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    start = released(bench, "req-c4", environment("prod", "true", preDeployApprovals=person(bench.site, "Anna")))
    run = azure.start(start)
    approval = until(lambda: next((a for a in azure.approvals(run.ref, ()) if a.status == "pending"), None))
    assert (approval.assigned_to, approval.subject) == (("Anna",), "prod, before")
    assert any(i.type == "Checkpoint.Approval" and i.state == "inProgress" for i in azure.timeline(run.ref))
    assert azure.get(run.ref).state is RunState.IN_PROGRESS
    with pytest.raises(UpstreamRefusedError):
        azure.decide(run.ref, approval.id, is_approved=True)
    bench.client(token="anna-token").decide(run.ref, approval.id, is_approved=True, comment="go")
    assert ended(azure, run.ref).result is RunResult.SUCCEEDED
    decided = azure.approvals(run.ref, ())[0]
    assert (decided.status, decided.decided_by, decided.comment) == ("approved", ("Anna",), "go")


def test_approval__rejected__fails_the_release(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    start = released(bench, "req-c5", environment("prod", "true", preDeployApprovals=person(bench.site, "Anna")))
    run = azure.start(start)
    approval = until(lambda: next(iter(azure.approvals(run.ref, ())), None))
    bench.client(token="anna-token").decide(run.ref, approval.id, is_approved=False)
    assert ended(azure, run.ref).result is RunResult.FAILED


def test_failed__environment__can_be_repeated(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    run = azure.start(released(bench, "req-c6", environment("test", "false")))
    assert ended(azure, run.ref).result is RunResult.FAILED
    stage = next(i for i in azure.timeline(run.ref) if i.type == "Stage")
    assert stage.result == "failed"
    azure.retry_stage(run.ref, stage.identifier)
    until(lambda: any(i.type == "Stage" and i.attempt == 2 and i.result == "failed" for i in azure.timeline(run.ref)))


def test_cancel__running__ends_canceled_and_starts_nothing_more(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    run = azure.start(
        released(
            bench, "req-c7", environment("test", "sleep 300"), environment("prod", "true", conditions=after("test"))
        )
    )
    until(lambda: any(i.type == "Task" and i.state == "inProgress" for i in azure.timeline(run.ref)))
    azure.cancel(run.ref)
    assert ended(azure, run.ref).result is RunResult.CANCELED
    prod = next(i for i in azure.timeline(run.ref) if i.name == "prod")
    assert prod.result in {None, "canceled"}


def test_release__unknown__is_not_found(azure: AzureDevOpsPipelines) -> None:
    with pytest.raises(NotFoundError):
        azure.get(RunRef(PROJECT, 1, 777_777, RunKind.RELEASE))
    assert azure.get_many([RunRef(PROJECT, 1, 777_777, RunKind.RELEASE)]) == []


def test_stage__that_is_no_environment__is_refused_before_a_call(azure: AzureDevOpsPipelines) -> None:
    with pytest.raises(InvalidInputError):
        azure.retry_stage(RunRef(PROJECT, 1, 1, RunKind.RELEASE), "Deploy")


JUNIT_TASK = "0b0f01ed-7dde-43ff-9cbb-e48954daf9b1"
REPORT = """<testsuite name='s'><testcase classname='a.B' name='good' time='0.5'/>
<testcase classname='a.B' name='bad'><failure message='boom'>trace</failure></testcase></testsuite>"""


def test_tests__published_by_a_stage__are_read_with_their_results(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    tested = environment("test", f'cat > TEST-smoke.xml <<"END"\n{REPORT}\nEND')
    publish = {"testResultsFormat": "JUnit", "testResultsFiles": "**/TEST-*.xml", "testRunTitle": "Smoke"}
    tested["deployPhases"][0]["workflowTasks"].append(
        {"taskId": JUNIT_TASK, "version": "2.*", "name": "Publish", "inputs": publish}
    )
    run = azure.start(released(bench, "req-c8", tested))
    assert ended(azure, run.ref).result is not RunResult.FAILED
    other = azure.start(released(bench, "req-c9", environment("test", "true")))
    ended(azure, other.ref)
    (found,) = azure.tests(run.ref)
    assert (found.title, found.total, found.passed, found.failed) == ("Smoke", 2, 1, 1)
    assert [(case.name, case.outcome, case.message) for case in found.cases] == [
        ("bad", "Failed", "boom"), ("good", "Passed", ""),
    ]  # fmt: skip
    assert azure.tests(other.ref) == []


def test_tests__of_a_release_that_waited_for_weeks__are_asked_week_by_week(bench: Bench) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    calls = Calls(AzureDevOpsConfig(bench.site.url, PersonalAccessToken(SecretStr("any"))))
    bench.forget()
    for weeks, asked in ((0, 1), (2, 3), (60, 8)):
        reader = ReadTestRuns(calls, now=lambda weeks=weeks: start + timedelta(weeks=weeks, hours=1))  # type: ignore[misc]
        assert reader.of_release(RunRef(PROJECT, 1, 424_242, RunKind.RELEASE), start) == []
        assert len(bench.requests("GET", "/_apis/test/runs")) == asked
        bench.forget()
    calls.close()
