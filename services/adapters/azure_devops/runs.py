"""YAML pipelines: start once, find an earlier start, read, cancel, retry a stage.

The protocol has no idempotency key. The request id is sent as a template parameter and comes first in the
run's name, so an earlier start is found by name and confirmed by its parameters; the portal never sends a start twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from services.adapters.azure_devops.calls import Calls
from services.adapters.azure_devops.parse import run_of, run_of_build
from services.adapters.azure_devops.sdk import load
from services.domain.releases import ReleaseRun, RunRef, RunStart

CLOCK_SKEW = timedelta(minutes=5)
PAGE = 200
"""Builds per call; their ids are in the URL, so more would make it too long."""
REQUEST = "requestId"


class YamlRuns:
    """Runs of YAML pipelines. All methods raise UpstreamError and NotFoundError."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def start(self, start: RunStart) -> ReleaseRun:
        """Start a run: one POST, never repeated."""
        source = {"refName": start.branch} | ({"version": start.commit} if start.commit else {})
        body = {
            "resources": {"repositories": {"self": source}},
            "templateParameters": {name: as_parameter(value) for name, value in start.parameters.items()},
        }
        project, pipeline = start.project, start.pipeline_id
        return self._calls.write(
            "pipelines", lambda client: run_of(client.run_pipeline(body, project, pipeline), project, pipeline)
        )

    def find_by_request(self, start: RunStart) -> ReleaseRun | None:
        """An earlier start: by the run's name first, then among all recent runs; the oldest where there are several."""
        return next(self._found(start), None)

    def find_all_by_request(self, start: RunStart) -> Sequence[ReleaseRun]:
        """All runs that carry the request's id, oldest first."""
        return sorted(self._found(start), key=lambda run: run.ref.run_id)

    def _found(self, start: RunStart) -> Iterator[ReleaseRun]:
        asked: set[int] = set()
        for build_number in (f"{start.request_id}-*", None):
            yield from self._confirmed(start, self._candidates(start, build_number), asked)

    def get(self, ref: RunRef) -> ReleaseRun:
        """The run as it is now."""
        project, pipeline, run_id = ref.project, ref.pipeline_id, ref.run_id
        return self._calls.read(
            "pipelines", lambda client: run_of(client.get_run(project, pipeline, run_id), project, pipeline)
        )

    def get_many(self, refs: Sequence[RunRef]) -> Sequence[ReleaseRun]:
        """Runs as the Build API lists them: one call for up to 200 of a project."""
        found: list[ReleaseRun] = []
        for project in sorted({ref.project for ref in refs}):
            ids = sorted({ref.run_id for ref in refs if ref.project == project})
            for first in range(0, len(ids), PAGE):
                found += self._builds(project, ids[first : first + PAGE])
        return found

    def cancel(self, ref: RunRef) -> None:
        """Cancel the run; it ends a little later."""
        wanted = load("azure.devops.v7_1.build.models").Build(status="cancelling")
        self._calls.write("build", lambda client: client.update_build(wanted, ref.project, ref.run_id))

    def retry_stage(self, ref: RunRef, stage: str) -> None:
        """Retry a failed stage, with its failed jobs; `stage` is the identifier in the timeline."""
        models = load("azure.devops.v7_1.build.models")
        wanted = models.UpdateStageParameters(state="retry", force_retry_all_jobs=False)
        self._calls.write("build", lambda client: client.update_stage(wanted, ref.run_id, stage, ref.project))

    def add_tags(self, ref: RunRef, tags: Sequence[str]) -> None:
        """Tag the run; the body form, since a colon in a path is refused."""
        self._calls.write("build", lambda client: client.add_build_tags(list(tags), ref.project, ref.run_id))

    def _builds(self, project: str, ids: Sequence[int]) -> Sequence[ReleaseRun]:
        builds = self._calls.read("build", lambda client: client.get_builds(project, build_ids=list(ids)) or [])
        return [run_of_build(build, project) for build in builds]

    def _candidates(self, start: RunStart, build_number: str | None) -> Iterator[Any]:
        """Builds of the pipeline since the start was requested, all pages, oldest first within a page."""
        pages = self._calls.pages(
            "build",
            lambda client, token: client.get_builds(
                start.project, definitions=[start.pipeline_id], build_number=build_number,
                min_time=start.asked_at - CLOCK_SKEW, status_filter="all", query_order="queueTimeAscending", top=PAGE,
                continuation_token=token,
            ),
        )  # fmt: skip
        return (build for page in pages for build in page)

    def _confirmed(self, start: RunStart, builds: Iterator[Any], asked: set[int]) -> Iterator[ReleaseRun]:
        """Those whose parameters carry the request id; asked singly where the list leaves them out."""
        for build in builds:
            given = build.template_parameters
            if build.id in asked or (given and given.get(REQUEST) != start.request_id):
                continue
            asked.add(build.id)
            run = self.get(RunRef(start.project, start.pipeline_id, int(build.id)))
            if run.parameters.get(REQUEST) == start.request_id:
                yield run


def as_parameter(value: Any) -> str:
    """A template parameter: the API takes strings; booleans and objects in JSON's spelling, not Python's."""
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":")) if isinstance(value, bool | Mapping | list) else str(value)
