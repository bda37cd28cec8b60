"""Runs of YAML pipelines from start to end."""

from __future__ import annotations

import pytest

from services.adapters.azure_devops.pipelines import AzureDevOpsPipelines
from services.domain.releases import RunRef, RunResult, RunState
from services.errors import NotFoundError, UpstreamRefusedError
from tests.contract.azure_devops_client.conftest import Bench, until
from tests.contract.azure_devops_server.conftest import PROJECT


def test_start__run__has_parameters_name_tag_and_link(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    run = azure.start(bench.start("quick", "req-a"))
    assert (run.name, run.state, run.parameters) == ("req-a-1", RunState.IN_PROGRESS, {"requestId": "req-a"})
    assert run.web_url.endswith(f"_build/results?buildId={run.ref.run_id}")
    assert run.created is not None
    assert run.created.tzinfo is not None
    azure.add_tags(run.ref, ["req-req-a"])  # the rollout does so once it has noted the run, however it was found
    bench.ended(run.ref)
    done = azure.get(run.ref)
    assert (done.state, done.result, done.tags) == (RunState.COMPLETED, RunResult.SUCCEEDED, ("req-req-a",))
    assert done.is_finished
    assert done.finished is not None
    assert done.source_version


def test_start__booleans_and_objects__arrive_as_json_not_as_python(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    run = azure.start(bench.start("nameless", "req-json", flag=True, settings={"a": "deep"}))
    bench.ended(run.ref)
    logs = [item.log_id for item in azure.timeline(run.ref) if item.name == "CmdLine"]
    assert "flag true deep" in azure.log(run.ref, logs[0] or 0).casefold()


def test_find__by_name__finds_the_run(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    start = bench.start("quick", "req-find")
    assert azure.find_by_request(start) is None
    run = azure.start(start)
    found = azure.find_by_request(start)
    assert found is not None
    assert found.ref == run.ref


def test_find__name_without_request_id__falls_back_to_the_parameters(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    for other in ("req-x", "req-y"):
        azure.start(bench.start("nameless", other))
    start = bench.start("nameless", "req-z")
    run = azure.start(start)
    found = azure.find_by_request(start)
    assert found is not None
    assert found.ref == run.ref
    assert "req-z" not in found.name


def test_find__same_beginning__is_another_request(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    azure.start(bench.start("quick", "req-10-more"))
    assert azure.find_by_request(bench.start("quick", "req-10")) is None


def test_find__two_runs_by_hand__gives_the_first(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    start = bench.start("quick", "req-twice")
    first = azure.start(start)
    azure.start(start)
    found = azure.find_by_request(start)
    assert found is not None
    assert found.ref == first.ref


def test_find__older_than_the_request__is_not_ours(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    from dataclasses import replace
    from datetime import timedelta

    start = bench.start("quick", "req-old")
    azure.start(start)
    later = replace(start, asked_at=start.asked_at + timedelta(minutes=10))
    assert azure.find_by_request(later) is None


def test_get_many__fifty_runs__take_one_call(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    runs = [azure.start(bench.start("quick", f"req-many-{n}")) for n in range(5)]
    for run in runs:
        bench.ended(run.ref)
    refs = [run.ref for run in runs] * 10 + [RunRef(PROJECT, 1, 99_999)]
    bench.forget()
    found = azure.get_many(refs)
    assert {run.ref for run in found} == {run.ref for run in runs}
    assert all(run.result is RunResult.SUCCEEDED and run.parameters["requestId"] for run in found)
    assert len(bench.requests("GET", ".*")) == 1


def test_cancel__running__ends_canceled(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    run = azure.start(bench.start("sleeper", ""))
    until(lambda: any(i.name == "CmdLine" and i.state == "inProgress" for i in azure.timeline(run.ref)))
    azure.cancel(run.ref)
    bench.ended(run.ref)
    assert azure.get(run.ref).result is RunResult.CANCELED
    assert azure.get_many([run.ref])[0].result is RunResult.CANCELED


def test_retry_stage__failed__runs_again(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    run = azure.start(bench.start("flaky", ""))
    assert bench.ended(run.ref)["result"] == "failed"
    stages = {i.identifier: i for i in azure.timeline(run.ref) if i.type == "Stage"}
    assert (stages["First"].result, stages["Second"].result, stages["Third"].result) == (
        "succeeded",
        "failed",
        "skipped",
    )
    azure.retry_stage(run.ref, "Second")
    until(lambda: any(i.identifier == "Second" and i.attempt == 2 for i in azure.timeline(run.ref)))
    bench.ended(run.ref)


def test_retry_stage__succeeded__is_refused_in_words(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    run = azure.start(bench.start("quick", "req-no-retry"))
    bench.ended(run.ref)
    with pytest.raises(UpstreamRefusedError) as caught:
        azure.retry_stage(run.ref, "Test")
    assert caught.value.code == "conflict"


def test_details__full_run__stages_logs_tests_artifacts(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    run = azure.start(bench.start("full", "req-full"))
    bench.ended(run.ref)
    timeline = azure.timeline(run.ref)
    assert {i.type for i in timeline} >= {"Stage", "Phase", "Job", "Task"}
    assert all(i.started and i.finished and i.started <= i.finished for i in timeline if i.type == "Task")
    tests = azure.tests(run.ref)[0]
    assert (tests.title, tests.total, tests.passed, tests.failed) == ("smoke", 3, 1, 1)
    assert [c.outcome for c in tests.cases] == ["Failed", "NotExecuted", "Passed"]
    assert tests.cases[0].message == "boom"
    assert tests.cases[0].duration_ms == 1000.0
    artifact = azure.artifacts(run.ref)[0]
    assert (artifact.name, artifact.size) == ("drop", 6)


def test_log__long__only_the_tail_is_fetched(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    run = azure.start(bench.start("full", "req-tail"))
    bench.ended(run.ref)
    log_id = next(i.log_id for i in azure.timeline(run.ref) if i.name == "CmdLine")
    whole = azure.log(run.ref, log_id or 0).splitlines()
    assert len(whole) > 3
    bench.forget()
    assert azure.log(run.ref, log_id or 0, last_lines=2).splitlines() == whole[-2:]
    asked = bench.requests("GET", f"logs/{log_id}$")
    assert len(asked) == 1
    assert "startline" in str(asked[0])


def test_deployments__of_an_environment__name_run_and_stage(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    run = azure.start(bench.start("full", "req-env"))
    bench.ended(run.ref)
    record = azure.deployments(PROJECT, "production")[0]
    assert (record.run_id, record.pipeline, record.stage, record.result) == (
        run.ref.run_id,
        "full",
        "Deploy",
        "succeeded",
    )


def test_environment__unknown__is_not_found(azure: AzureDevOpsPipelines) -> None:
    with pytest.raises(NotFoundError, match="nowhere"):
        azure.deployments(PROJECT, "nowhere")


def test_run__unknown__is_not_found_with_a_hint(azure: AzureDevOpsPipelines) -> None:
    with pytest.raises(NotFoundError) as caught:
        azure.get(RunRef(PROJECT, 1, 424_242))
    assert caught.value.hint


def test_project__unknown__is_not_found(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    with pytest.raises(NotFoundError, match="TF200016"):
        azure.get(RunRef("no such project", 1, 1))
