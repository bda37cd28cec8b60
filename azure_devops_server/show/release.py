"""Classic releases as the Release API writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azure_devops_server.http.wire import Fields
from azure_devops_server.model.release import (
    Release,
    ReleaseApproval,
    ReleaseDefinition,
    ReleaseDeployment,
    ReleaseEnvironment,
    ReleaseTask,
    definition_environment,
)
from azure_devops_server.resources import Resources
from azure_devops_server.show.core import show_identity
from azure_devops_server.values import EMPTY_GUID, wire_time, without_none

_PHASE = {
    "succeeded": "succeeded",
    "partiallySucceeded": "partiallySucceeded",
    "failed": "failed",
    "inProgress": "inProgress",
    "notDeployed": "notStarted",
}


def show_definition(resources: Resources, row: ReleaseDefinition, *, details: bool) -> dict[str, Any]:
    """A ReleaseDefinition; lists leave environments, artifacts and variables out."""
    fields = {
        "source": "restApi",
        "revision": row.revision,
        "description": str(row.body.get("description") or ""),
        "createdBy": show_identity(resources, row.created_by),
        "createdOn": wire_time(row.created),
        "modifiedBy": show_identity(resources, row.created_by),
        "modifiedOn": wire_time(row.modified),
        "isDeleted": False,
        "releaseNameFormat": str(row.body.get("releaseNameFormat") or "Release-$(rev:r)"),
    }
    if details:
        fields["variables"] = show_variables(row.body.get("variables") or {})
        fields["variableGroups"] = []
        fields["environments"] = [_definition_environment(resources, item) for item in row.body["environments"]]
        fields["artifacts"] = list(row.body.get("artifacts") or [])
        fields["triggers"] = list(row.body.get("triggers") or [])
        fields["tags"] = list(row.body.get("tags") or [])
        fields["properties"] = dict(row.body.get("properties") or {})
    return fields | show_definition_reference(resources, row.project_id, row.id, row.name)


def show_definition_reference(resources: Resources, project_id: str, definition_id: int, name: str) -> dict[str, Any]:
    """A ReleaseDefinitionShallowReference."""
    url = resources.links.api(project_id, f"Release/definitions/{definition_id}", "release")
    web = f"{resources.links.base()}/{project_id}/_release?definitionId={definition_id}"
    return {
        "id": definition_id,
        "name": name,
        "path": "\\",
        "projectReference": show_project_reference(resources, project_id),
        "url": url,
        "_links": {"self": {"href": url}, "web": {"href": web}},
    }


def show_project_reference(resources: Resources, project_id: str) -> dict[str, Any]:
    """Id and name of a project."""
    return {"id": project_id, "name": resources.project(project_id).name}


def show_release(resources: Resources, release: Release, *, details: bool = True) -> dict[str, Any]:
    """A Release; lists leave environments, artifacts and variables out unless asked for."""
    url = release_url(resources, release)
    document: dict[str, Any] = {
        "id": release.id,
        "name": release.name,
        "status": release.status,
        "createdOn": wire_time(release.created),
        "modifiedOn": wire_time(release.modified),
        "modifiedBy": show_identity(resources, release.created_by),
        "createdBy": show_identity(resources, release.created_by),
        "createdFor": show_identity(resources, release.created_by),
    }
    if details:
        document["environments"] = [show_environment(resources, release, item) for item in release.environments]
        document["variables"] = show_variables(release.variables)
        document["variableGroups"] = []
        document["artifacts"] = [_artifact(resources, release, item) for item in release.artifacts]
    return document | {
        "releaseDefinition": _definition_of(resources, release),
        "releaseDefinitionRevision": 1,
        "description": release.description,
        "reason": release.reason,
        "releaseNameFormat": "Release-$(rev:r)",
        "keepForever": False,
        "definitionSnapshotRevision": 1,
        "logsContainerUrl": f"{url}/logs",
        "_links": {
            "self": {"href": url},
            "web": {"href": resources.links.release_page(release.project_id, release.id)},
        },
        "tags": list(release.tags),
        "projectReference": show_project_reference(resources, release.project_id),
        "properties": {name: _typed(value) for name, value in release.properties.items()},
    }


def show_environment(resources: Resources, release: Release, environment: ReleaseEnvironment) -> dict[str, Any]:
    """A ReleaseEnvironment with its approvals and deployments."""
    rows = [
        row for row in resources.state.release_deployments.within(release.id) if row.environment_id == environment.id
    ]
    definition = definition_environment(release, environment)
    return without_none(
        {
            "id": environment.id,
            "releaseId": release.id,
            "name": environment.name,
            "status": environment.status,
            "variables": show_variables(environment.variables),
            "variableGroups": [],
            "preDeployApprovals": _approvals(resources, release, environment, "preDeploy"),
            "postDeployApprovals": _approvals(resources, release, environment, "postDeploy"),
            "preApprovalsSnapshot": dict(definition["preDeployApprovals"]),
            "postApprovalsSnapshot": dict(definition["postDeployApprovals"]),
            "deploySteps": [_attempt(resources, release, environment, row) for row in rows],
            "rank": environment.rank,
            "definitionEnvironmentId": environment.definition_environment_id,
            "environmentOptions": {"autoLinkWorkItems": False, "badgeEnabled": False, "publishDeploymentStatus": True},
            "demands": [],
            "conditions": [{"result": environment.status != "notStarted", **item} for item in definition["conditions"]],
            "createdOn": wire_time(environment.created),
            "modifiedOn": wire_time(environment.modified),
            "workflowTasks": [],
            "deployPhasesSnapshot": list(definition["deployPhases"]),
            "owner": show_identity(resources, release.created_by),
            "schedules": [],
            "release": _release_reference(resources, release),
            "releaseDefinition": _definition_of(resources, release),
            "releaseCreatedBy": show_identity(resources, release.created_by),
            "triggerReason": environment.trigger_reason or "Manual",
            "timeToDeploy": _minutes(rows),
        }
    )


def show_approval(resources: Resources, approval: ReleaseApproval) -> dict[str, Any]:
    """A ReleaseApproval."""
    release = resources.release(approval.release_id)
    environment = next(item for item in release.environments if item.id == approval.environment_id)
    environment_url = f"{release_url(resources, release)}/environments/{environment.id}"
    return without_none(
        {
            "id": approval.id,
            "revision": approval.revision,
            "approver": show_identity(resources, approval.approver_id) if approval.approver_id else None,
            "approvedBy": show_identity(resources, approval.approved_by) if approval.approved_by else None,
            "approvalType": approval.kind,
            "createdOn": wire_time(approval.created),
            "modifiedOn": wire_time(approval.modified),
            "status": approval.status,
            "comments": approval.comments,
            "isAutomated": approval.approver_id is None,
            "isNotificationOn": False,
            "trialNumber": approval.attempt,
            "attempt": approval.attempt,
            "rank": approval.rank,
            "history": [],
            "release": _release_reference(resources, release),
            "releaseDefinition": _definition_of(resources, release),
            "releaseEnvironment": {
                "id": environment.id,
                "name": environment.name,
                "url": environment_url,
                "_links": {"self": {"href": environment_url}},
            },
            "url": resources.links.api(release.project_id, f"Release/approvals/{approval.id}", "release"),
        }
    )


def show_deployment(resources: Resources, row: ReleaseDeployment) -> dict[str, Any]:
    """A Deployment as the deployments list gives it."""
    release = resources.release(row.release_id)
    environment = next(item for item in release.environments if item.id == row.environment_id)
    url = f"{release_url(resources, release)}/environments/{environment.id}"
    return without_none(
        {
            "id": row.id,
            "release": _release_reference(resources, release)
            | {
                "artifacts": [_artifact(resources, release, item) for item in release.artifacts],
                "createdOn": wire_time(release.created),
                "createdBy": show_identity(resources, release.created_by),
                "reason": release.reason,
            },
            "releaseDefinition": _definition_of(resources, release),
            "releaseEnvironment": {
                "id": environment.id,
                "name": environment.name,
                "url": url,
                "_links": {"self": {"href": url}},
            },
            "projectReference": show_project_reference(resources, release.project_id),
            "definitionEnvironmentId": environment.definition_environment_id,
            "attempt": row.attempt,
            "reason": row.reason,
            "deploymentStatus": row.status,
            "operationStatus": row.operation,
            "requestedBy": show_identity(resources, row.requested_by),
            "requestedFor": show_identity(resources, row.requested_by),
            "queuedOn": wire_time(row.queued),
            "startedOn": wire_time(row.started),
            "completedOn": wire_time(row.completed),
            "lastModifiedOn": wire_time(row.modified),
            "lastModifiedBy": show_identity(resources, row.requested_by),
            "conditions": [],
            "preDeployApprovals": _approvals(resources, release, environment, "preDeploy", row.attempt),
            "postDeployApprovals": _approvals(resources, release, environment, "postDeploy", row.attempt),
        }
    )


def show_variables(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Variables without the values of secret ones."""
    shown: dict[str, Any] = {}
    for name, item in variables.items():
        fields = Fields(item if isinstance(item, dict) else {"value": item})
        if fields.get("isSecret") is True:
            shown[name] = {"value": None, "isSecret": True}
        else:
            shown[name] = {"value": fields.text("value")}
        if fields.get("allowOverride"):
            shown[name]["allowOverride"] = True
    return shown


