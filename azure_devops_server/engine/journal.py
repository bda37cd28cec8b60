"""What the pipeline engine tells the server, and what it asks of it.

The engine (this folder) expands the YAML and runs the steps; the server (one folder up) keeps the state that
clients read. `RunJournal` is the only tie between the two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

RecordType = Literal["Stage", "Phase", "Job", "Task", "Checkpoint", "Checkpoint.Approval", "Checkpoint.TaskCheck"]
RecordState = Literal["pending", "inProgress", "completed"]
RecordResult = Literal["succeeded", "succeededWithIssues", "failed", "canceled", "skipped", "abandoned"]
RunResult = Literal["succeeded", "partiallySucceeded", "failed", "canceled"]


@dataclass(frozen=True)
class Issue:
    """An error or warning of a step (`##vso[task.logissue]`, or the engine's own)."""

    type: Literal["error", "warning"]
    message: str
    category: str = "General"


@dataclass(frozen=True)
class Record:
    """One line of a build timeline, as in the Build API's TimelineRecord; times are UTC."""

    id: str
    type: RecordType
    name: str
    identifier: str
    """Stable over attempts, for example ``Deploy.DeployProd.Job``; a stage's is its refName."""
    parent_id: str | None = None
    order: int = 1
    attempt: int = 1
    state: RecordState = "pending"
    result: RecordResult | None = None
    started: datetime | None = None
    finished: datetime | None = None
    percent: int | None = None
    operation: str | None = None
    issues: tuple[Issue, ...] = ()
    task: tuple[str, str] | None = None
    """Name and version of the task, for records of type Task."""


@dataclass(frozen=True)
class TestAttachment:
    """What `PublishTestResults@2` hands over: JUnit files that exist on disk."""

    title: str
    files: tuple[Path, ...]
    stage: str = ""
    job: str = ""


@dataclass(frozen=True)
class Deployment:
    """A deployment job that targets an environment."""

    environment: str
    stage: str
    job: str
    attempt: int = 1


@dataclass(frozen=True)
class Checkpoint:
    """The protected resources that a stage wants before it may start."""

    stage_record_id: str
    stage: str
    environments: tuple[str, ...] = field(default=())


class RunJournal(Protocol):
    """The server's side of a run. All methods are thread-safe; all but `wait_for_checks` return at once."""

    def record(self, record: Record) -> None:
        """Insert or replace a timeline record by id."""

    def write_log(self, record_id: str, text: str) -> None:
        """Append text (whole lines, secrets already masked) to the log of a record."""

    def rename_run(self, build_number: str) -> None:
        """`name:` of the YAML once known, or `##vso[build.updatebuildnumber]`."""

    def add_tag(self, tag: str) -> None:
        """`##vso[build.addbuildtag]`."""

    def publish_tests(self, attachment: TestAttachment) -> None:
        """Create test runs and results from JUnit files."""

    def publish_artifact(self, name: str, path: Path) -> None:
        """Keep a file or folder as a pipeline artifact (copied before this returns)."""

    def upload(self, record_id: str, path: Path, *, kind: str) -> None:
        """Keep a file attached by `##vso[task.uploadsummary|uploadfile]`."""

    def deployment_started(self, deployment: Deployment) -> str:
        """Open an environment deployment record; returns its id."""

    def deployment_finished(self, deployment_id: str, result: RecordResult) -> None:
        """Close an environment deployment record."""

    def wait_for_checks(self, checkpoint: Checkpoint) -> Literal["approved", "rejected", "skipped", "canceled"]:
        """Block until all checks of the environments are decided or timed out, or the run is cancelled."""

    def is_cancelled(self) -> bool:
        """True once a cancel was requested for the run."""

    def stage_cancelled(self, stage: str) -> bool:
        """True once a cancel was requested for this stage."""
