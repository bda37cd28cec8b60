"""What a run of a YAML pipeline has done: timeline, logs, test results, artifacts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.adapters.azure_devops.calls import Calls
from services.adapters.azure_devops.parse import artifact_of, item_of, tests_of
from services.domain.releases import RunArtifact, RunRef, RunTests, TimelineItem

RUNS_PAGE = 100
CASES_PAGE = 1000
"""The most that one answer may hold."""
MAX_CASES = 5000
"""Read of one test run; its totals count all."""
KEPT_CASES = 500


class RunDetails:
    """Reads only. All methods raise UpstreamError and NotFoundError."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def timeline(self, ref: RunRef) -> Sequence[TimelineItem]:
        """Stages, jobs and steps in their order; empty while there is none."""

        def read(client: Any) -> list[TimelineItem]:
            timeline = client.get_build_timeline(ref.project, ref.run_id)
            return [item_of(record) for record in (timeline.records or [])] if timeline else []

        return sorted(self._calls.read("build", read), key=lambda item: item.order)

    def log(self, ref: RunRef, log_id: int, *, last_lines: int = 200) -> str:
        """The tail of a log: its length is asked for first, so a long one is not fetched whole."""
        known = self._calls.read("build", lambda client: client.get_build_logs(ref.project, ref.run_id) or [])
        count = next((int(log.line_count or 0) for log in known if log.id == log_id), 0)
        first = max(count - last_lines, 0)
        lines = self._calls.read(
            "build",
            lambda client: client.get_build_log_lines(ref.project, ref.run_id, log_id, start_line=first or None) or [],
        )
        return "\n".join(str(line) for line in lines[-last_lines:])

    def tests(self, ref: RunRef) -> Sequence[RunTests]:
        """Test runs of the run with their results; failed ones first, 500 of each run at most."""
        uri = f"vstfs:///Build/Build/{ref.run_id}"
        runs = self._numbered(
            lambda client, skip: client.get_test_runs(
                ref.project, build_uri=uri, include_run_details=True, skip=skip, top=RUNS_PAGE
            ),
            RUNS_PAGE,
        )
        return [tests_of(run, self._cases(ref.project, run.id)) for run in runs]

    def artifacts(self, ref: RunRef) -> Sequence[RunArtifact]:
        """Published artifacts."""
        found = self._calls.read("build", lambda client: client.get_artifacts(ref.project, ref.run_id) or [])
        return [artifact_of(artifact) for artifact in found]

    def _cases(self, project: str, test_run: int) -> list[Any]:
        cases = self._numbered(
            lambda client, skip: client.get_test_results(project, test_run, skip=skip, top=CASES_PAGE), CASES_PAGE
        )
        return sorted(cases, key=lambda case: case.outcome == "Passed")[:KEPT_CASES]

    def _numbered(self, call: Any, size: int) -> list[Any]:
        """Pages of the Test API, which takes how many to leave out instead of a token."""
        found: list[Any] = []
        while len(found) < MAX_CASES:
            skip = len(found)
            page = self._calls.read("test", lambda client: call(client, skip) or [])  # noqa: B023 - called at once
            found += page
            if len(page) < size:
                break
        return found
