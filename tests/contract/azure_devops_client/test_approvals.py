"""Approvals and checks before an environment of a YAML pipeline."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from azure_devops_server import seed
from azure_devops_server.seed import ApprovalCheck, RestCheck
from services.adapters.azure_devops.pipelines import AzureDevOpsPipelines
from services.domain.releases import ReleaseRun, RunApproval, RunResult
from services.errors import UpstreamRefusedError
from tests.contract.azure_devops_client.conftest import Bench, until
from tests.contract.azure_devops_server.conftest import PROJECT


@pytest.fixture
def guarded(bench: Bench) -> Iterator[Bench]:
    """Production waits for Anna."""
    seed.environment(bench.site.organization, PROJECT, "production", [ApprovalCheck(("Anna",))])
    yield bench
    seed.environment(bench.site.organization, PROJECT, "production", [])


def waiting(azure: AzureDevOpsPipelines, bench: Bench, request_id: str) -> tuple[ReleaseRun, RunApproval]:
    run = azure.start(bench.start("full", request_id))
    return run, until(lambda: next(iter(azure.approvals(run.ref, azure.timeline(run.ref))), None))


def test_approval__pending__names_who_is_asked_and_for_what(guarded: Bench, azure: AzureDevOpsPipelines) -> None:
    run, approval = waiting(azure, guarded, "req-wait")
    assert (approval.status, approval.assigned_to, approval.decided_by) == ("pending", ("Anna",), ())
    assert approval.subject == "Deploy"
    assert approval.created is not None
    azure.cancel(run.ref)
    guarded.ended(run.ref)


def test_approval__approved_by_its_approver__lets_the_stage_go(guarded: Bench, azure: AzureDevOpsPipelines) -> None:
    run, approval = waiting(azure, guarded, "req-yes")
    guarded.client(token="anna-token").decide(run.ref, approval.id, is_approved=True, comment="looks right")
    guarded.ended(run.ref)
    decided = azure.approvals(run.ref, azure.timeline(run.ref))[0]
    assert (decided.status, decided.decided_by, decided.comment) == ("approved", ("Anna",), "looks right")
    assert azure.get(run.ref).result is RunResult.SUCCEEDED


def test_approval__rejected__fails_the_run(guarded: Bench, azure: AzureDevOpsPipelines) -> None:
    run, approval = waiting(azure, guarded, "req-no")
    guarded.client(token="anna-token").decide(run.ref, approval.id, is_approved=False)
    guarded.ended(run.ref)
    assert azure.get(run.ref).result is RunResult.FAILED


def test_approval__by_somebody_else__is_refused_and_changes_nothing(
    guarded: Bench, azure: AzureDevOpsPipelines
) -> None:
    run, approval = waiting(azure, guarded, "req-foreign")
    with pytest.raises(UpstreamRefusedError):
        azure.decide(run.ref, approval.id, is_approved=True)
    assert azure.approvals(run.ref, azure.timeline(run.ref))[0].status == "pending"
    azure.cancel(run.ref)
    guarded.ended(run.ref)


def test_approvals__none_in_the_timeline__ask_nothing(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    run = azure.start(bench.start("quick", "req-none"))
    bench.ended(run.ref)
    timeline = azure.timeline(run.ref)
    bench.forget()
    assert azure.approvals(run.ref, timeline) == []
    assert not bench.requests("GET", ".*")


def test_checks__of_an_environment__are_named_with_their_time(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    seed.endpoint(bench.site.organization, PROJECT, "portal", "http://127.0.0.1:9")
    checks = [ApprovalCheck(("Anna",)), RestCheck("portal", name="Portal gate", timeout_minutes=30)]
    seed.environment(bench.site.organization, PROJECT, "checked", checks)
    found = {check.kind: check for check in azure.checks(PROJECT, "checked")}
    assert set(found) == {"Approval", "Task Check"}
    assert (found["Task Check"].name, found["Task Check"].timeout_minutes) == ("Portal gate", 30)
