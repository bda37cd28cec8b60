"""Callbacks from a check's target: the completion event, log lines, the task's record."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from azure_devops_server.api.routing import route
from azure_devops_server.http.errors import bad_request, forbidden, no_project, not_found
from azure_devops_server.http.wire import Answer, Call, Fields, chosen, collection, no_content
from azure_devops_server.model.build import TimelineEntry
from azure_devops_server.model.checks import CheckTask
from azure_devops_server.model.core import Project
from azure_devops_server.runs.timeline import Timeline
from azure_devops_server.values import wire_time

if TYPE_CHECKING:
    from azure_devops_server.organization import Organization

_PLAN = "{scopeIdentifier}/_apis/distributedtask/hubs/{hubName}/plans/{planId}"
RESULTS = ("succeeded", "succeededWithIssues", "failed", "canceled", "skipped", "abandoned")
_NAMES = ("TaskCompleted", "TaskStarted", "TaskAssigned")


@route("POST", _PLAN + "/events")
def post_event(org: Organization, call: Call) -> Answer:
    """`TaskCompleted` decides the check: 204. A second one, or one that comes too late, is refused."""
    task, body = _task(org, call), call.document()
    name = chosen(body.get("name", ""), _NAMES, name="name")
    if body.text("jobId").casefold() != task.job_id:
        raise bad_request(f"The job {body.text('jobId')} does not belong to plan {task.plan_id}.")
    given = body.text("taskId").casefold()
    if given and given != task.task_id:
        raise bad_request(f"The task {given} does not belong to job {task.job_id}.")
    if name == "TaskCompleted":
        _complete(org, task, chosen(body.get("result", "failed"), RESULTS, name="result"))
    return no_content()


@route("POST", _PLAN + "/logs")
def create_log(org: Organization, call: Call) -> Any:
    """A log for the task; its text is appended by the next call."""
    task = _task(org, call)
    body = call.document()
    log = org.files.new_log(task.build_id or f"check-{task.plan_id}")
    return {
        "path": body.text("path", f"logs\\{task.task_id}"),
        "lineCount": 0,
        "createdOn": wire_time(log.created),
        "lastChangedOn": wire_time(log.changed),
        "id": log.id,
        "location": org.links.api(task.project_id, f"distributedtask/hubs/checks/plans/{task.plan_id}/logs/{log.id}"),
    }


@route("POST", _PLAN + "/logs/{logId}")
def append_log(org: Organization, call: Call) -> Any:
    """Append plain text lines."""
    task = _task(org, call)
    owner = str(task.build_id) if task.build_id else f"check-{task.plan_id}"
    log = org.state.logs.get(f"{owner}/{call.route['logId']}")
    if log is None:
        raise not_found(f"Log {call.route['logId']} of plan {task.plan_id} was not found.")
    stamp = wire_time(org.clock())
    lines = call.body.decode("utf-8", "replace").splitlines() or [""]
    log = org.files.append(log, "".join(f"{stamp} {line}\n" for line in lines))
    return {"id": log.id, "lineCount": log.lines, "lastChangedOn": wire_time(log.changed)}


@route("PATCH", _PLAN + "/timelines/{timelineId}/records")
def update_records(org: Organization, call: Call) -> Answer:
    """Attach a log to the task's record, or update its progress."""
    task, body = _task(org, call), call.document()
    if call.route["timelineId"].casefold() != task.timeline_id:
        raise not_found(f"Timeline {call.route['timelineId']} of plan {task.plan_id} was not found.")
    shown = []
    for item in body.array("value"):
        fields = Fields(item)
        if fields.text("id").casefold() != task.task_id:
            raise bad_request(f"The record {fields.text('id')} does not belong to plan {task.plan_id}.")
        shown.append(_update(org, task, fields))
    return collection(shown)


def _update(org: Organization, task: CheckTask, fields: Fields) -> dict[str, Any]:
    log_id = fields.object("log").number("id")
    operation = fields.text("currentOperation")
    if task.build_id is not None:
        build = org.build(task.build_id)
        entry = org.state.timeline.get(f"{task.build_id}/{task.record_id}")
        if entry is not None:
            if operation:
                Timeline(org.state, org.files, build, org.clock).put(replace(entry.record, operation=operation))
            if log_id is not None:
                _attach(org, entry, log_id)
    return {
        "id": task.task_id,
        "type": "Task",
        "state": "completed" if task.result else "inProgress",
        "currentOperation": operation or None,
        "log": {"id": log_id} if log_id is not None else None,
    }


def _attach(org: Organization, entry: TimelineEntry, log_id: int) -> None:
    """Show the log that the target wrote at the record, instead of the server's own lines about the call."""
    target = org.state.logs.get(f"{entry.build_id}/{log_id}")
    if target is None:
        raise not_found(f"Log {log_id} was not found.")
    key = f"{entry.build_id}/{entry.record.id}"
    org.state.timeline.change(key, lambda row: replace(row, log_id=log_id, modified=org.clock()))


def _complete(org: Organization, task: CheckTask, result: str) -> None:
    with org.state.changed:
        now = org.state.check_tasks.get(task.plan_id)
        if now is None or now.closed or now.result is not None:
            raise bad_request(f"The plan {task.plan_id} is already completed.")
        org.state.check_tasks.put(replace(now, result=result))
        org.state.changed.notify_all()


def _task(org: Organization, call: Call) -> CheckTask:
    project = _project(org, call.route["scopeIdentifier"])
    found = org.state.check_tasks.get(call.route["planId"].casefold())
    if found is None or found.project_id != project.id:
        raise not_found(f"No plan found for identifier {call.route['planId']}.")
    if call.caller.build_id is not None and call.caller.build_id != found.build_id:
        raise forbidden("The access token belongs to another run.")
    return found


def _project(org: Organization, name: str) -> Project:
    found = org.state.project(name)
    if found is None:
        raise no_project(name)
    return found
