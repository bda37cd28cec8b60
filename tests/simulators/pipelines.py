"""Azure DevOps in memory: starts that may lose their answer, runs that end when told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.domain.releases import (
    DeploymentRecord,
    EnvironmentCheck,
    ReleaseDefinition,
    ReleaseRun,
    RunApproval,
    RunArtifact,
    RunRef,
    RunResult,
    RunStart,
    RunState,
    RunTestCase,
    RunTests,
    TimelineItem,
)
from services.errors import NotFoundError, UnknownOutcomeError, UpstreamRefusedError, UpstreamUnavailableError
from tests.simulators.basics import START


class PipelinesSimulator:
    """Implements ReleasePipelines."""

    def __init__(self) -> None:
        self.started: list[ReleaseRun] = []
        self.starts: list[RunStart] = []
        self.ends_with: RunResult | None = RunResult.SUCCEEDED
        self.looks_until_end = 1
        self.lose_answers = 0
        self.drop_requests = 0
        self.refuse = False
        self.is_down = False
        self.cancelled: list[RunRef] = []
        self.waiting: list[RunApproval] = []
        self.decided: list[tuple[str, bool, str]] = []
        self.tags: dict[int, tuple[str, ...]] = {}
        self.defined = ReleaseDefinition(
            "c" * 40, "sha256:" + "1" * 64, {"region": "west"}, {"portal": "id-1 https://portal"}, ("production",)
        )

    def start(self, start: RunStart) -> ReleaseRun:
        self._answer()
        if self.refuse:
            raise UpstreamRefusedError("The pipeline refuses the parameters.", system="azure_devops")
        if self.drop_requests:
            self.drop_requests -= 1
            raise UnknownOutcomeError("The connection was lost.", system="azure_devops")
        ref = RunRef(start.project, start.pipeline_id, 100 + len(self.started), start.kind)
        run = ReleaseRun(
            ref, f"{start.request_id}-1", RunState.IN_PROGRESS, None, START, None,
            f"http://127.0.0.1/run/{ref.run_id}", "release-model", source_version=self.defined.commit or "",
            parameters={**start.parameters},
        )  # fmt: skip
        self.started.append(run)
        self.starts.append(start)
        if self.lose_answers:
            self.lose_answers -= 1
            raise UnknownOutcomeError("The answer was lost.", system="azure_devops")
        return run

    def definition(self, wanted: RunStart, run: RunRef | None = None) -> ReleaseDefinition:
        self._answer()
        return self.defined

    def find_by_request(self, start: RunStart) -> ReleaseRun | None:
        found = self.find_all_by_request(start)
        return found[0] if found else None

    def find_all_by_request(self, start: RunStart) -> Sequence[ReleaseRun]:
        self._answer()
        marks = [made.request_id for made in self.starts]
        return [run for run, mark in zip(self.started, marks, strict=True) if mark == start.request_id]

    def get(self, ref: RunRef) -> ReleaseRun:
        self._answer()
        for index, run in enumerate(self.started):
            if run.ref == ref:
                self.looks_until_end -= 1
                if self.looks_until_end <= 0 and self.ends_with and not run.is_finished:
                    run = replace(run, state=RunState.COMPLETED, result=self.ends_with, finished=START)  # noqa: PLW2901
                    self.started[index] = run
                return run
        raise NotFoundError("no such run")

    def get_many(self, refs: Sequence[RunRef]) -> Sequence[ReleaseRun]:
        known = {run.ref for run in self.started}
        return [self.get(ref) for ref in refs if ref in known]

    def timeline(self, ref: RunRef) -> Sequence[TimelineItem]:
        return [TimelineItem("1", None, "Stage", "Test", "completed", "succeeded", 1)]

    def log(self, ref: RunRef, log_id: int, *, last_lines: int = 200) -> str:
        return "line\n"

    def tests(self, ref: RunRef) -> Sequence[RunTests]:
        return [RunTests(1, "Smoke test", 1, 1, 0, "", (RunTestCase("row 1", "Passed", 12.0),))]

    def artifacts(self, ref: RunRef) -> Sequence[RunArtifact]:
        return []

    def approvals(self, ref: RunRef, timeline: Sequence[TimelineItem]) -> Sequence[RunApproval]:
        return self.waiting

    def decide(self, ref: RunRef, approval_id: str, *, is_approved: bool, comment: str = "") -> None:
        self._answer()
        self.decided.append((approval_id, is_approved, comment))

    def checks(self, project: str, environment: str) -> Sequence[EnvironmentCheck]:
        return []

    def deployments(self, project: str, environment: str, *, limit: int = 50) -> Sequence[DeploymentRecord]:
        self._answer()
        return [DeploymentRecord(1, 3, 100, "release-model", "Production", "Deploy", None)] if environment else []

    def cancel(self, ref: RunRef) -> None:
        self._answer()
        self.cancelled.append(ref)
        for index, run in enumerate(self.started):
            if run.ref == ref and not run.is_finished:
                self.started[index] = replace(run, state=RunState.COMPLETED, result=RunResult.CANCELED, finished=START)

    def retry_stage(self, ref: RunRef, stage: str) -> None:
        self._answer()

    def add_tags(self, ref: RunRef, tags: Sequence[str]) -> None:
        self._answer()
        self.tags[ref.number] = (*self.tags.get(ref.number, ()), *tags)
        self.started[:] = [replace(run, tags=self.tags.get(run.ref.number, ())) for run in self.started]

    def ping(self) -> None:
        self._answer()

    def _answer(self) -> None:
        if self.is_down:
            raise UpstreamUnavailableError("Azure DevOps cannot be reached.", system="azure_devops")
