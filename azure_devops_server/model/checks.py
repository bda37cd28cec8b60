"""Environments, their checks, approvals, deployments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

ApprovalStatus = Literal["pending", "approved", "rejected", "skipped", "canceled", "timedOut"]
CheckStatus = Literal["queued", "running", "approved", "rejected", "canceled", "timedOut", "failed"]

APPROVAL_TYPE = "8c6f20a7-a545-4486-9777-f762fafe0d4d"
TASK_CHECK_TYPE = "fe1de3ee-a436-41b4-bb20-f6eb4cb879a7"
INVOKE_REST_API = "9c3e8943-130d-4c78-ac63-8af81df62dfb"


@dataclass(frozen=True)
class Environment:
    """A deployment target that stages name."""

    id: int
    project_id: str
    name: str
    description: str
    created_by: str
    created: datetime
    modified_by: str
    modified: datetime


@dataclass(frozen=True)
class DeploymentRecord:
    """One deployment job's use of an environment."""

    id: int
    environment_id: int
    build_id: int
    stage: str
    job: str
    attempt: int
    queued: datetime
    started: datetime
    finished: datetime | None = None
    result: str | None = None


@dataclass(frozen=True)
class CheckConfiguration:
    """A check on a resource (here: environments)."""

    id: int
    project_id: str
    type_id: str
    resource_type: str
    resource_id: str
    settings: Mapping[str, Any]
    timeout_minutes: int
    created_by: str
    created: datetime
    modified: datetime
    version: int = 1
    is_disabled: bool = False


@dataclass(frozen=True)
class ApprovalStep:
    """One approver's part of an approval."""

    approver_id: str
    status: ApprovalStatus
    order: int
    initiated: datetime | None
    modified: datetime | None = None
    modified_by: str | None = None
    actual_id: str | None = None
    comment: str = ""
    history: tuple[tuple[str, datetime, str, str], ...] = ()
    """Reassignments: to whom, when, by whom, comment."""


@dataclass(frozen=True)
class Approval:
    """A running or decided approval of a stage; its id is that of its timeline record."""

    id: str
    project_id: str
    check_id: int
    suite_id: str
    build_id: int | None
    status: ApprovalStatus
    steps: tuple[ApprovalStep, ...]
    created: datetime
    modified: datetime
    minimum: int
    in_sequence: bool
    instructions: str
    requester_blocked: bool


@dataclass(frozen=True)
class CheckRun:
    """One check's evaluation within a suite."""

    id: str
    check_id: int
    status: CheckStatus
    created: datetime
    completed: datetime | None = None
    message: str = ""


@dataclass(frozen=True)
class CheckSuite:
    """All checks that one stage waits for; its id is that of the Checkpoint record."""

    id: str
    project_id: str
    build_id: int | None
    stage: str
    status: CheckStatus
    runs: tuple[CheckRun, ...]
    created: datetime
    completed: datetime | None = None
    message: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CheckTask:
    """One call-out of an *Invoke REST API* check, known to callers by its plan id."""

    plan_id: str
    job_id: str
    timeline_id: str
    task_id: str
    project_id: str
    build_id: int | None
    record_id: str
    token_digest: str
    created: datetime
    result: str | None = None
    """What the callback said; None while it is awaited or where none is wanted."""
    closed: bool = False
    """Set once nothing waits for it any more: a late callback is refused."""


Verdict = Literal["approved", "rejected", "skipped", "canceled"]
