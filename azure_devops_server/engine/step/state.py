"""What the parts of a running pipeline share."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from azure_devops_server.engine.context import RunContext
from azure_devops_server.engine.expressions.values import Value
from azure_devops_server.engine.journal import RecordResult, RunJournal
from azure_devops_server.engine.outcome import JobOutcome, StageOutcome
from azure_devops_server.engine.plan import InstancePlan, JobPlan, PipelinePlan, StagePlan
from azure_devops_server.engine.step.masking import Masker
from azure_devops_server.engine.step.process import Processes
from azure_devops_server.engine.step.records import Recorder
from azure_devops_server.engine.step.variables import Variables


@dataclass
class RunState:
    """One run: written by stages that run side by side, each under its own name."""

    plan: PipelinePlan
    context: RunContext
    journal: RunJournal
    masker: Masker
    recorder: Recorder
    slots: threading.Semaphore
    stages: dict[str, StageOutcome] = field(default_factory=dict)


@dataclass
class StageState:
    """One stage of a run."""

    run: RunState
    plan: StagePlan
    record_id: str
    jobs: dict[str, JobOutcome] = field(default_factory=dict)
    ignores_run: bool = False
    """True for a stage whose condition held although the run was cancelled already; it then runs as any other."""
    ignores_stage: bool = False
    """As `ignores_run`, for a stage that was cancelled itself before it started."""

    def cancelled(self) -> bool:
        """True once the run or this stage is to be cancelled."""
        journal = self.run.journal
        by_run = not self.ignores_run and journal.is_cancelled()
        return by_run or (not self.ignores_stage and journal.stage_cancelled(self.plan.name))


@dataclass(frozen=True)
class Folders:
    """The folders of a job, as the real agent has them."""

    workspace: Path

    @property
    def sources(self) -> Path:
        """``Build.SourcesDirectory``."""
        return self.workspace / "s"

    @property
    def staging(self) -> Path:
        """``Build.ArtifactStagingDirectory``."""
        return self.workspace / "a"

    @property
    def binaries(self) -> Path:
        """``Build.BinariesDirectory``."""
        return self.workspace / "b"

    @property
    def test_results(self) -> Path:
        """``Common.TestResultsDirectory``."""
        return self.workspace / "TestResults"

    @property
    def temp(self) -> Path:
        """``Agent.TempDirectory``; emptied when the job ends."""
        return self.workspace / "_temp"

    @property
    def tools(self) -> Path:
        """``Agent.ToolsDirectory``."""
        return self.workspace / "_tool"

    def make(self) -> None:
        """Create them."""
        for folder in (self.sources, self.staging, self.binaries, self.test_results, self.temp, self.tools):
            folder.mkdir(parents=True, exist_ok=True)


@dataclass
class JobState:
    """One job on its (pretended) agent. Used by one thread."""

    stage: StageState
    plan: JobPlan
    instance: InstancePlan
    identifier: str
    record_id: str
    folders: Folders
    variables: Variables
    names: Mapping[str, Value]
    """``parameters`` and the dependencies, for conditions."""
    processes: Processes
    status: RecordResult = "succeeded"
    ignores_cancel: bool = False
    """True for jobs whose condition held although the run was cancelled already."""
    deadline: float | None = None
    cancelled_at: float | None = None
    out_of_time: bool = False
    """True if the time limit, not a person, stopped the job."""
    outputs: dict[str, str] = field(default_factory=dict)
    secret_outputs: set[str] = field(default_factory=set)
    prepended: list[str] = field(default_factory=list)

    @property
    def run(self) -> RunState:
        """The run."""
        return self.stage.run

    def cancelled(self) -> bool:
        """True once this job is to stop: cancelled from outside, or out of time."""
        if self.cancelled_at is None:
            self.out_of_time = self.deadline is not None and self.run.context.monotonic() >= self.deadline
            if self.out_of_time or (not self.ignores_cancel and self.stage.cancelled()):
                self.cancelled_at = self.run.context.monotonic()
        return self.cancelled_at is not None

    def must_end(self) -> bool:
        """True once even steps that run on after a cancel must stop (``cancelTimeoutInMinutes``)."""
        if self.cancelled_at is None:
            return False
        context = self.run.context
        return context.monotonic() >= self.cancelled_at + context.seconds(self.plan.cancel_timeout_minutes)
