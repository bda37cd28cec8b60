"""YAML pipelines of Azure DevOps: start exactly once, find, follow, read.

There is no idempotency key in the protocol. The request id travels as a template parameter and stands first in the
run's name, so an earlier start is found by name and confirmed by its parameters; a start is never sent twice by us.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from services.adapters.azure_devops.calls import Calls
from services.adapters.azure_devops.parse import approval_of, artifact_of, item_of, run_of, tests_of
from services.domain.releases import (
    ReleaseRun,
    RunApproval,
    RunArtifact,
    RunRef,
    RunStart,
    RunTests,
    TimelineItem,
)
from services.errors import PortalError

CLOCK_SKEW = timedelta(minutes=5)
CASES_LIMIT = 500
APPROVALS_VERSION = "7.1-preview.1"


class AzureDevOpsPipelines:
    """Implements `services.ports.ReleasePipelines`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def start(self, start: RunStart) -> ReleaseRun:
        """Start a run: one POST, no retry. Raises UnknownOutcomeError, UpstreamRefusedError."""
        body = {
            "resources": {"repositories": {"self": {"refName": start.branch}}},
            "templateParameters": {k: as_parameter(v) for k, v in start.parameters.items()},
        }
        client = self._pipelines()
        run = self._calls.sdk(
            lambda: run_of(
                client.run_pipeline(body, start.project, start.pipeline_id), start.project, start.pipeline_id
            ),
            is_write=True,
        )
        with contextlib.suppress(PortalError):  # the tag is a convenience; the run is found by name and parameters
            self.add_tags(run.ref, [f"req-{start.request_id}"])
        return run

    def find_by_request(self, start: RunStart) -> ReleaseRun | None:
        """An earlier start: by the run's name first, then among all recent runs of the pipeline."""
        named = self._candidates(start, build_number=f"{start.request_id}-*")
        found = self._confirmed(start, named)
        if found is not None:
            return found
        rest = [i for i in self._candidates(start) if i not in set(named)]
        return self._confirmed(start, rest)

    def get(self, ref: RunRef) -> ReleaseRun:
        """The run as it is now."""
        client = self._pipelines()
        return self._calls.sdk(
            lambda: run_of(client.get_run(ref.project, ref.pipeline_id, ref.run_id), ref.project, ref.pipeline_id)
        )

    def timeline(self, ref: RunRef) -> Sequence[TimelineItem]:
        """Stages, jobs and steps in their order; empty while there is none."""
        client = self._builds()

        def read() -> list[TimelineItem]:
            timeline = client.get_build_timeline(ref.project, ref.run_id)
            return [item_of(record) for record in (timeline.records or [])] if timeline else []

        return sorted(self._calls.sdk(read), key=lambda item: item.order)

    def log(self, ref: RunRef, log_id: int, *, last_lines: int = 200) -> str:
        """The tail of a log."""
        client = self._builds()
        lines = self._calls.sdk(lambda: client.get_build_log_lines(ref.project, ref.run_id, log_id) or [])
        return "\n".join(str(line) for line in lines[-last_lines:])

    def tests(self, ref: RunRef) -> Sequence[RunTests]:
        """Test runs of the run with their results."""
        client = self._tests()

        def read() -> list[RunTests]:
            uri = f"vstfs:///Build/Build/{ref.run_id}"
            runs = client.get_test_runs(ref.project, build_uri=uri, include_run_details=True) or []
            return [tests_of(run, client.get_test_results(ref.project, run.id, top=CASES_LIMIT) or []) for run in runs]

        return self._calls.sdk(read)

    def artifacts(self, ref: RunRef) -> Sequence[RunArtifact]:
        """Published artifacts."""
        client = self._builds()
        return self._calls.sdk(lambda: [artifact_of(a) for a in client.get_artifacts(ref.project, ref.run_id) or []])

    def approvals(self, ref: RunRef) -> Sequence[RunApproval]:
        """Approvals of the run: the timeline's records of that type carry their ids."""
        ids = [item.id for item in self.timeline(ref) if item.type == "Checkpoint.Approval"]
        if not ids:
            return []
        answer = self._calls.get(
            ref.project, "pipelines/approvals",
            **{"approvalIds": ",".join(ids), "$expand": "steps", "api-version": APPROVALS_VERSION},
        )  # fmt: skip
        return [approval_of(value) for value in (answer or {}).get("value", [])]

    def cancel(self, ref: RunRef) -> None:
        """Ask the run to stop; it ends a little later."""
        from azure.devops.v7_1.build.models import Build

        client = self._builds()
        self._calls.sdk(lambda: client.update_build(Build(status="cancelling"), ref.project, ref.run_id), is_write=True)

    def retry_stage(self, ref: RunRef, stage: str) -> None:
        """Run a failed stage again, with its failed jobs."""
        from azure.devops.v7_1.build.models import UpdateStageParameters

        client, wanted = self._builds(), UpdateStageParameters(state="retry", force_retry_all_jobs=False)
        self._calls.sdk(lambda: client.update_stage(wanted, ref.run_id, stage, ref.project), is_write=True)

    def add_tags(self, ref: RunRef, tags: Sequence[str]) -> None:
        """Tag the run; the body form, since a colon in a path is refused."""
        client = self._builds()
        self._calls.sdk(lambda: client.add_build_tags(list(tags), ref.project, ref.run_id), is_write=True)

    def ping(self) -> None:
        """Raise when the organization cannot be reached or refuses the credentials."""
        self._calls.get("", "projects", **{"$top": "1", "api-version": "7.1"})

    def _candidates(self, start: RunStart, *, build_number: str | None = None) -> list[int]:
        client, since = self._builds(), start.asked_at - CLOCK_SKEW

        def read() -> list[int]:
            builds = client.get_builds(
                start.project, definitions=[start.pipeline_id], build_number=build_number, min_time=since,
                query_order="queueTimeDescending", top=200,
            )  # fmt: skip
            return [int(build.id) for build in builds or []]

        return self._calls.sdk(read)

    def _confirmed(self, start: RunStart, run_ids: Sequence[int]) -> ReleaseRun | None:
        for run_id in run_ids:
            run = self.get(RunRef(start.project, start.pipeline_id, run_id))
            if run.parameters.get("requestId") == start.request_id:
                return run
        return None

    def _pipelines(self) -> Any:
        from azure.devops.v7_1.pipelines.pipelines_client import PipelinesClient

        return self._calls.client(PipelinesClient)

    def _builds(self) -> Any:
        from azure.devops.v7_1.build.build_client import BuildClient

        return self._calls.client(BuildClient)

    def _tests(self) -> Any:
        from azure.devops.v7_1.test.test_client import TestClient

        return self._calls.client(TestClient)


def as_parameter(value: Any) -> str:
    """A template parameter: the API takes strings; booleans and objects in JSON's spelling, not Python's."""
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":")) if isinstance(value, bool | Mapping | list) else str(value)
