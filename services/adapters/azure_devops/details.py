"""What a run of a YAML pipeline has done: timeline, logs, test results, artifacts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.adapters.azure_devops.calls import Calls
from services.adapters.azure_devops.parse import artifact_of, item_of
from services.domain.releases import RunArtifact, RunRef, TimelineItem


class RunDetails:
    """Reads only. All methods raise UpstreamError and NotFoundError."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def timeline(self, ref: RunRef) -> Sequence[TimelineItem]:
        """Stages, jobs and steps in order; empty if there are none yet."""

        def read(client: Any) -> list[TimelineItem]:
            timeline = client.get_build_timeline(ref.project, ref.run_id)
            return [item_of(record) for record in (timeline.records or [])] if timeline else []

        return sorted(self._calls.read("build", read), key=lambda item: item.order)

    def log(self, ref: RunRef, log_id: int, *, last_lines: int = 200) -> str:
        """The tail of a log: its length is read first, so a long log is not fetched in full."""
        known = self._calls.read("build", lambda client: client.get_build_logs(ref.project, ref.run_id) or [])
        count = next((int(log.line_count or 0) for log in known if log.id == log_id), 0)
        first = max(count - last_lines, 0)
        lines = self._calls.read(
            "build",
            lambda client: client.get_build_log_lines(ref.project, ref.run_id, log_id, start_line=first or None) or [],
        )
        return "\n".join(str(line) for line in lines[-last_lines:])

    def artifacts(self, ref: RunRef) -> Sequence[RunArtifact]:
        """Published artifacts."""
        found = self._calls.read("build", lambda client: client.get_artifacts(ref.project, ref.run_id) or [])
        return [artifact_of(artifact) for artifact in found]
