"""The test results host: results of a build, listed and summed up over all its test runs."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from azure_devops_server.api.common import project_of
from azure_devops_server.api.routing import route
from azure_devops_server.http.errors import no_build
from azure_devops_server.http.wire import Answer, Call, collection
from azure_devops_server.model.testing import TestResult, TestRun
from azure_devops_server.show.core import show_project
from azure_devops_server.show.testing import show_test_result
from azure_devops_server.values import Host, comma_list

if TYPE_CHECKING:
    from azure_devops_server.organization import Organization

_BASE = "{project}/_apis/testresults"
_HOSTS: tuple[Host, ...] = ("tests",)
Found = list[tuple[TestRun, TestResult]]


@route("GET", f"{_BASE}/resultsbybuild", hosts=_HOSTS)
def results_by_build(org: Organization, call: Call) -> Answer:
    """Results of a build in short form, by `outcomes`."""
    wanted = {part.casefold() for part in comma_list(call.query.get("outcomes"))}
    found = [(run, row) for run, row in _found(org, call) if not wanted or row.outcome.casefold() in wanted]
    return collection([_short(run, row) for run, row in found[: call.number("$top", 10_000)]])


@route("GET", f"{_BASE}/resultdetailsbybuild", hosts=_HOSTS)
def details_by_build(org: Organization, call: Call) -> Any:
    """Results of a build, one group per test run."""
    groups = defaultdict[int, Found](list)
    for run, row in _found(org, call):
        groups[run.id].append((run, row))
    return {
        "groupByField": "TestRun",
        "resultsForGroup": [
            {
                "groupByValue": {"id": number, "name": rows[0][0].name},
                "resultsCountByOutcome": _by_outcome([row for _, row in rows]),
                "results": [show_test_result(org, run, row) for run, row in rows],
            }
            for number, rows in groups.items()
        ],
    }


@route("GET", f"{_BASE}/resultsummarybybuild", hosts=_HOSTS)
def summary_by_build(org: Organization, call: Call) -> Any:
    """Counts and durations of a build's results."""
    found = _found(org, call)
    rows = [row for _, row in found]
    build = org.build(call.number("buildId") or 0)
    return {
        "aggregatedResultsAnalysis": {
            "duration": _span(rows),
            "resultsByOutcome": _by_outcome(rows),
            "totalTests": len(rows),
        },
        "teamProject": show_project(org, org.project(build.project_id)),
        "testResultsContext": {
            "contextType": "build",
            "build": {"id": build.id, "definitionId": build.pipeline_id, "number": build.number},
        },
        "totalRunsCount": len({run.id for run, _ in found}),
    }


def _found(org: Organization, call: Call) -> Found:
    project, number = project_of(org, call), call.number("buildId") or 0
    build = org.state.builds.get(number)
    if build is None or build.project_id != project.id:
        raise no_build(number)
    runs = [run for run in org.state.test_runs.within(project.id) if run.build_id == number]
    return [(run, row) for run in runs for row in org.state.test_results.within(run.id)]


def _short(run: TestRun, row: TestResult) -> dict[str, Any]:
    return {
        "id": row.id,
        "runId": run.id,
        "outcome": row.outcome,
        "priority": 255,
        "durationInMs": row.duration_ms,
        "automatedTestName": row.name,
        "automatedTestStorage": row.storage,
        "testCaseTitle": row.title,
    }


def _by_outcome(rows: list[TestResult]) -> dict[str, Any]:
    groups = defaultdict[str, list[TestResult]](list)
    for row in rows:
        groups[row.outcome].append(row)
    return {
        outcome: {"outcome": outcome[0].lower() + outcome[1:], "count": len(group), "duration": _span(group)}
        for outcome, group in groups.items()
    }


def _span(rows: list[TestResult]) -> str:
    """A .NET TimeSpan: ``hh:mm:ss.fffffff``."""
    whole = timedelta(milliseconds=sum(row.duration_ms for row in rows))
    minutes, seconds = divmod(whole.seconds, 60)
    hours, minutes = divmod(minutes + whole.days * 24 * 60, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{whole.microseconds:06}0"
