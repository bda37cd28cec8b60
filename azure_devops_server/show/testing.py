"""Test runs and results as the Test API writes them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from azure_devops_server.model.testing import TestResult, TestRun
from azure_devops_server.resources import Resources
from azure_devops_server.show.build import build_uri
from azure_devops_server.show.core import show_identity
from azure_devops_server.values import wire_time, without_none

_PASSED, _FAILED = ("Passed",), ("Failed", "Error", "Aborted", "Timeout")
_NOT_APPLICABLE = ("NotApplicable", "NotExecuted", "NotImpacted")


def show_test_run(resources: Resources, run: TestRun, *, details: bool) -> dict[str, Any]:
    """A TestRun; without details only its name, owner, state and times."""
    short = {
        "id": run.id,
        "name": run.name,
        "url": test_run_url(resources, run),
        "isAutomated": run.automated,
        "owner": show_identity(resources, run.owner_id),
        "startedDate": wire_time(run.started),
        "completedDate": wire_time(run.completed),
        "state": run.state,
        "revision": run.revision,
    }
    return without_none(short | (_details(resources, run) if details else {}))


def show_statistics(resources: Resources, run: TestRun) -> dict[str, Any]:
    """A TestRunStatistic."""
    return {
        "run": {"id": str(run.id), "name": run.name, "url": test_run_url(resources, run)},
        "runStatistics": _statistics(resources.testing.statistics(run.id)),
    }


def show_test_result(resources: Resources, run: TestRun, result: TestResult) -> dict[str, Any]:
    """A TestCaseResult."""
    project = resources.project(run.project_id)
    return without_none(
        {
            "id": result.id,
            "project": {
                "id": project.id,
                "name": project.name,
                "url": f"{resources.links.base()}/_apis/projects/{project.id}",
            },
            "startedDate": wire_time(result.started),
            "completedDate": wire_time(result.completed),
            "durationInMs": result.duration_ms,
            "outcome": result.outcome,
            "revision": result.revision,
            "runBy": show_identity(resources, run.owner_id),
            "state": result.state,
            "testCase": {"name": result.title},
            "testRun": {"id": str(run.id), "name": run.name, "url": test_run_url(resources, run)},
            "lastUpdatedDate": wire_time(result.changed),
            "lastUpdatedBy": show_identity(resources, run.owner_id),
            "priority": result.extra.get("priority", 255),
            "computerName": result.computer or None,
            "build": _build(resources, run),
            "createdDate": wire_time(result.started or result.changed),
            "url": f"{test_run_url(resources, run)}/Results/{result.id}",
            "failureType": result.extra.get("failureType", "None"),
            "automatedTestStorage": result.storage or None,
            "automatedTestType": result.extra.get("automatedTestType", "JUnit" if run.build_id else None),
            "testCaseTitle": result.title,
            "customFields": result.extra.get("customFields", []),
            "automatedTestName": result.name or None,
            "errorMessage": result.error_message or None,
            "stackTrace": result.stack_trace or None,
            "comment": result.comment or None,
        }
    )


def test_run_url(resources: Resources, run: TestRun) -> str:
    """Where a test run is."""
    return resources.links.api(run.project_id, f"test/Runs/{run.id}")


def _details(resources: Resources, run: TestRun) -> dict[str, Any]:
    counts = resources.testing.statistics(run.id)
    total = sum(counts.values())
    passed, failed = _count(counts, _PASSED), _count(counts, _FAILED)
    not_applicable = _count(counts, _NOT_APPLICABLE)
    project = resources.project(run.project_id)
    return {
        "webAccessUrl": f"{resources.links.base()}/{project.id}/_TestManagement/Runs?runId={run.id}&_a=runCharts",
        "lastUpdatedDate": wire_time(run.changed),
        "lastUpdatedBy": show_identity(resources, run.owner_id),
        "createdDate": wire_time(run.started or run.changed),
        "totalTests": total,
        "passedTests": passed,
        "incompleteTests": total - passed - failed - not_applicable,
        "notApplicableTests": not_applicable,
        "unanalyzedTests": failed,
        "runStatistics": _statistics(counts),
        "project": {"id": project.id, "name": project.name},
        "build": _build(resources, run),
        "buildConfiguration": _configuration(resources, run),
        "pipelineReference": _reference(run),
        "release": run.extra.get("release"),
        "errorMessage": run.error_message or None,
        "comment": run.comment or None,
    }


def _count(counts: Counter[tuple[str, str]], outcomes: tuple[str, ...]) -> int:
    return sum(number for (_, outcome), number in counts.items() if outcome in outcomes)


def _statistics(counts: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"state": state, "outcome": outcome, "count": number} for (state, outcome), number in counts.items()]


def _build(resources: Resources, run: TestRun) -> dict[str, Any] | None:
    build = resources.state.builds.get(run.build_id) if run.build_id else None
    if build is None:
        return None
    return {"id": str(build.id), "name": build.number, "url": resources.links.build(build.project_id, build.id)}


def _configuration(resources: Resources, run: TestRun) -> dict[str, Any] | None:
    build = resources.state.builds.get(run.build_id) if run.build_id else None
    if build is None:
        return None
    return {
        "id": build.id,
        "number": build.number,
        "uri": build_uri(build.id),
        "flavor": run.extra.get("buildFlavor", ""),
        "platform": run.extra.get("buildPlatform", ""),
        "buildDefinitionId": build.pipeline_id,
        "branchName": build.ref,
        "project": {"name": resources.project(build.project_id).name},
        "sourceVersion": build.commit,
    }


def _reference(run: TestRun) -> dict[str, Any] | None:
    if run.build_id is None or not run.stage:
        return run.extra.get("pipelineReference")
    return {
        "pipelineId": run.build_id,
        "stageReference": {"stageName": run.stage, "attempt": run.attempt},
        "phaseReference": {"phaseName": run.job, "attempt": run.attempt},
        "jobReference": {"jobName": run.job, "attempt": run.attempt},
    }
