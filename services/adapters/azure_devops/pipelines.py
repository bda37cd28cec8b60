"""Implements the portal's port for YAML pipelines and classic releases."""

from __future__ import annotations

from collections.abc import Sequence

from services.adapters.azure_devops.approvals import YamlApprovals
from services.adapters.azure_devops.calls import Calls
from services.adapters.azure_devops.classic import ClassicReleases
from services.adapters.azure_devops.definitions import ReleaseDefinitions
from services.adapters.azure_devops.details import RunDetails
from services.adapters.azure_devops.environments import YamlEnvironments
from services.adapters.azure_devops.run_tests import ReadTestRuns
from services.adapters.azure_devops.runs import YamlRuns
from services.domain.releases import (
    DeploymentRecord,
    EnvironmentCheck,
    ReleaseDefinition,
    ReleaseRun,
    RunApproval,
    RunArtifact,
    RunKind,
    RunRef,
    RunStart,
    RunTests,
    TimelineItem,
)


class AzureDevOpsPipelines:
    """Implements `services.ports.pipelines.ReleasePipelines`. Thread-safe."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._runs = YamlRuns(calls)
        self._definitions = ReleaseDefinitions(calls)
        self._details = RunDetails(calls)
        self._environments = YamlEnvironments(calls)
        self._approvals = YamlApprovals(calls, self._environments)
        self._classic = ClassicReleases(calls)
        self._tests = ReadTestRuns(calls)

    def start(self, start: RunStart) -> ReleaseRun:
        """Start a run or create a release: one POST, never repeated."""
        return self._classic.start(start) if start.kind is RunKind.RELEASE else self._runs.start(start)

    def find_by_request(self, start: RunStart) -> ReleaseRun | None:
        """An earlier start with the same request id, or None."""
        if start.kind is RunKind.RELEASE:
            return self._classic.find_by_request(start)
        return self._runs.find_by_request(start)

    def find_all_by_request(self, start: RunStart) -> Sequence[ReleaseRun]:
        """All starts with the same request id, oldest first."""
        source = self._classic if start.kind is RunKind.RELEASE else self._runs
        return source.find_all_by_request(start)

    def definition(self, wanted: RunStart, run: RunRef | None = None) -> ReleaseDefinition:
        """What a run of this start would consist of; a run's own expansion holds its parameters, so it cannot serve."""
        del run
        return self._definitions.read(wanted)

    def get(self, ref: RunRef) -> ReleaseRun:
        """The run as it is now."""
        return self._classic.get(ref) if _is_classic(ref) else self._runs.get(ref)

    def get_many(self, refs: Sequence[RunRef]) -> Sequence[ReleaseRun]:
        """Current state of runs, in few calls; deleted runs are omitted."""
        yaml = self._runs.get_many([ref for ref in refs if not _is_classic(ref)])
        return [*yaml, *self._classic.get_many([ref for ref in refs if _is_classic(ref)])]

    def timeline(self, ref: RunRef) -> Sequence[TimelineItem]:
        """Stages, jobs and steps in their order."""
        return self._classic.timeline(ref) if _is_classic(ref) else self._details.timeline(ref)

    def log(self, ref: RunRef, log_id: int, *, last_lines: int = 200) -> str:
        """The tail of a log."""
        source = self._classic if _is_classic(ref) else self._details
        return source.log(ref, log_id, last_lines=last_lines)

    def tests(self, ref: RunRef) -> Sequence[RunTests]:
        """Test runs with their results."""
        if not _is_classic(ref):
            return self._tests.of_run(ref)
        created = self._classic.get(ref).created
        return self._tests.of_release(ref, created) if created else []

    def artifacts(self, ref: RunRef) -> Sequence[RunArtifact]:
        """Published artifacts; a classic release has none."""
        return [] if _is_classic(ref) else self._details.artifacts(ref)

    def approvals(self, ref: RunRef, timeline: Sequence[TimelineItem]) -> Sequence[RunApproval]:
        """Approvals that the run waits for or has had."""
        return self._classic.approvals(ref) if _is_classic(ref) else self._approvals.approvals(ref, timeline)

    def decide(self, ref: RunRef, approval_id: str, *, is_approved: bool, comment: str = "") -> None:
        """Approve or reject in Azure DevOps."""
        desk = self._classic if _is_classic(ref) else self._approvals
        desk.decide(ref, approval_id, is_approved=is_approved, comment=comment)

    def cancel(self, ref: RunRef) -> None:
        """Ask the run to stop."""
        (self._classic if _is_classic(ref) else self._runs).cancel(ref)

    def retry_stage(self, ref: RunRef, stage: str) -> None:
        """Run a failed stage again; `stage` is its identifier in the timeline."""
        (self._classic if _is_classic(ref) else self._runs).retry_stage(ref, stage)

    def add_tags(self, ref: RunRef, tags: Sequence[str]) -> None:
        """Tag the run."""
        (self._classic if _is_classic(ref) else self._runs).add_tags(ref, tags)

    def checks(self, project: str, environment: str) -> Sequence[EnvironmentCheck]:
        """Checks on an environment."""
        return self._approvals.checks(project, environment)

    def deployments(self, project: str, environment: str, *, limit: int = 50) -> Sequence[DeploymentRecord]:
        """Deployments to an environment, newest first."""
        return self._environments.deployments(project, environment, limit=limit)

    def ping(self) -> None:
        """Raise if the organization is unreachable or refuses the credentials."""
        self._calls.get("", "projects", **{"$top": "1", "api-version": "7.1"})

    def close(self) -> None:
        """Close idle connections."""
        self._calls.close()


def _is_classic(ref: RunRef) -> bool:
    return ref.kind is RunKind.RELEASE
