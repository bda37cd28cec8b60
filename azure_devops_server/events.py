"""The events of service hooks, in the shapes that the service documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from azure_devops_server.engine.journal import Record
from azure_devops_server.model.build import Build
from azure_devops_server.model.hooks import BUILD_COMPLETE, DEPLOYMENT_COMPLETED, RUN_STATE, STAGE_STATE, Event
from azure_devops_server.model.release import Release, ReleaseDeployment, ReleaseEnvironment
from azure_devops_server.resources import Resources
from azure_devops_server.show.build import show_build
from azure_devops_server.show.release import show_environment, show_project_reference
from azure_devops_server.show.run import show_pipeline_reference, show_run_event

_STAGE_STATES = {"pending": "NotStarted", "inProgress": "Running", "completed": "Completed"}
_DEPLOYMENT_BITS = {"succeeded": "4", "canceled": "8", "rejected": "16", "partiallySucceeded": "128"}


class Events:
    """Makes events and hands them to the subscriptions."""

    def __init__(self, resources: Resources, *, publish: Callable[[Event], None]) -> None:
        self._resources = resources
        self._publish = publish

    def run_changed(self, build: Build, state: str) -> None:
        """A run is InProgress, Canceling or Completed."""
        filters = {"pipelineId": str(build.pipeline_id), "runStateId": state}
        if build.result and state == "Completed":
            filters["runResultId"] = "failed" if build.result == "partiallySucceeded" else build.result
        text = f"Run {build.number} {state.lower()}"
        self._publish(Event(RUN_STATE, build.project_id, text, filters, lambda _: self._run_resource(build)))

    def stage_changed(self, build: Build, record: Record) -> None:
        """A stage's record changed its state."""
        self._stage(build, record.identifier, record.name, _STAGE_STATES[record.state], record.result)

    def stage_waiting(self, build: Build, stage: str) -> None:
        """A stage waits for its checks."""
        self._stage(build, stage, stage, "Waiting", None)

    def build_completed(self, build: Build) -> None:
        """A run has ended: both as a run and as a build."""
        self.run_changed(build, "Completed")
        status = {"canceled": "Stopped"}.get(
            build.result or "", (build.result or "")[:1].upper() + (build.result or "")[1:]
        )
        pipeline = self._resources.pipeline(build.pipeline_id)
        filters = {"definitionName": pipeline.name, "buildStatus": status}
        text = f"Build {build.number} {status.lower()}"
        self._publish(Event(BUILD_COMPLETE, build.project_id, text, filters, lambda v: self._build_resource(build, v)))

    def deployment_completed(
        self, release: Release, environment: ReleaseEnvironment, deployment: ReleaseDeployment
    ) -> None:
        """A classic release's deployment has ended."""
        filters = {
            "releaseDefinitionId": str(release.definition_id),
            "releaseEnvironmentId": str(environment.definition_environment_id),
            "releaseEnvironmentStatus": _DEPLOYMENT_BITS.get(environment.status, ""),
        }
        text = f"Deployment of release {release.name} to environment {environment.name} {environment.status}."
        self._publish(
            Event(
                DEPLOYMENT_COMPLETED,
                release.project_id,
                text,
                filters,
                lambda _: self._deployment_resource(release, environment, deployment),
            )
        )

    def _stage(self, build: Build, identifier: str, name: str, state: str, result: str | None) -> None:
        filters = {"pipelineId": str(build.pipeline_id), "stageNameId": identifier, "stageStateId": state}
        if result:
            filters["stageResultId"] = result
        text = f"Run {build.number}, stage {name}: {state}"

        def resource(_: str) -> dict[str, Any]:
            stage = {"id": identifier, "name": identifier, "displayName": name, "state": state[:1].lower() + state[1:]}
            return {"stage": stage | ({"result": result} if result else {}), **self._run_resource(build)}

        self._publish(Event(STAGE_STATE, build.project_id, text, filters, resource))

    def _run_resource(self, build: Build) -> dict[str, Any]:
        pipeline = self._resources.pipeline(build.pipeline_id)
        return {
            "run": show_run_event(self._resources, build),
            "pipeline": show_pipeline_reference(self._resources, pipeline),
        }

    def _build_resource(self, build: Build, version: str) -> dict[str, Any]:
        document = show_build(self._resources, build)
        if version != "1.0":
            return document
        return {
            "id": build.id,
            "buildNumber": build.number,
            "uri": document["uri"],
            "url": document["url"],
            "startTime": document.get("startTime"),
            "finishTime": document.get("finishTime"),
            "reason": build.reason,
            "status": {"canceled": "stopped"}.get(build.result or "", build.result),
            "definition": document["definition"],
            "requests": [{"id": build.id, "url": document["url"], "requestedFor": document["requestedFor"]}],
        }

    def _deployment_resource(
        self, release: Release, environment: ReleaseEnvironment, deployment: ReleaseDeployment
    ) -> dict[str, Any]:
        return {
            "environment": show_environment(self._resources, release, environment),
            "project": show_project_reference(self._resources, release.project_id),
            "deployment": {"id": deployment.id, "attempt": deployment.attempt},
        }
