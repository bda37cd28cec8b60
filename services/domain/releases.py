"""A release: one run of an Azure DevOps pipeline, with stages, jobs, steps, logs and test results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class RunState(StrEnum):
    """Azure DevOps' Run.state."""

    UNKNOWN = "unknown"
    IN_PROGRESS = "inProgress"
    CANCELING = "canceling"
    COMPLETED = "completed"

    @property
    def in_words(self) -> str:
        """For people: ``in progress``."""
        return {"unknown": "in an unknown state", "inProgress": "in progress"}.get(self.value, self.value)


class RunResult(StrEnum):
    """Azure DevOps' Run.result, and partiallySucceeded as builds know it."""

    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    PARTIALLY_SUCCEEDED = "partiallySucceeded"
    FAILED = "failed"
    CANCELED = "canceled"


class RunKind(StrEnum):
    """Kind of a release: a YAML pipeline run or a classic release."""

    PIPELINE = "pipeline"
    RELEASE = "release"


@dataclass(frozen=True)
class RunRef:
    """Identifies a pipeline run, or a classic release (then `pipeline_id` is its definition)."""

    project: str
    pipeline_id: int
    run_id: int
    kind: RunKind = RunKind.PIPELINE

    @property
    def number(self) -> int:
        """Identifies the run within its project; negative for classic releases, whose ids may equal those of runs."""
        return self.run_id if self.kind is RunKind.PIPELINE else -self.run_id

    @classmethod
    def of(cls, project: str, pipeline_id: int, number: int) -> RunRef:
        """The reference that has this `number`."""
        return cls(project, pipeline_id, abs(number), RunKind.PIPELINE if number > 0 else RunKind.RELEASE)


@dataclass(frozen=True)
class ReleaseRun:
    """A pipeline run."""

    ref: RunRef
    name: str
    state: RunState
    result: RunResult | None
    created: datetime | None = None
    finished: datetime | None = None
    web_url: str = ""
    pipeline_name: str = ""
    source_version: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()

    @property
    def is_finished(self) -> bool:
        """True if the result is final."""
        return self.state is RunState.COMPLETED


@dataclass(frozen=True)
class TimelineItem:
    """One record of the timeline, with the server's names."""

    id: str
    parent_id: str | None
    type: str
    """Stage, Phase, Job, Task, Checkpoint, Checkpoint.Approval, Checkpoint.TaskCheck, …"""
    name: str
    state: str
    result: str | None
    order: int = 0
    attempt: int = 1
    identifier: str = ""
    started: datetime | None = None
    finished: datetime | None = None
    log_id: int | None = None
    issues: tuple[str, ...] = ()
    percent: int | None = None


@dataclass(frozen=True)
class RunTestCase:
    """One test of a run."""

    name: str
    outcome: str
    duration_ms: float | None = None
    message: str = ""


@dataclass(frozen=True)
class RunTests:
    """One test run that belongs to a pipeline run."""

    id: int
    title: str
    total: int
    passed: int
    failed: int
    web_url: str = ""
    cases: tuple[RunTestCase, ...] = ()
    skipped: int | None = None
    """Not applicable or not executed; None in data stored before this was read."""


@dataclass(frozen=True)
class RunArtifact:
    """A published pipeline artifact."""

    name: str
    download_url: str = ""
    size: int | None = None


@dataclass(frozen=True)
class RunApproval:
    """An approval of a YAML pipeline's environment."""

    id: str
    status: str
    assigned_to: tuple[str, ...] = ()
    decided_by: tuple[str, ...] = ()
    comment: str = ""
    created: datetime | None = None
    subject: str = ""
    """The approved stage or environment, if Azure DevOps reports it."""


@dataclass(frozen=True)
class EnvironmentCheck:
    """A check on an environment of a YAML pipeline."""

    id: int
    kind: str
    """Approval, Task Check, …"""
    name: str
    timeout_minutes: int | None = None


@dataclass(frozen=True)
class DeploymentRecord:
    """One deployment to an environment, as recorded by Azure DevOps."""

    id: int
    environment_id: int
    run_id: int | None
    pipeline: str
    stage: str
    job: str
    result: str | None
    queued: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None


@dataclass(frozen=True)
class ReleaseDetail:
    """A run with everything that the release page shows."""

    run: ReleaseRun
    timeline: tuple[TimelineItem, ...] = ()
    tests: tuple[RunTests, ...] = ()
    artifacts: tuple[RunArtifact, ...] = ()
    approvals: tuple[RunApproval, ...] = ()


@dataclass(frozen=True)
class ReleaseDefinition:
    """What a release consists of at one commit, as far as Azure DevOps shows it."""

    commit: str | None
    """The commit that the run is started at; None where the repository does not tell it."""
    yaml_digest: str | None
    """``sha256:…`` over the pipeline's YAML with all its templates, expanded with fixed parameters."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Of the pipeline and of the variable groups that the YAML names; a secret has no value here."""
    connections: Mapping[str, str] = field(default_factory=dict)
    """Service connections that the YAML names: name to id and address."""
    environments: tuple[str, ...] = ()
    """Environments that the YAML deploys into."""
    unsealed: tuple[str, ...] = ()
    """What could not be read, in words."""

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values, as the plan seals them."""
        return {
            "commit": self.commit,
            "yaml_digest": self.yaml_digest,
            "variables": dict(self.variables),
            "connections": dict(self.connections),
            "environments": list(self.environments),
            "unsealed": list(self.unsealed),
        }


@dataclass(frozen=True)
class RunStart:
    """The input to start a pipeline exactly once."""

    project: str
    pipeline_id: int
    branch: str
    request_id: str
    """Included in the template parameters and the run's name, so an earlier start can be found."""
    parameters: Mapping[str, str]
    asked_at: datetime
    kind: RunKind = RunKind.PIPELINE
    commit: str | None = None
    """Start at exactly this commit of the branch; None: at its head."""
