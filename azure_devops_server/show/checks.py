"""Environments, deployments, checks and approvals as JSON."""

from __future__ import annotations

from typing import Any

from azure_devops_server.model.checks import (
    APPROVAL_TYPE,
    Approval,
    ApprovalStep,
    CheckConfiguration,
    CheckSuite,
    DeploymentRecord,
    Environment,
)
from azure_devops_server.resources import Resources
from azure_devops_server.show.core import show_identity
from azure_devops_server.values import wire_time, without_none

_BUILD_SERVICE_OWNER = "00025394-6065-48ca-87d9-7f5672854ef7"


def show_environment(resources: Resources, environment: Environment, *, with_resources: bool = False) -> dict[str, Any]:
    """An EnvironmentInstance."""
    project = resources.project(environment.project_id)
    document: dict[str, Any] = {
        "id": environment.id,
        "name": environment.name,
        "description": environment.description,
        "createdBy": show_identity(resources, environment.created_by),
        "createdOn": wire_time(environment.created),
        "lastModifiedBy": show_identity(resources, environment.modified_by),
        "lastModifiedOn": wire_time(environment.modified),
    }
    if with_resources:
        document["resources"] = []
    return document | {"project": {"id": project.id, "name": project.name}}


def show_deployment_record(resources: Resources, row: DeploymentRecord) -> dict[str, Any]:
    """An EnvironmentDeploymentExecutionRecord."""
    build = resources.build(row.build_id)
    pipeline = resources.pipeline(build.pipeline_id)
    run_url = resources.links.api(build.project_id, f"pipelines/{pipeline.id}/runs/{build.id}")
    return without_none(
        {
            "id": row.id,
            "requestIdentifier": f"{row.stage}.{row.job}.{row.attempt}",
            "environmentId": row.environment_id,
            "serviceOwner": _BUILD_SERVICE_OWNER,
            "scopeId": build.project_id,
            "planType": "Build",
            "planId": build.plan_id,
            "stageName": row.stage,
            "jobName": row.job,
            "stageAttempt": row.attempt,
            "jobAttempt": row.attempt,
            "definition": {
                "_links": {
                    "web": {"href": resources.links.pipeline_page(build.project_id, pipeline.id)},
                    "self": {"href": resources.links.api(build.project_id, f"build/Definitions/{pipeline.id}")},
                },
                "id": pipeline.id,
                "name": pipeline.name,
            },
            "owner": {
                "_links": {
                    "web": {"href": resources.links.run_page(build.project_id, build.id)},
                    "self": {"href": run_url},
                },
                "id": build.id,
                "name": build.number,
            },
            "result": row.result,
            "queueTime": wire_time(row.queued),
            "startTime": wire_time(row.started),
            "finishTime": wire_time(row.finished),
        }
    )


def show_check_reference(resources: Resources, check: CheckConfiguration) -> dict[str, Any]:
    """A CheckConfigurationRef."""
    return {
        "id": check.id,
        "type": {"id": check.type_id, "name": "Approval" if check.type_id == APPROVAL_TYPE else "Task Check"},
        "url": _check_url(resources, check),
        "resource": _resource(resources, check),
    }


def show_check(resources: Resources, check: CheckConfiguration, *, settings: bool) -> dict[str, Any]:
    """A CheckConfiguration; its settings only where asked for (`$expand=settings`)."""
    document: dict[str, Any] = {}
    if settings:
        document["settings"] = _settings(resources, check)
    return document | {
        "createdBy": show_identity(resources, check.created_by),
        "createdOn": wire_time(check.created),
        "modifiedBy": show_identity(resources, check.created_by),
        "modifiedOn": wire_time(check.modified),
        "timeout": check.timeout_minutes,
        "isDisabled": check.is_disabled,
        "_links": {"self": {"href": _check_url(resources, check)}},
        **show_check_reference(resources, check),
    }