def release_url(resources: Resources, release: Release) -> str:
    """Where a release is."""
    return resources.links.api(release.project_id, f"Release/releases/{release.id}", "release")


def _attempt(
    resources: Resources, release: Release, environment: ReleaseEnvironment, row: ReleaseDeployment
) -> dict[str, Any]:
    phase = {
        "id": row.id,
        "phaseId": str(row.id),
        "name": "Agent job",
        "rank": 1,
        "phaseType": "agentBasedDeployment",
        "status": "canceled" if row.operation == "canceled" else _PHASE[row.status],
        "runPlanId": row.plan_id,
        "deploymentJobs": [_job(resources, release, environment, row)] if row.tasks else [],
        "manualInterventions": [],
        "startedOn": wire_time(row.started),
    }
    return without_none(
        {
            "id": row.id,
            "deploymentId": row.id,
            "attempt": row.attempt,
            "reason": row.reason,
            "status": row.status,
            "operationStatus": row.operation,
            "releaseDeployPhases": [without_none(phase)] if row.started else [],
            "requestedBy": show_identity(resources, row.requested_by),
            "requestedFor": show_identity(resources, row.requested_by),
            "queuedOn": wire_time(row.queued),
            "lastModifiedBy": show_identity(resources, row.requested_by),
            "lastModifiedOn": wire_time(row.modified),
            "hasStarted": row.started is not None,
            "tasks": [],
            "runPlanId": EMPTY_GUID,
            "issues": [{"issueType": "Error", "message": text, "data": {}} for text in row.issues],
        }
    )


