"""The engine's `RunJournal` for a classic release: tasks and logs, no timeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from azure_devops_server.engine.journal import Checkpoint, Deployment, Record, RecordResult, TestAttachment
from azure_devops_server.model.release import ReleaseDeployment, ReleaseTask
from azure_devops_server.resources import Resources

_STATUS = {
    "succeeded": "succeeded",
    "succeededWithIssues": "partiallySucceeded",
    "failed": "failed",
    "canceled": "canceled",
    "skipped": "skipped",
    "abandoned": "failed",
}


class NotInReleaseError(Exception):
    """A step asked for something that the local server has for YAML runs only."""


class DeploymentRecorder:
    """Keeps what a deployment does; a task's id is also the id of its log."""

    def __init__(self, resources: Resources, deployment: ReleaseDeployment, *, cancelled: Callable[[], bool]) -> None:
        self._resources = resources
        self._deployment = deployment
        self._cancelled = cancelled
        self._jobs: list[str | None] = []

    def record(self, record: Record) -> None:
        """Keep steps; stage and jobs have no place in a release."""
        if record.type != "Task":
            return
        with self._resources.state.store.transaction():
            known = self._task(record.id)
            if known is None:
                log = self._resources.files.new_log(f"deployment-{self._deployment.id}")
                known = ReleaseTask(id=log.id, record_id=record.id, name=record.name, rank=self._rank(record))
            status = record.state if record.state != "completed" else _STATUS[record.result or "failed"]
            self._put(
                replace(
                    known,
                    status=status,
                    started=record.started,
                    finished=record.finished,
                    issues=tuple((issue.type, issue.message) for issue in record.issues),
                )
            )

    def write_log(self, record_id: str, text: str) -> None:
        """Append to a task's log."""
        with self._resources.state.store.lock:
            task = self._task(record_id)
            log = self._resources.state.logs.get(f"deployment-{self._deployment.id}/{task.id}") if task else None
            if task and log:
                self._put(replace(task, lines=self._resources.files.append(log, text).lines))

    def rename_run(self, build_number: str) -> None:
        """A release keeps its name."""
        raise NotInReleaseError(f"The local server does not rename a classic release (to '{build_number}').")

    def add_tag(self, tag: str) -> None:
        """Add a release tag, once."""
        self._resources.state.releases.change(
            self._deployment.release_id,
            lambda row: row if tag in row.tags else replace(row, tags=(*row.tags, tag)),
        )

    def publish_tests(self, attachment: TestAttachment) -> None:
        """Read JUnit files into a test run of the release."""
        release = self._resources.release(self._deployment.release_id)
        self._resources.testing.publish_release(release, self._deployment.requested_by, attachment)

    def publish_artifact(self, name: str, path: Path) -> None:
        """Releases consume artifacts; they publish none."""
        raise NotInReleaseError(f"A classic release cannot publish the artifact '{name}' ({path.name}).")

    def upload(self, record_id: str, path: Path, *, kind: str) -> None:
        """Keep the text of an attached file in the task's log."""
        self.write_log(record_id, f"##[section]Attached {kind}: {path.name}\n")

    def deployment_started(self, deployment: Deployment) -> str:
        """Phases of a release are not deployment jobs."""
        raise NotInReleaseError(f"A classic release has no deployment job ('{deployment.job}').")

    def deployment_finished(self, deployment_id: str, result: RecordResult) -> None:
        """As above."""
        raise NotInReleaseError(f"A classic release has no deployment job ({deployment_id}: {result}).")

    def wait_for_checks(self, checkpoint: Checkpoint) -> Literal["approved"]:
        """Approvals of a release are handled before its steps."""
        del checkpoint
        return "approved"

    def is_cancelled(self) -> bool:
        """True once the environment is cancelled or the server stops."""
        return self._cancelled()

    def stage_cancelled(self, stage: str) -> bool:
        """A release's steps are one stage."""
        del stage
        return self._cancelled()

    def _rank(self, record: Record) -> int:
        """Steps in the order of their job, one job after another."""
        if record.parent_id not in self._jobs:
            self._jobs.append(record.parent_id)
        return self._jobs.index(record.parent_id) * 1000 + record.order

    def _now(self) -> ReleaseDeployment:
        return self._resources.state.release_deployments.get(self._deployment.id) or self._deployment

    def _task(self, record_id: str) -> ReleaseTask | None:
        return next((task for task in self._now().tasks if task.record_id == record_id), None)

    def _put(self, task: ReleaseTask) -> None:
        others = [item for item in self._now().tasks if item.record_id != task.record_id]
        tasks = tuple(sorted([*others, task], key=lambda item: item.rank))
        now = self._resources.clock()
        self._resources.state.release_deployments.change(
            self._deployment.id, lambda row: replace(row, tasks=tasks, modified=now)
        )
