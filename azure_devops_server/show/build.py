"""Builds as the Build API writes them."""

from __future__ import annotations

import json
from typing import Any

from azure_devops_server.model.build import Artifact, Build, LogFile, Pipeline, TimelineEntry
from azure_devops_server.model.core import Repository
from azure_devops_server.resources import Resources
from azure_devops_server.show.core import show_identity, show_project
from azure_devops_server.show.run import download_url
from azure_devops_server.values import ZERO_TIME, derived_guid, wire_time, without_none

_TASKS = "0d8f1f0c-6d0c-4a4b-8ef5-2b7d2dd5b8c2"
_KNOWN_TASKS = {
    "cmdline": "d9bafed4-0b18-4f58-968d-86655b4d2ce9",
    "bash": "6c731c3c-3c68-459a-a5c9-bde6e6595b5b",
    "pythonscript": "6392f95f-7e76-4a18-b3c7-7f078d2f7700",
    "usepythonversion": "33c63b11-352b-45a2-ba1b-54cb568a29ca",
    "publishtestresults": "0b0f01ed-7dde-43ff-9cbb-e48954daf9b1",
    "publishpipelineartifact": "ecdc45f6-832d-4ad9-b52b-ee49e94659be",
}


def show_build(resources: Resources, build: Build) -> dict[str, Any]:
    """A Build. Unset times, result, parameters and template parameters are left out, as recorded."""
    pipeline = resources.pipeline(build.pipeline_id)
    document = {
        "_links": _links(resources, build),
        "properties": {},
        "tags": list(build.tags),
        "validationResults": [],
        "plans": [{"planId": build.plan_id}],
        "triggerInfo": {},
        "id": build.id,
        "buildNumber": build.number,
        "status": build.status,
        "result": build.result,
        "queueTime": wire_time(build.queued),
        "startTime": wire_time(build.started),
        "finishTime": wire_time(build.finished),
        "url": resources.links.build(build.project_id, build.id),
        "definition": show_definition_reference(resources, pipeline),
        "buildNumberRevision": build.number_revision,
        "project": show_project(resources, resources.project(build.project_id)),
        "uri": build_uri(build.id),
        "sourceBranch": build.ref,
        "sourceVersion": build.commit,
        "queue": show_queue(),
        "priority": "normal",
        "reason": build.reason,
        "requestedFor": show_identity(resources, build.requested_by),
        "requestedBy": show_identity(resources, build.requested_by),
        "lastChangedDate": wire_time(build.changed),
        "lastChangedBy": show_identity(resources, build.requested_by),
        "parameters": _parameters(build),
        "orchestrationPlan": {"planId": build.plan_id},
        "logs": {"id": 0, "type": "Container", "url": resources.links.build(build.project_id, build.id, "/logs")},
        "repository": _repository(resources.repository_of(pipeline), resources),
        "templateParameters": dict(build.parameters) or None,
        "keepForever": False,
        "retainedByRelease": False,
        "appendCommitMessageToRunName": True,
    }
    return without_none(document) | {"triggeredByBuild": None}


def build_uri(build_id: int) -> str:
    """The artifact URI by which the Test API knows a build."""
    return f"vstfs:///Build/Build/{build_id}"


def show_queue() -> dict[str, Any]:
    """The only queue."""
    return {"id": 1, "name": "Azure Pipelines", "pool": {"id": 1, "name": "Azure Pipelines", "isHosted": True}}


def show_definition_reference(resources: Resources, pipeline: Pipeline) -> dict[str, Any]:
    """A pipeline as a DefinitionReference."""
    return {
        "drafts": [],
        "id": pipeline.id,
        "name": pipeline.name,
        "url": resources.links.api(
            pipeline.project_id, f"build/Definitions/{pipeline.id}?revision={pipeline.revision}"
        ),
        "uri": f"vstfs:///Build/Definition/{pipeline.id}",
        "path": pipeline.folder,
        "type": "build",
        "queueStatus": "enabled",
        "revision": pipeline.revision,
        "createdDate": wire_time(pipeline.created),
        "project": show_project(resources, resources.project(pipeline.project_id)),
    }


def show_definition(resources: Resources, pipeline: Pipeline, *, details: bool) -> dict[str, Any]:
    """A pipeline as a BuildDefinition; lists give the reference with author and queue only."""
    document = show_definition_reference(resources, pipeline) | {
        "_links": {
            "self": {"href": resources.links.api(pipeline.project_id, f"build/Definitions/{pipeline.id}")},
            "web": {"href": resources.links.pipeline_page(pipeline.project_id, pipeline.id)},
        },
        "quality": "definition",
        "authoredBy": show_identity(resources, pipeline.author_id),
        "queue": show_queue(),
    }
    if not details:
        return document
    variables = {
        name: without_none(
            {
                "value": None if item.is_secret else item.value,
                "isSecret": item.is_secret or None,
                "allowOverride": item.allow_override or None,
            }
        )
        for name, item in pipeline.variables.items()
    }
    return document | {
        "process": {"yamlFilename": pipeline.path.lstrip("/"), "type": 2},
        "repository": _repository(resources.repository_of(pipeline), resources),
        "variables": variables,
        "options": [],
        "triggers": [],
        "properties": {},
        "tags": [],
        "jobAuthorizationScope": "project",
        "jobTimeoutInMinutes": 60,
        "jobCancelTimeoutInMinutes": 5,
    }


