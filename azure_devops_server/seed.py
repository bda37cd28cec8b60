"""Fill a server before it is used: projects, repositories, pipelines, environments with checks, releases.

Works on the `Organization` of a server in the same process (`AzureDevOpsServer.organization`), started or not.
Everything is there only once: a second call with the same names gives what the first made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azure_devops_server.http.wire import Fields
from azure_devops_server.model.build import Pipeline, PipelineVariable
from azure_devops_server.model.checks import (
    APPROVAL_TYPE,
    INVOKE_REST_API,
    TASK_CHECK_TYPE,
    CheckConfiguration,
    Environment,
)
from azure_devops_server.model.core import Identity, Project, Repository, ServiceEndpoint
from azure_devops_server.model.release import ReleaseDefinition
from azure_devops_server.organization import Organization
from azure_devops_server.outbound import check_target
from azure_devops_server.releases.definitions import read_definition
from azure_devops_server.values import new_guid


@dataclass(frozen=True)
class ApprovalCheck:
    """An approval on an environment; `approvers` are names of people, the administrator where there is none."""

    approvers: Sequence[str] = ()
    minimum: int = 0
    in_sequence: bool = False
    requester_may_approve: bool = True
    instructions: str = ""
    timeout_minutes: int = 43_200


@dataclass(frozen=True)
class RestCheck:
    """An *Invoke REST API* check on an environment; `endpoint` is the name of a service connection."""

    endpoint: str
    name: str = "Portal gate"
    url_suffix: str = ""
    method: str = "POST"
    headers: str = ""
    body: str = ""
    callback: bool = True
    success_criteria: str = ""
    retry_minutes: int = 0
    timeout_minutes: int = 1440


def project(org: Organization, name: str, description: str = "") -> Project:
    """A project with a repository of the same name."""
    return org.create_project(name, description)


def person(org: Organization, name: str, *, token: str = "") -> Identity:
    """A person, with a personal access token if one is given."""
    return org.identities.person(name, token=token)


def repository(org: Organization, project_name: str, folder: Path, *, name: str = "", message: str = "Import") -> str:
    """Commit a folder's files to a repository of a project (by default the one of its name); the commit id."""
    owner = _project(org, project_name)
    row = org.create_repository(owner.id, name or owner.name)
    return org.git(row).commit_folder(folder, branch=row.default_branch, message=message)


def pipeline(
    org: Organization,
    project_name: str,
    name: str,
    path: str,
    *,
    repository_name: str = "",
    folder: str = "\\",
    variables: Mapping[str, PipelineVariable] | None = None,
) -> Pipeline:
    """A pipeline from a YAML file of a repository."""
    owner = _project(org, project_name)
    for row in org.state.pipelines.within(owner.id):
        if row.name.casefold() == name.casefold():
            return row
    return org.state.pipelines.put(
        Pipeline(
            id=org.state.store.next_number("pipeline"),
            project_id=owner.id,
            name=name,
            folder=folder,
            path="/" + path.lstrip("/"),
            repository_id=_repository(org, owner, repository_name).id,
            created=org.clock(),
            author_id=org.identities.administrator.id,
            variables=dict(variables or {}),
        )
    )


def endpoint(
    org: Organization, project_name: str, name: str, url: str, *, username: str = "", password: str = ""
) -> ServiceEndpoint:
    """A generic service connection; one of the same name gets the new address and credentials."""
    owner = _project(org, project_name)
    known = next((row for row in org.state.endpoints.within(owner.id) if row.name == name), None)
    return org.state.endpoints.put(
        ServiceEndpoint(
            id=known.id if known else new_guid(),
            project_id=owner.id,
            name=name,
            type="generic",
            url=check_target(url),
            username=username,
            password=password,
        )
    )


def environment(
    org: Organization, project_name: str, name: str, checks: Sequence[ApprovalCheck | RestCheck] = ()
) -> Environment:
    """An environment; its checks are replaced by those given."""
    owner = _project(org, project_name)
    row = org.environments.ensure(owner.id, name, org.identities.administrator.id)
    for old in org.state.checks.within(owner.id):
        if old.resource_type == "environment" and old.resource_id == str(row.id):
            org.state.checks.delete(old.id)
    for check in checks:
        approval = isinstance(check, ApprovalCheck)
        settings = _approval(org, check) if isinstance(check, ApprovalCheck) else _rest(org, owner, check)
        org.state.checks.put(
            CheckConfiguration(
                id=org.state.store.next_number("check"),
                project_id=owner.id,
                type_id=APPROVAL_TYPE if approval else TASK_CHECK_TYPE,
                resource_type="environment",
                resource_id=str(row.id),
                settings=settings,
                timeout_minutes=check.timeout_minutes,
                created_by=org.identities.administrator.id,
                created=org.clock(),
                modified=org.clock(),
            )
        )
    return row


def release_definition(org: Organization, project_name: str, body: Mapping[str, Any]) -> ReleaseDefinition:
    """A classic release definition from the body that its API takes."""
    owner, now = _project(org, project_name), org.clock()
    document = read_definition(Fields(body))
    for row in org.state.release_definitions.within(owner.id):
        if row.name.casefold() == document["name"].casefold():
            return row
    return org.state.release_definitions.put(
        ReleaseDefinition(
            id=org.state.store.next_number("release-definition"),
            project_id=owner.id,
            name=document["name"],
            revision=1,
            body=document,
            created_by=org.identities.administrator.id,
            created=now,
            modified=now,
        )
    )


def _project(org: Organization, name: str) -> Project:
    found = org.state.project(name)
    if found is None:
        raise LookupError(f"project '{name}' does not exist")
    return found


def _repository(org: Organization, owner: Project, name: str) -> Repository:
    wanted = (name or owner.name).casefold()
    for row in org.state.repositories.within(owner.id):
        if row.name.casefold() == wanted:
            return row
    raise LookupError(f"repository '{name}' does not exist in project '{owner.name}'")


def _approval(org: Organization, check: ApprovalCheck) -> dict[str, Any]:
    people = [org.identities.person(name) for name in check.approvers] or [org.identities.administrator]
    return {
        "approvers": [{"id": row.id, "displayName": row.name} for row in people],
        "executionOrder": "inSequence" if check.in_sequence else "anyOrder",
        "minRequiredApprovers": check.minimum,
        "instructions": check.instructions,
        "blockedApprovers": [],
        "requesterCannotBeApprover": not check.requester_may_approve,
    }


def _rest(org: Organization, owner: Project, check: RestCheck) -> dict[str, Any]:
    return {
        "displayName": check.name,
        "definitionRef": {"id": INVOKE_REST_API, "name": "InvokeRESTAPI", "version": "1.274.1"},
        "inputs": {
            "connectedServiceNameSelector": "connectedServiceName",
            "connectedServiceName": org.endpoint(owner.id, check.endpoint).id,
            "method": check.method,
            "headers": check.headers,
            "body": check.body,
            "urlSuffix": check.url_suffix,
            "waitForCompletion": "true" if check.callback else "false",
            "successCriteria": check.success_criteria,
        },
        "retryInterval": check.retry_minutes,
    }