def show_suite(resources: Resources, suite: CheckSuite) -> dict[str, Any]:
    """A CheckSuite with its runs."""
    runs = []
    for run in suite.runs:
        check = resources.state.checks.get(run.check_id)
        runs.append(
            without_none(
                {
                    "id": run.id,
                    "status": run.status,
                    "resultMessage": run.message or None,
                    "createdDate": wire_time(run.created),
                    "completedDate": wire_time(run.completed),
                    "checkConfigurationRef": show_check_reference(resources, check) if check else None,
                }
            )
        )
    url = resources.links.api(suite.project_id, f"pipelines/checks/runs/{suite.id}")
    return without_none(
        {
            "id": suite.id,
            "context": dict(suite.context),
            "status": suite.status,
            "message": suite.message or None,
            "completedDate": wire_time(suite.completed),
            "checkRuns": runs,
            "_links": {"self": {"href": url}},
        }
    )


def show_approval(resources: Resources, approval: Approval, *, steps: bool, permissions: bool) -> dict[str, Any]:
    """An Approval; its steps only where asked for (`$expand=steps`)."""
    build = resources.state.builds.get(approval.build_id) if approval.build_id else None
    blocked = [show_identity(resources, build.requested_by)] if build and approval.requester_blocked else []
    document: dict[str, Any] = {
        "id": approval.id,
        "steps": [_step(resources, step, permissions=permissions) for step in approval.steps] if steps else [],
        "status": approval.status,
        "createdOn": wire_time(approval.created),
        "lastModifiedOn": wire_time(approval.modified),
        "executionOrder": "inSequence" if approval.in_sequence else "anyOrder",
        "minRequiredApprovers": approval.minimum,
        "blockedApprovers": blocked,
    }
    if approval.instructions:
        document["instructions"] = approval.instructions
    if permissions:
        document["permissions"] = "view"
    if build:
        document["pipeline"] = _pipeline(resources, build.id)
    url = resources.links.api(approval.project_id, f"pipelines/approvals/{approval.id}")
    return document | {"_links": {"self": {"href": url}}}


def _pipeline(resources: Resources, build_id: int) -> dict[str, Any]:
    build = resources.build(build_id)
    pipeline = resources.pipeline(build.pipeline_id)
    return {
        "owner": {
            "_links": {
                "web": {"href": resources.links.run_page(build.project_id, build.id)},
                "self": {"href": resources.links.build(build.project_id, build.id)},
            },
            "id": build.id,
            "name": build.number,
        },
        "id": str(pipeline.id),
        "name": pipeline.name,
    }


def _step(resources: Resources, step: ApprovalStep, *, permissions: bool) -> dict[str, Any]:
    return without_none(
        {
            "assignedApprover": show_identity(resources, step.approver_id),
            "actualApprover": show_identity(resources, step.actual_id) if step.actual_id else None,
            "status": step.status if step.initiated or step.status != "pending" else "uninitiated",
            "comment": step.comment or None,
            "lastModifiedOn": wire_time(step.modified or step.initiated),
            "order": step.order,
            "lastModifiedBy": show_identity(resources, step.modified_by or step.approver_id),
            "initiatedOn": wire_time(step.initiated),
            "permissions": "view" if permissions else None,
            "history": [
                {
                    "assignedTo": show_identity(resources, to),
                    "createdBy": show_identity(resources, by),
                    "createdOn": wire_time(moment),
                    "comment": comment,
                }
                for to, moment, by, comment in step.history
            ],
        }
    )


def _settings(resources: Resources, check: CheckConfiguration) -> dict[str, Any]:
    settings = dict(check.settings)
    if check.type_id == APPROVAL_TYPE:
        settings["approvers"] = [show_identity(resources, item.get("id")) for item in settings.get("approvers", [])]
    return settings


def _resource(resources: Resources, check: CheckConfiguration) -> dict[str, Any]:
    environment = resources.state.environments.get(check.resource_id)
    document = {"type": check.resource_type, "id": check.resource_id}
    return document | ({"name": environment.name} if environment else {})


def _check_url(resources: Resources, check: CheckConfiguration) -> str:
    return resources.links.api(check.project_id, f"pipelines/checks/configurations/{check.id}")
