"""The Test API: runs and results, read and written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from azure_devops_server.api.common import project_of
from azure_devops_server.api.routing import route
from azure_devops_server.http.errors import bad_request, not_found
from azure_devops_server.http.wire import Answer, Call, Fields, chosen, collection, no_content
from azure_devops_server.model.testing import TestResult, TestRun
from azure_devops_server.show.testing import show_statistics, show_test_result, show_test_run
from azure_devops_server.values import comma_list, parse_time

if TYPE_CHECKING:
    from azure_devops_server.organization import Organization

RUN_STATES = ("Unspecified", "NotStarted", "InProgress", "Completed", "Aborted", "Waiting", "NeedsInvestigation")
OUTCOMES = (
    "Unspecified", "None", "Passed", "Failed", "Inconclusive", "Timeout", "Aborted", "Blocked", "NotExecuted",
    "Warning", "Error", "NotApplicable", "Paused", "InProgress", "NotImpacted",
)  # fmt: skip
RESULT_STATES = ("Unspecified", "Pending", "Queued", "InProgress", "Paused", "Completed")
_RUNS = "{project}/_apis/test/Runs"
_TEST_RESULTS_RUNS = "{project}/_apis/testresults/runs"
"""The same runs on the host of test results."""
_WITH_DETAILS, _WITHOUT_DETAILS = 200, 1000
_WINDOW = timedelta(days=7)
_KEPT_RUN = ("buildFlavor", "buildPlatform", "pipelineReference", "release", "tags")
_KEPT_RESULT = ("priority", "failureType", "customFields", "automatedTestType", "automatedTestId")


@route("GET", _RUNS)
@route("GET", _TEST_RESULTS_RUNS, hosts=("tests",))
def list_runs(org: Organization, call: Call) -> Answer:
    """Test runs of a build (`buildUri`), or those changed within a window of at most seven days."""
    project = project_of(org, call)
    rows = sorted(org.state.test_runs.within(project.id), key=lambda row: row.id)
    if uri := call.query.get("builduri"):
        number = uri.rsplit("/", 1)[-1]
        rows = [row for row in rows if str(row.build_id) == number]
    rows = _windowed(rows, call)
    if wanted := set(comma_list(call.query.get("buildids"))):
        rows = [row for row in rows if str(row.build_id) in wanted]
    if wanted := set(comma_list(call.query.get("releaseids"))):
        rows = [row for row in rows if str((row.extra.get("release") or {}).get("id")) in wanted]
    if automated := call.query.get("automated") or call.query.get("isautomated"):
        rows = [row for row in rows if row.automated == (automated.casefold() == "true")]
    if state := call.query.get("state"):
        name = chosen(state, RUN_STATES, name="state")
        rows = [row for row in rows if row.state == name]
    if title := call.query.get("runtitle"):
        rows = [row for row in rows if row.name.casefold() == title.casefold()]
    if "minlastupdateddate" in call.query:
        return _queried(org, call, rows)
    details = call.flag("includeRunDetails")
    return collection([show_test_run(org, row, details=details) for row in _page(rows, call, 100)])


@route("POST", _RUNS)
@route("POST", _TEST_RESULTS_RUNS, hosts=("tests",))
def create_run(org: Organization, call: Call) -> Any:
    """A test run that a tool of the user reports."""
    project, body = project_of(org, call), call.document()
    name = body.text("name").strip()
    if not name:
        raise bad_request("Value cannot be null. Parameter name: testRun.Name")
    now = org.clock()
    state = chosen(body.get("state", "Unspecified"), RUN_STATES, name="state")
    run = TestRun(
        id=org.testing.next_run(),
        project_id=project.id,
        name=name,
        state="InProgress" if state == "Unspecified" else state,
        owner_id=call.caller.identity_id,
        changed=now,
        started=_time(body.get("startDate")) or now,
        completed=_time(body.get("completeDate")),
        build_id=_build(org, body, project.id),
        automated=body.get("automated", body.get("isAutomated", True)) is True,
        comment=body.text("comment"),
        error_message=body.text("errorMessage"),
        extra=_extra(body, _KEPT_RUN),
    )
    return show_test_run(org, org.state.test_runs.put(run), details=True)


@route("GET", _RUNS + "/{runId}")
@route("GET", _TEST_RESULTS_RUNS + "/{runId}", hosts=("tests",))
def get_run(org: Organization, call: Call) -> Any:
    """One test run, with details unless they are declined."""
    details = call.query.get("includedetails", "true").casefold() != "false"
    return show_test_run(org, _run(org, call), details=details)


@route("PATCH", _RUNS + "/{runId}")
@route("PATCH", _TEST_RESULTS_RUNS + "/{runId}", hosts=("tests",))
def update_run(org: Organization, call: Call) -> Any:
    """Change state, texts and times; a state of Completed sets the time."""
    run, body = _run(org, call), call.document()
    state = chosen(body.get("state", run.state), RUN_STATES, name="state")
    now = org.clock()
    completed = _time(body.get("completedDate")) or run.completed
    if state in ("Completed", "Aborted") and completed is None:
        completed = now
    changed = org.state.test_runs.change(
        run.id,
        lambda row: replace(
            row,
            name=body.text("name", row.name),
            state=state,
            comment=body.text("comment", row.comment),
            error_message=body.text("errorMessage", row.error_message),
            started=_time(body.get("startedDate")) or row.started,
            completed=completed,
            changed=now,
            revision=row.revision + 1,
        ),
    )
    return show_test_run(org, changed, details=True)


@route("DELETE", _RUNS + "/{runId}")
@route("DELETE", _TEST_RESULTS_RUNS + "/{runId}", hosts=("tests",))
def delete_run(org: Organization, call: Call) -> Answer:
    """Remove a test run and its results."""
    run = _run(org, call)
    with org.state.store.transaction():
        for row in org.state.test_results.within(run.id):
            org.state.test_results.delete(f"{row.run_id}/{row.id}")
        org.state.test_runs.delete(run.id)
    return no_content()


@route("GET", _RUNS + "/{runId}/Statistics")
@route("GET", _TEST_RESULTS_RUNS + "/{runId}/Statistics", hosts=("tests",))
def get_statistics(org: Organization, call: Call) -> Any:
    """Results counted by outcome."""
    return show_statistics(org, _run(org, call))


@route("GET", _RUNS + "/{runId}/Results")
@route("GET", _TEST_RESULTS_RUNS + "/{runId}/Results", hosts=("tests",))
def list_results(org: Organization, call: Call) -> Answer:
    """Results by `outcomes`, `$skip` and `$top` (at most 1000, 200 with details)."""
    run = _run(org, call)
    rows = sorted(org.state.test_results.within(run.id), key=lambda row: row.id)
    wanted = {chosen(part, OUTCOMES, name="outcomes") for part in comma_list(call.query.get("outcomes"))}
    rows = [row for row in rows if not wanted or row.outcome in wanted]
    detailed = call.query.get("detailstoinclude", "none").casefold() not in ("none", "0")
    most = _WITH_DETAILS if detailed else _WITHOUT_DETAILS
    if (call.number("$top", most) or most) > most:
        raise bad_request(f"The value of '$top' must not be larger than {most}.")
    return collection([show_test_result(org, run, row) for row in _page(rows, call, most)])


@route("POST", _RUNS + "/{runId}/Results")
@route("POST", _TEST_RESULTS_RUNS + "/{runId}/Results", hosts=("tests",))
def add_results(org: Organization, call: Call) -> Answer:
    """Add results to a run."""
    run, added = _run(org, call), []
    with org.state.store.transaction():
        for item in _list(call):
            number = org.testing.next_result(run.id)
            blank = TestResult(run.id, number, title="", outcome="Unspecified", state="Pending", changed=org.clock())
            added.append(org.state.test_results.put(_result(blank, Fields(item), org.clock())))
    _touch(org, run)
    return collection([show_test_result(org, run, row) for row in added])


@route("PATCH", _RUNS + "/{runId}/Results")
@route("PATCH", _TEST_RESULTS_RUNS + "/{runId}/Results", hosts=("tests",))
def update_results(org: Organization, call: Call) -> Answer:
    """Change results, named by `id`."""
    run, changed = _run(org, call), []
    for item in _list(call):
        key = f"{run.id}/{Fields(item).number('id')}"
        if org.state.test_results.get(key) is None:
            raise not_found(f"Test result {key} was not found.")
    with org.state.store.transaction():
        for item in _list(call):
            fields = Fields(item)
            edited = org.state.test_results.change(
                f"{run.id}/{fields.number('id')}",
                lambda row, fields=fields: replace(_result(row, fields, org.clock()), revision=row.revision + 1),  # type: ignore[misc]
            )
            changed.append(edited)
    _touch(org, run)
    return collection([show_test_result(org, run, row) for row in changed])


@route("GET", _RUNS + "/{runId}/Results/{testCaseResultId}")
@route("GET", _TEST_RESULTS_RUNS + "/{runId}/Results/{testCaseResultId}", hosts=("tests",))
def get_result(org: Organization, call: Call) -> Any:
    """One result."""
    run = _run(org, call)
    found = org.state.test_results.get(f"{run.id}/{call.route['testCaseResultId']}")
    if found is None:
        raise not_found(f"Test result {call.route['testCaseResultId']} of run {run.id} was not found.")
    return show_test_result(org, run, found)


def _run(org: Organization, call: Call) -> TestRun:
    project, number = project_of(org, call), call.route["runId"]
    found = org.state.test_runs.get(number)
    if found is None or found.project_id != project.id:
        raise not_found(f"Test run {number} cannot be found.")
    return found


def _queried(org: Organization, call: Call, rows: list[TestRun]) -> Answer:
    """A page of the query form; its token counts test runs."""
    start, top = call.number("continuationToken", 0) or 0, min(call.number("$top", 100) or 100, 100)
    more = {"x-ms-continuationtoken": str(start + top)} if len(rows) > start + top else {}
    return collection([show_test_run(org, row, details=True) for row in rows[start : start + top]], more)


def _windowed(rows: list[TestRun], call: Call) -> list[TestRun]:
    least, most = call.moment("minLastUpdatedDate"), call.moment("maxLastUpdatedDate")
    if least is None and most is None:
        return rows
    if least is None or most is None or not timedelta(0) <= most - least <= _WINDOW:
        raise bad_request("The window of minLastUpdatedDate and maxLastUpdatedDate must be at most seven days.")
    return [row for row in rows if least <= row.changed <= most]


def _page(rows: list[Any], call: Call, default: int) -> list[Any]:
    skip, top = call.number("$skip", 0) or 0, call.number("$top", default) or default
    return rows[skip : skip + top]


def _list(call: Call) -> list[Any]:
    body = call.json()
    if not isinstance(body, list) or not all(isinstance(item, dict) for item in body):
        raise bad_request("A JSON array of test results is expected in the request body.")
    return body


def _result(row: TestResult, body: Fields, now: datetime) -> TestResult:
    """The row with what the body gives; anything else stays."""
    outcome = chosen(body.get("outcome", row.outcome), OUTCOMES, name="outcome")
    state = chosen(body.get("state", row.state), RESULT_STATES, name="state")
    duration = body.get("durationInMs", row.duration_ms)
    return replace(
        row,
        title=body.text("testCaseTitle", row.title) or body.object("testCase").text("name") or row.name,
        outcome=outcome,
        state=state,
        name=body.text("automatedTestName", row.name),
        storage=body.text("automatedTestStorage", row.storage),
        duration_ms=float(duration) if _is_number(duration) else row.duration_ms,
        error_message=body.text("errorMessage", row.error_message),
        stack_trace=body.text("stackTrace", row.stack_trace),
        comment=body.text("comment", row.comment),
        computer=body.text("computerName", row.computer),
        started=_time(body.get("startedDate")) or row.started or now,
        completed=_time(body.get("completedDate")) or row.completed,
        changed=now,
        extra={**row.extra, **_extra(body, _KEPT_RESULT)},
    )


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _touch(org: Organization, run: TestRun) -> None:
    org.state.test_runs.change(run.id, lambda row: replace(row, changed=org.clock(), revision=row.revision + 1))


def _build(org: Organization, body: Fields, project_id: str) -> int | None:
    number = body.object("build").number("id") or body.object("buildReference").number("id")
    if number is None:
        return None
    build = org.state.builds.get(number)
    if build is None or build.project_id != project_id:
        raise bad_request(f"The build {number} of the test run does not exist.")
    return number


def _extra(body: Fields, names: Iterable[str]) -> Mapping[str, Any]:
    return {name: body.get(name) for name in names if body.get(name) is not None}


def _time(value: Any) -> datetime | None:
    if not value:
        return None
    try:
        return parse_time(str(value))
    except ValueError as error:
        raise bad_request(f"'{value}' is not a date.") from error