def _job(
    resources: Resources, release: Release, environment: ReleaseEnvironment, row: ReleaseDeployment
) -> dict[str, Any]:
    tasks = [_task(resources, release, environment, row, task) for task in row.tasks]
    job = {
        "id": 0,
        "timelineRecordId": row.plan_id,
        "name": "Release",
        "status": _PHASE[row.status],
        "rank": 1,
        "startTime": wire_time(row.started),
        "finishTime": wire_time(row.completed),
        "agentName": "local",
        "issues": [],
    }
    return {"job": without_none(job), "tasks": tasks}


def _task(
    resources: Resources,
    release: Release,
    environment: ReleaseEnvironment,
    row: ReleaseDeployment,
    task: ReleaseTask,
) -> dict[str, Any]:
    place = f"environments/{environment.id}/deployPhases/{row.id}/tasks/{task.id}/logs"
    return without_none(
        {
            "id": task.id,
            "timelineRecordId": task.record_id,
            "name": task.name,
            "startTime": wire_time(task.started),
            "finishTime": wire_time(task.finished),
            "status": task.status,
            "rank": task.rank,
            "lineCount": task.lines,
            "issues": [{"issueType": kind.capitalize(), "message": text, "data": {}} for kind, text in task.issues],
            "agentName": "local",
            "logUrl": f"{release_url(resources, release)}/{place}",
        }
    )


def _approvals(
    resources: Resources, release: Release, environment: ReleaseEnvironment, kind: str, attempt: int | None = None
) -> list[dict[str, Any]]:
    return [
        show_approval(resources, row)
        for row in resources.state.release_approvals.within(release.id)
        if row.environment_id == environment.id and row.kind == kind and attempt in (None, row.attempt)
    ]


def _definition_of(resources: Resources, release: Release) -> dict[str, Any]:
    name = str(release.snapshot.get("name", ""))
    return show_definition_reference(resources, release.project_id, release.definition_id, name)


def _release_reference(resources: Resources, release: Release) -> dict[str, Any]:
    url = release_url(resources, release)
    web = resources.links.release_page(release.project_id, release.id)
    return {
        "id": release.id,
        "name": release.name,
        "url": url,
        "_links": {"self": {"href": url}, "web": {"href": web}},
    }


def _definition_environment(resources: Resources, item: Mapping[str, Any]) -> dict[str, Any]:
    document = dict(item) | {"variables": show_variables(item.get("variables") or {})}
    document.setdefault("owner", show_identity(resources, None))
    document.setdefault("retentionPolicy", {"daysToKeep": 30, "releasesToKeep": 3, "retainBuild": True})
    return document


def _artifact(resources: Resources, release: Release, item: Mapping[str, Any]) -> dict[str, Any]:
    fields = Fields(item)
    known = next(
        (Fields(a) for a in release.snapshot.get("artifacts") or [] if Fields(a).text("alias") == fields.text("alias")),
        Fields({}),
    )
    reference = fields.object("instanceReference")
    version = {"id": reference.text("id"), "name": reference.text("name")}
    project = resources.project(release.project_id)
    definition = {**known.object("definitionReference").raw, "version": version}
    definition.setdefault("project", {"id": project.id, "name": project.name})
    return {
        "sourceId": f"{project.id}:{fields.text('alias')}",
        "type": known.text("type", "Build"),
        "alias": fields.text("alias"),
        "definitionReference": definition,
        "isPrimary": known.get("isPrimary", True) is True,
        "isRetained": False,
    }


def _typed(value: Any) -> dict[str, Any]:
    """A property as PropertiesCollection writes it."""
    return value if isinstance(value, dict) else {"$type": "System.String", "$value": str(value)}


def _minutes(rows: list[ReleaseDeployment]) -> float | None:
    if not rows or rows[-1].started is None:
        return None
    end = rows[-1].completed or rows[-1].modified
    return round((end - rows[-1].started).total_seconds() / 60, 6)
