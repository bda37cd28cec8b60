"""The pipelines and runs that release models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.domain.releases import (
    DeploymentRecord,
    EnvironmentCheck,
    ReleaseDefinition,
    ReleaseRun,
    RunApproval,
    RunArtifact,
    RunRef,
    RunStart,
    RunTests,
    TimelineItem,
)


class ReleasePipelines(Protocol):
    """Releases in Azure DevOps: YAML pipelines and classic releases (`RunRef.kind`)."""

    def start(self, start: RunStart) -> ReleaseRun:
        """Start a run; sent once. Raises UnknownOutcomeError without an answer."""

    def definition(self, wanted: RunStart, run: RunRef | None = None) -> ReleaseDefinition:
        """What a run of this start would consist of, at its commit or else at the head of its branch.

        Given a run: what that one consists of, where the server keeps it; else what its commit expands to now.
        """

    def find_by_request(self, start: RunStart) -> ReleaseRun | None:
        """An earlier start with the same request id, or None."""

    def find_all_by_request(self, start: RunStart) -> Sequence[ReleaseRun]:
        """All starts with the same request id, oldest first."""

    def get(self, ref: RunRef) -> ReleaseRun:
        """The run as it is now."""

    def get_many(self, refs: Sequence[RunRef]) -> Sequence[ReleaseRun]:
        """Current state of runs, in few calls; deleted runs are omitted."""

    def timeline(self, ref: RunRef) -> Sequence[TimelineItem]:
        """Stages, jobs and steps; empty if there are none yet."""

    def log(self, ref: RunRef, log_id: int, *, last_lines: int = 200) -> str:
        """The tail of a log."""

    def tests(self, ref: RunRef) -> Sequence[RunTests]:
        """Test runs and their results that belong to the run."""

    def artifacts(self, ref: RunRef) -> Sequence[RunArtifact]:
        """Published artifacts."""

    def approvals(self, ref: RunRef, timeline: Sequence[TimelineItem]) -> Sequence[RunApproval]:
        """Approvals that the run waits for or has had; a YAML pipeline's timeline names them."""

    def decide(self, ref: RunRef, approval_id: str, *, is_approved: bool, comment: str = "") -> None:
        """Approve or reject in Azure DevOps, as the portal's account."""

    def cancel(self, ref: RunRef) -> None:
        """Ask the run to stop."""

    def retry_stage(self, ref: RunRef, stage: str) -> None:
        """Run a failed stage again."""

    def add_tags(self, ref: RunRef, tags: Sequence[str]) -> None:
        """Tag the run."""

    def checks(self, project: str, environment: str) -> Sequence[EnvironmentCheck]:
        """Checks on an environment. Raises NotFoundError for an unknown environment."""

    def deployments(self, project: str, environment: str, *, limit: int = 50) -> Sequence[DeploymentRecord]:
        """Deployments to an environment, newest first. Raises NotFoundError for an unknown environment."""

    def ping(self) -> None:
        """Raise if the organization is unreachable or refuses the credentials."""
