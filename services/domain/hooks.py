"""What Azure DevOps tells (a service hook's event) and asks (a check before an environment)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True)
class HookEvent:
    """Something has happened to a run. Only a hint: the portal looks for itself."""

    id: str
    type: str
    run_number: int | None
    """As `RunRef.number`; None when the event is about no run."""
    received: datetime
    handled: datetime | None = None


class CheckState(StrEnum):
    """How far the portal is with a check."""

    WAITING = "waiting"
    """Not answered yet."""
    ANSWERED = "answered"
    """Answered; Azure DevOps does not know yet."""
    SENT = "sent"
    FAILED = "failed"
    """Azure DevOps could not be told; its own time-out ends the check."""


@dataclass(frozen=True)
class CheckIds:
    """Names a check's task in Azure DevOps: where the answer goes."""

    project_id: str
    hub: str
    plan_id: str
    job_id: str
    timeline_id: str
    task_id: str

    @property
    def key(self) -> str:
        """Unique for each evaluation."""
        return f"{self.plan_id}/{self.job_id}/{self.task_id}"


@dataclass(frozen=True)
class CheckAnswer:
    """What the portal told a check, for people."""

    environment: str
    state: CheckState
    allowed: bool | None
    """None while there is no answer."""
    told: str
    """Lines."""
    asked: datetime
    problem: str = ""


@dataclass(frozen=True)
class CheckCall:
    """An *Invoke REST API* check that asks whether a run may deploy into an environment."""

    ids: CheckIds
    build_id: int
    environment: str
    sealed_token: str
    """The job's token, encrypted; empty once it is not needed any more."""
    received: datetime
    not_before: datetime
    state: CheckState = CheckState.WAITING
    allowed: bool | None = None
    answer: str = ""
    """What Azure DevOps is told, as lines."""
    request_id: str = ""
    attempts: int = 0
    error: str = ""
