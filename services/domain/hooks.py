"""Calls from Azure DevOps: events of service hooks, and checks on environments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True)
class HookEvent:
    """A run changed. Only a hint: the portal reads the run's state itself."""

    id: str
    type: str
    run_number: int | None
    """As `RunRef.number`; None if the event does not concern a run."""
    received: datetime
    handled: datetime | None = None


class CheckState(StrEnum):
    """The portal's progress with a check."""

    WAITING = "waiting"
    """Not answered yet."""
    ANSWERED = "answered"
    """Answered, but Azure DevOps has not been notified yet."""
    SENT = "sent"
    FAILED = "failed"
    """Azure DevOps could not be notified; its time-out ends the check."""


@dataclass(frozen=True)
class CheckIds:
    """Identifies a check's task in Azure DevOps, which receives the answer."""

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
    """The portal's answer to a check, for people."""

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
    """The job's token, encrypted; empty once it is no longer needed."""
    received: datetime
    not_before: datetime
    state: CheckState = CheckState.WAITING
    allowed: bool | None = None
    answer: str = ""
    """The answer sent to Azure DevOps, as lines."""
    request_id: str = ""
    attempts: int = 0
    error: str = ""
