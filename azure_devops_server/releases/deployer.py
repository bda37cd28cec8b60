"""Carry out deployments of classic releases: approvals, steps, approvals."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from azure_devops_server.engine.runner import RunContext, run_pipeline
from azure_devops_server.events import Events
from azure_devops_server.http.errors import ApiError
from azure_devops_server.http.wire import Fields
from azure_devops_server.model.release import (
    Release,
    ReleaseApproval,
    ReleaseDeployment,
    ReleaseEnvironment,
    definition_environment,
)
from azure_devops_server.releases.definitions import environment_plan
from azure_devops_server.releases.recorder import DeploymentRecorder
from azure_devops_server.releases.service import Releases, environment_of
from azure_devops_server.resources import Resources

_LOGGER = logging.getLogger(__name__)
_POLL = 0.5
_STATUS = {
    "succeeded": "succeeded",
    "partiallySucceeded": "partiallySucceeded",
    "failed": "failed",
    "canceled": "failed",
}
_OPERATION = {
    "succeeded": "phaseSucceeded",
    "partiallySucceeded": "phasePartiallySucceeded",
    "failed": "phaseFailed",
    "canceled": "canceled",
}
_ENVIRONMENT = {
    "succeeded": "succeeded",
    "partiallySucceeded": "partiallySucceeded",
    "failed": "rejected",
    "canceled": "canceled",
    "rejected": "rejected",
}


class Deployer:
    """One thread a deployment."""

    def __init__(self, resources: Resources, releases: Releases, events: Events) -> None:
        self._resources = resources
        self._releases = releases
        self._events = events
        self._closing = resources.closing
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()

    def submit(self, deployment: ReleaseDeployment) -> None:
        """Carry out a deployment in the background."""
        thread = threading.Thread(target=self._run, args=(deployment,), name=f"deployment-{deployment.id}", daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()

    def close(self, timeout: float) -> bool:
        """Cancel all deployments and wait; False if one would not end."""
        self._closing.set()
        self._resources.state.notify()
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(timeout)
        return not any(thread.is_alive() for thread in threads)

    def _run(self, deployment: ReleaseDeployment) -> None:
        try:
            _Run(self._resources, self._releases, self._events, deployment).run()
        except Exception:
            _LOGGER.exception("deployment %s broke", deployment.id)
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())


class _Run:
    """One deployment while it is carried out."""

    def __init__(self, resources: Resources, releases: Releases, events: Events, deployment: ReleaseDeployment) -> None:
        self._resources = resources
        self._releases = releases
        self._events = events
        self._state = resources.state
        self._deployment = deployment
        self._closing = resources.closing

    def run(self) -> None:
        """From the first approval to the last."""
        try:
            result = self._result()
        except Exception as error:  # noqa: BLE001  (the deployment must end and say why)
            self._change(issues=(f"The local server failed: {error}",))
            result = "failed"
        self._finish(result)

    def _result(self) -> str:
        release, environment = self._now()
        self._environment(status="inProgress")
        self._change(operation="pending")
        verdict = self._await("preDeploy")
        if verdict != "approved":
            return verdict
        self._change(operation="queuedForAgent", status="inProgress", started=self._resources.clock())
        result = self._steps(release, environment)
        self._change(operation=_OPERATION[result], status=_STATUS[result])
        if result not in ("succeeded", "partiallySucceeded"):
            return result
        self._releases.ask_side(release, environment, self._deployment.attempt, before=False)
        verdict = self._await("postDeploy")
        return result if verdict == "approved" else verdict

    def _finish(self, result: str) -> None:
        now = self._resources.clock()
        operation = {"canceled": "canceled", "rejected": "rejected"}.get(result)
        changes: dict[str, Any] = {"completed": now}
        if operation:
            changes |= {"operation": operation, "status": "failed"}
        elif result == "failed":
            changes |= {"operation": "phaseFailed", "status": "failed"}
        self._change(**changes)
        self._environment(status=_ENVIRONMENT[result])
        release, environment = self._now()
        deployment = self._state.release_deployments.get(self._deployment.id) or self._deployment
        self._events.deployment_completed(release, environment, deployment)
        if result == "succeeded" and not self._closing.is_set() and release.status == "active":
            self._releases.start_next(release.id, by=self._deployment.requested_by)

    def _await(self, kind: str) -> str:
        """Wait for one side's approvals: approved, rejected or canceled. All ranks are asked at once."""
        while True:
            with self._state.changed:
                if self._cancelled():
                    return "canceled"
                verdict = self._verdict(kind)
                if verdict:
                    return verdict
                self._state.changed.wait(_POLL)

    def _verdict(self, kind: str) -> str | None:
        rows = self._approvals(kind)
        if any(row.status == "rejected" for row in rows):
            self._skip(rows)
            return "rejected"
        release, environment = self._now()
        side = "preDeployApprovals" if kind == "preDeploy" else "postDeployApprovals"
        options = Fields(definition_environment(release, environment)[side]).object("approvalOptions")
        needed = options.number("requiredApproverCount") or len(rows)
        if sum(row.status == "approved" for row in rows) >= min(needed, len(rows)):
            self._skip(rows)
            return "approved"
        return None

    def _skip(self, rows: list[ReleaseApproval]) -> None:
        for row in rows:
            if row.status == "pending":
                self._state.release_approvals.put(replace(row, status="skipped", modified=self._resources.clock()))

    def _approvals(self, kind: str) -> list[ReleaseApproval]:
        mine = self._deployment
        return [
            row
            for row in self._state.release_approvals.within(mine.release_id)
            if row.environment_id == mine.environment_id and row.attempt == mine.attempt and row.kind == kind
        ]

    def _steps(self, release: Release, environment: ReleaseEnvironment) -> str:
        variables = self._variables(release, environment)
        try:
            plan = environment_plan(definition_environment(release, environment), variables)
        except ApiError as error:
            self._change(issues=(error.message,))
            return "failed"
        folder = self._resources.work_folder(f"deployment-{self._deployment.id}")
        source = folder / "artifacts"
        self._fetch(release, source)
        token = self._resources.identities.issue(None)
        recorder = DeploymentRecorder(self._resources, self._deployment, cancelled=self._cancelled)
        self._change(operation="phaseInProgress")
        try:
            context = RunContext(
                work_dir=folder,
                source_dir=source,
                predefined_variables=self._predefined(release, environment),
                secrets={**self._secrets(release, environment), "System.AccessToken": token},
                clock=self._resources.clock,
                seconds_per_minute=self._resources.config.seconds_per_minute,
                stop_grace=self._resources.config.stop_grace,
            )
            return run_pipeline(plan, context=context, journal=recorder).result
        finally:
            self._resources.identities.revoke(token)
            shutil.rmtree(folder, ignore_errors=True)

    def _fetch(self, release: Release, target: Path) -> None:
        """Copy the artifacts of linked builds below their alias."""
        target.mkdir(parents=True, exist_ok=True)
        for item in release.artifacts:
            reference = Fields(item).object("instanceReference")
            number, alias = reference.number("id"), Fields(item).text("alias")
            if number is None or "/" in alias or alias in ("", ".", ".."):
                continue
            for artifact in self._state.artifacts.within(number):
                source = self._resources.files.artifact_path(number, artifact.id)
                shutil.copytree(source, target / alias / artifact.name, dirs_exist_ok=True, symlinks=True)

    def _variables(self, release: Release, environment: ReleaseEnvironment) -> dict[str, str]:
        return _values(release.variables, secret=False) | _values(environment.variables, secret=False)

    def _secrets(self, release: Release, environment: ReleaseEnvironment) -> dict[str, str]:
        return _values(release.variables, secret=True) | _values(environment.variables, secret=True)

    def _predefined(self, release: Release, environment: ReleaseEnvironment) -> dict[str, str]:
        project = self._resources.project(release.project_id)
        collection = f"{self._resources.links.base()}/"
        return {
            "Build.BuildNumber": release.name,
            "Release.DefinitionId": str(release.definition_id),
            "Release.DefinitionName": str(release.snapshot.get("name", "")),
            "Release.DeploymentID": str(self._deployment.id),
            "Release.AttemptNumber": str(self._deployment.attempt),
            "Release.EnvironmentId": str(environment.id),
            "Release.EnvironmentName": environment.name,
            "Release.Reason": release.reason,
            "Release.ReleaseDescription": release.description,
            "Release.ReleaseId": str(release.id),
            "Release.ReleaseName": release.name,
            "Release.RequestedFor": self._resources.identities.get(release.created_by).name,
            "Release.RequestedForId": release.created_by,
            "System.CollectionUri": collection,
            "System.HostType": "release",
            "System.TeamFoundationCollectionUri": collection,
            "System.TeamProject": project.name,
            "System.TeamProjectId": project.id,
        }

    def _cancelled(self) -> bool:
        if self._closing.is_set():
            return True
        return self._now()[1].status == "canceled"

    def _now(self) -> tuple[Release, ReleaseEnvironment]:
        release = self._resources.release(self._deployment.release_id)
        return release, environment_of(release, self._deployment.environment_id)

    def _environment(self, **changes: Any) -> None:
        if self._now()[1].status != "canceled":
            self._releases.set_environment(self._deployment.release_id, self._deployment.environment_id, **changes)

    def _change(self, **changes: Any) -> None:
        now = self._resources.clock()
        self._state.release_deployments.change(self._deployment.id, lambda row: replace(row, modified=now, **changes))


def _values(variables: Mapping[str, Any], *, secret: bool) -> dict[str, str]:
    chosen = {name: Fields(item) for name, item in variables.items() if isinstance(item, dict)}
    return {name: item.text("value") for name, item in chosen.items() if (item.get("isSecret") is True) == secret}
