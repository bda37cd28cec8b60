"""Parses classic releases (`azure.devops` models) into the domain's types.

A release has environments; each has deployments (attempts) of phases, jobs and tasks. A failed one is `rejected`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from services.adapters.azure_devops.parse import aware, person_of, web_link
from services.domain.releases import (
    ReleaseRun,
    RunApproval,
    RunKind,
    RunRef,
    RunResult,
    RunState,
    TimelineItem,
)

ACTIVE = frozenset({"inProgress", "queued", "scheduled"})
_RESULTS = {
    "succeeded": "succeeded",
    "partiallySucceeded": "succeededWithIssues",
    "rejected": "failed",
    "failed": "failed",
    "failure": "failed",
    "success": "succeeded",
    "canceled": "canceled",
    "cancelled": "canceled",
    "skipped": "skipped",
}
_WORST_FIRST = (
    ("rejected", RunResult.FAILED),
    ("canceled", RunResult.CANCELED),
    ("partiallySucceeded", RunResult.PARTIALLY_SUCCEEDED),
    ("succeeded", RunResult.SUCCEEDED),
)
TASKS_A_PHASE = 100_000
"""A log's number combines phase and task, which together are unique in a release."""


def release_of(release: Any, project: str) -> ReleaseRun:
    """A release as a run. Raises ValueError for an empty model: the SDK makes those."""
    if release is None or not release.id:
        raise ValueError("an empty release")
    state, result = _state(release)
    definition = release.release_definition
    finished = state is RunState.COMPLETED
    return ReleaseRun(
        ref=RunRef(project, int(definition.id) if definition else 0, int(release.id), RunKind.RELEASE),
        name=str(release.name or release.id),
        state=state,
        result=result,
        created=aware(release.created_on),
        finished=_finished(release) if finished else None,
        web_url=web_link(release),
        pipeline_name=str(definition.name or "") if definition else "",
        parameters={k: str(v.value) for k, v in (release.variables or {}).items() if v.value and not v.is_secret},
        tags=tuple(release.tags or ()),
    )


def release_timeline(release: Any) -> list[TimelineItem]:
    """Environments as stages, with approvals, phases and tasks of the last deployment."""
    found: list[TimelineItem] = []
    for environment in _environments(release):
        attempt = _last(environment)
        found.append(_stage(environment, attempt))
        found += [_waiting(environment, a) for a in _approvals(environment) if a.status == "pending"]
        for phase in (attempt.release_deploy_phases if attempt else None) or []:
            found.append(_phase(environment, phase))
            found += [_task(environment, phase, task) for task in _tasks(phase)]
    return found


def tasks_with_logs(release: Any) -> dict[int, tuple[int, int, int]]:
    """Log number to environment, phase and task."""
    return {
        _log_number(phase, task): (int(environment.id), int(phase.id), int(task.id))
        for environment in _environments(release)
        for attempt in environment.deploy_steps or []
        for phase in attempt.release_deploy_phases or []
        for task in _tasks(phase)
    }


def approvals_of(release: Any) -> list[RunApproval]:
    """Approvals of people; automated ones are omitted."""
    return [
        RunApproval(
            id=str(approval.id),
            status=str(approval.status or "undefined"),
            assigned_to=(person_of(approval.approver),),
            decided_by=(person_of(approval.approved_by),) if approval.approved_by else (),
            comment=str(approval.comments or ""),
            created=aware(approval.created_on),
            subject=f"{environment.name}, {'before' if approval.approval_type == 'preDeploy' else 'after'}",
        )
        for environment in _environments(release)
        for approval in _approvals(environment)
    ]


def _state(release: Any) -> tuple[RunState, RunResult | None]:
    statuses = [str(environment.status) for environment in _environments(release)]
    is_active = any(status in ACTIVE for status in statuses)
    is_abandoned = release.status == "abandoned"
    if is_active:
        return (RunState.CANCELING if is_abandoned else RunState.IN_PROGRESS), None
    worst = next((result for status, result in _WORST_FIRST if status in statuses), None)
    if worst in {RunResult.FAILED, RunResult.CANCELED}:
        return RunState.COMPLETED, worst
    if is_abandoned:
        return RunState.COMPLETED, RunResult.CANCELED
    if "notStarted" in statuses or worst is None:
        return RunState.IN_PROGRESS, None
    return RunState.COMPLETED, worst


def _finished(release: Any) -> Any:
    times = [aware(attempt.last_modified_on) for e in _environments(release) if (attempt := _last(e))]
    return max((moment for moment in times if moment), default=aware(release.modified_on))


def _environments(release: Any) -> Sequence[Any]:
    return sorted(release.environments or [], key=lambda environment: environment.rank or 0)


def _approvals(environment: Any) -> list[Any]:
    both = [*(environment.pre_deploy_approvals or []), *(environment.post_deploy_approvals or [])]
    return [approval for approval in both if not approval.is_automated]


def _last(environment: Any) -> Any:
    return max(environment.deploy_steps or [], key=lambda attempt: attempt.attempt or 0, default=None)


def _tasks(phase: Any) -> Iterator[Any]:
    for job in phase.deployment_jobs or []:
        yield from job.tasks or []


def _stage(environment: Any, attempt: Any) -> TimelineItem:
    status = str(environment.status)
    result = _RESULTS.get(status)
    return TimelineItem(
        id=f"environment-{environment.id}",
        parent_id=None,
        type="Stage",
        name=str(environment.name),
        state="completed" if result else "inProgress" if status in ACTIVE else "pending",
        result=result,
        order=int(environment.rank or 0),
        attempt=int(attempt.attempt or 1) if attempt else 1,
        identifier=str(environment.id),
        started=aware(attempt.queued_on) if attempt else None,
        finished=aware(attempt.last_modified_on) if attempt and result else None,
    )


def _waiting(environment: Any, approval: Any) -> TimelineItem:
    return TimelineItem(
        id=f"approval-{approval.id}",
        parent_id=f"environment-{environment.id}",
        type="Checkpoint.Approval",
        name=f"Approval by {person_of(approval.approver)}",
        state="inProgress",
        result=None,
        started=aware(approval.created_on),
    )


def _phase(environment: Any, phase: Any) -> TimelineItem:
    result = _RESULTS.get(str(phase.status))
    return TimelineItem(
        id=f"phase-{phase.id}",
        parent_id=f"environment-{environment.id}",
        type="Job",
        name=str(phase.name or "Phase"),
        state="completed" if result else "inProgress" if phase.status == "inProgress" else "pending",
        result=result,
        order=int(phase.rank or 0),
        started=aware(phase.started_on),
    )


def _task(environment: Any, phase: Any, task: Any) -> TimelineItem:
    result = _RESULTS.get(str(task.status))
    return TimelineItem(
        id=f"task-{environment.id}-{phase.id}-{task.id}",
        parent_id=f"phase-{phase.id}",
        type="Task",
        name=str(task.name or "Task"),
        state="completed" if result else "inProgress" if task.status == "inProgress" else "pending",
        result=result,
        order=int(task.rank or 0),
        started=aware(task.start_time),
        finished=aware(task.finish_time),
        log_id=_log_number(phase, task) if task.log_url else None,
        issues=tuple(f"{issue.issue_type}: {issue.message}" for issue in task.issues or ()),
        percent=int(task.percent_complete) if task.percent_complete is not None else None,
    )


def _log_number(phase: Any, task: Any) -> int:
    return int(phase.id) * TASKS_A_PHASE + int(task.id)