def show_log(resources: Resources, build: Build, log: LogFile) -> dict[str, Any]:
    """A BuildLog."""
    return {
        "lineCount": log.lines,
        "createdOn": wire_time(log.created),
        "lastChangedOn": wire_time(log.changed),
        "id": log.id,
        "type": "Container",
        "url": resources.links.build(build.project_id, build.id, f"/logs/{log.id}"),
    }


def show_artifact(resources: Resources, build: Build, artifact: Artifact) -> dict[str, Any]:
    """A BuildArtifact of a pipeline artifact."""
    root = derived_guid(build.plan_id, artifact.name)
    return {
        "id": artifact.id,
        "name": artifact.name,
        "source": artifact.source,
        "resource": {
            "type": "PipelineArtifact",
            "data": root,
            "properties": {"RootId": root, "artifactsize": str(artifact.size)},
            "url": resources.links.build(
                build.project_id, build.id, f"/artifacts?artifactName={artifact.name}&api-version=7.1"
            ),
            "downloadUrl": download_url(resources, build, artifact),
        },
    }


def show_timeline(resources: Resources, build: Build, timeline_id: str, entries: list[TimelineEntry]) -> dict[str, Any]:
    """A Timeline with all its records."""
    changed = max((entry.modified for entry in entries), default=build.changed)
    return {
        "records": [_record(resources, build, entry) for entry in entries],
        "lastChangedBy": resources.identities.build_service.id,
        "lastChangedOn": wire_time(changed),
        "id": timeline_id,
        "changeId": max((entry.change_id for entry in entries), default=1),
        "url": resources.links.build(build.project_id, build.id, f"/Timeline/{timeline_id}"),
    }


def _record(resources: Resources, build: Build, entry: TimelineEntry) -> dict[str, Any]:
    """A TimelineRecord; what is unset is null, not missing."""
    record = entry.record
    errors = sum(issue.type == "error" for issue in record.issues)
    return {
        "previousAttempts": [
            {"attempt": attempt, "timelineId": timeline, "recordId": old} for attempt, old, timeline in entry.previous
        ],
        "id": record.id,
        "parentId": record.parent_id,
        "type": record.type,
        "name": record.name,
        "startTime": wire_time(record.started),
        "finishTime": wire_time(record.finished),
        "currentOperation": record.operation,
        "percentComplete": record.percent,
        "state": record.state,
        "result": record.result,
        "resultCode": None,
        "changeId": entry.change_id,
        "lastModified": ZERO_TIME,
        "workerName": "local" if record.type in ("Job", "Task") and record.started else None,
        "queueId": 1 if record.type == "Job" else None,
        "order": record.order,
        "details": None,
        "errorCount": errors,
        "warningCount": len(record.issues) - errors,
        "url": None,
        "log": _log_reference(resources, build, entry.log_id),
        "task": _task(record.task),
        "attempt": record.attempt,
        "identifier": record.identifier,
        "issues": [
            {"type": issue.type, "category": issue.category, "message": issue.message, "data": {"type": issue.type}}
            for issue in record.issues
        ],
    }


def _log_reference(resources: Resources, build: Build, log_id: int | None) -> dict[str, Any] | None:
    if log_id is None:
        return None
    return {
        "id": log_id,
        "type": "Container",
        "url": resources.links.build(build.project_id, build.id, f"/logs/{log_id}"),
    }


def _task(task: tuple[str, str] | None) -> dict[str, Any] | None:
    if task is None:
        return None
    name, version = task
    key = _KNOWN_TASKS.get(name.casefold()) or derived_guid(_TASKS, name.casefold())
    return {"id": key, "name": name, "version": version}


def _parameters(build: Build) -> str | None:
    """Queue-time variables as a JSON text; secret ones without their values."""
    if not build.variables:
        return None
    return json.dumps({name: item.value for name, item in build.variables.items()}, separators=(",", ":"))


def _repository(repository: Repository, resources: Resources) -> dict[str, Any]:
    return {
        "id": repository.id,
        "type": "TfsGit",
        "name": repository.name,
        "url": f"{resources.links.base()}/{repository.project_id}/_git/{repository.name}",
        "defaultBranch": repository.default_branch,
        "clean": None,
        "checkoutSubmodules": False,
    }


def _links(resources: Resources, build: Build) -> dict[str, Any]:
    base = resources.links.build(build.project_id, build.id)
    return {
        "self": {"href": base},
        "web": {"href": resources.links.run_page(build.project_id, build.id)},
        "sourceVersionDisplayUri": {"href": f"{resources.links.build(build.project_id, build.id, '/sources')}"},
        "timeline": {"href": resources.links.build(build.project_id, build.id, "/Timeline")},
        "badge": {"href": f"{resources.links.base()}/{build.project_id}/_apis/build/status/{build.pipeline_id}"},
    }
