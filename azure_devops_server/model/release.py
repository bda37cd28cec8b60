"""Classic releases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

EnvironmentStatus = Literal[
    "notStarted", "inProgress", "succeeded", "canceled", "rejected", "queued", "scheduled", "partiallySucceeded"
]
ReleaseApprovalStatus = Literal["pending", "approved", "rejected", "canceled", "skipped"]


@dataclass(frozen=True)
class ReleaseDefinition:
    """A classic release definition; `body` is what the client gave, with ids filled in."""

    id: int
    project_id: str
    name: str
    revision: int
    body: Mapping[str, Any]
    created_by: str
    created: datetime
    modified: datetime


@dataclass(frozen=True)
class ReleaseTask:
    """One step of a deployment as it ran."""

    id: int
    record_id: str
    name: str
    rank: int
    status: str = "pending"
    started: datetime | None = None
    finished: datetime | None = None
    issues: tuple[tuple[str, str], ...] = ()
    """Type and message."""
    lines: int = 0


@dataclass(frozen=True)
class ReleaseDeployment:
    """One attempt to deploy a release to one of its environments."""

    id: int
    release_id: int
    environment_id: int
    attempt: int
    requested_by: str
    queued: datetime
    modified: datetime
    plan_id: str
    status: str = "notDeployed"
    operation: str = "queued"
    started: datetime | None = None
    completed: datetime | None = None
    reason: str = "manual"
    tasks: tuple[ReleaseTask, ...] = ()
    issues: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReleaseApproval:
    """An approval before or after a deployment."""

    id: int
    release_id: int
    environment_id: int
    kind: Literal["preDeploy", "postDeploy"]
    approver_id: str | None
    """None for an automated one."""
    attempt: int
    rank: int
    created: datetime
    modified: datetime
    status: ReleaseApprovalStatus = "pending"
    comments: str = ""
    approved_by: str | None = None
    revision: int = 1


@dataclass(frozen=True)
class ReleaseEnvironment:
    """A release's copy of an environment of its definition."""

    id: int
    definition_environment_id: int
    name: str
    rank: int
    status: EnvironmentStatus
    created: datetime
    modified: datetime
    variables: Mapping[str, Any] = field(default_factory=dict)
    is_manual: bool = False
    trigger_reason: str = ""


@dataclass(frozen=True)
class Release:
    """A classic release."""

    id: int
    project_id: str
    definition_id: int
    name: str
    created_by: str
    created: datetime
    modified: datetime
    environments: tuple[ReleaseEnvironment, ...]
    snapshot: Mapping[str, Any]
    """The definition as it was when the release was created."""
    status: Literal["draft", "active", "abandoned"] = "active"
    description: str = ""
    reason: str = "manual"
    artifacts: tuple[Mapping[str, Any], ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


def definition_environment(release: Release, environment: ReleaseEnvironment) -> Mapping[str, Any]:
    """What the definition, as it was, says about an environment."""
    wanted = environment.definition_environment_id
    found: Mapping[str, Any] = next(item for item in release.snapshot["environments"] if item["id"] == wanted)
    return found
