"""The server's side of a run: the engine's `RunJournal`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from azure_devops_server.checks.gate import Gate
from azure_devops_server.engine.journal import Checkpoint, Deployment, Record, RecordResult, TestAttachment
from azure_devops_server.events import Events
from azure_devops_server.model.build import Build
from azure_devops_server.model.checks import DeploymentRecord, Verdict
from azure_devops_server.resources import Resources
from azure_devops_server.runs.timeline import Timeline

_ATTACHMENTS = {
    "summary": "DistributedTask.Core.Summary",
    "file": "DistributedTask.Core.FileAttachment",
    "log": "DistributedTask.Core.Log",
}


class RunRecorder:
    """Keeps what a run does. `waiting` is called with True when the run begins to wait for checks, then with False."""

    def __init__(
        self,
        resources: Resources,
        events: Events,
        gate: Gate,
        build: Build,
        *,
        closing: Callable[[], bool],
        waiting: Callable[[bool], None],
    ) -> None:
        self._resources = resources
        self._events = events
        self._gate = gate
        self._state = resources.state
        self._build_id = build.id
        self._closing = closing
        self._waiting = waiting
        self.timeline = Timeline(resources.state, resources.files, build, resources.clock)

    def record(self, record: Record) -> None:
        """Keep a timeline record; tell subscribers of stages that changed."""
        before = self.timeline.put(record)
        if record.type == "Stage" and (before is None or before.record.state != record.state):
            self._events.stage_changed(self._build(), record)

    def write_log(self, record_id: str, text: str) -> None:
        """Append to a record's log."""
        self.timeline.log(record_id, text)

    def rename_run(self, build_number: str) -> None:
        """Change the build number."""
        self._change(lambda build: replace(build, number=build_number))

    def add_tag(self, tag: str) -> None:
        """Add a build tag, once."""
        self._change(lambda build: build if tag in build.tags else replace(build, tags=(*build.tags, tag)))

    def publish_tests(self, attachment: TestAttachment) -> None:
        """Read JUnit files into a test run."""
        self._resources.testing.publish(self._build(), attachment)

    def publish_artifact(self, name: str, path: Path) -> None:
        """Copy an artifact."""
        self._resources.files.keep_artifact(self._build_id, name, path, producer=self._build().plan_id)

    def upload(self, record_id: str, path: Path, *, kind: str) -> None:
        """Copy an attachment."""
        self._resources.files.keep_attachment(self._build_id, record_id, path, kind=_ATTACHMENTS.get(kind, kind))

    def deployment_started(self, deployment: Deployment) -> str:
        """Open a deployment record; a deleted environment is created again."""
        build = self._build()
        environment = self._resources.environments.ensure(build.project_id, deployment.environment, build.requested_by)
        now = self._resources.clock()
        row = DeploymentRecord(
            id=self._state.store.next_number("deployment"),
            environment_id=environment.id,
            build_id=build.id,
            stage=deployment.stage,
            job=deployment.job,
            attempt=deployment.attempt,
            queued=now,
            started=now,
        )
        return str(self._state.deployments.put(row).id)

    def deployment_finished(self, deployment_id: str, result: RecordResult) -> None:
        """Close a deployment record."""
        now = self._resources.clock()
        self._state.deployments.change(deployment_id, lambda row: replace(row, finished=now, result=result))

    def wait_for_checks(self, checkpoint: Checkpoint) -> Verdict:
        """Block until the stage's checks are decided."""
        build = self._build()
        self._waiting(True)
        self._events.stage_waiting(build, checkpoint.stage)
        try:
            return self._gate.wait(
                build, checkpoint, journal=self, cancelled=lambda: self.stage_cancelled(checkpoint.stage)
            )
        finally:
            self._waiting(False)

    def is_cancelled(self) -> bool:
        """True once the run shall end, also because the server stops."""
        return self._closing() or self._build().status == "cancelling"

    def stage_cancelled(self, stage: str) -> bool:
        """True once this stage, or the whole run, shall end."""
        return self.is_cancelled() or stage in self._build().cancelled_stages

    def _build(self) -> Build:
        build = self._state.builds.get(self._build_id)
        if build is None:
            raise LookupError(f"build {self._build_id} was deleted")
        return build

    def _change(self, edit: Callable[[Build], Build]) -> None:
        now = self._resources.clock()

        def edited(build: Build) -> Build:
            after = edit(build)
            return build if after is build else replace(after, changed=now)

        self._state.builds.change(self._build_id, edited)
