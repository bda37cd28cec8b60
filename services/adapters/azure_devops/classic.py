"""Classic releases: create once, find an earlier one, follow its environments, approve, reject, stop, repeat.

The release's description names the request, so an earlier creation is found by it; the parameters go as variables that
the definition must allow at release time. Environments without automatic triggers wait for a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from services.adapters.azure_devops.calls import Calls
from services.adapters.azure_devops.classic_parse import (
    ACTIVE,
    approvals_of,
    release_of,
    release_timeline,
    tasks_with_logs,
)
from services.adapters.azure_devops.runs import as_parameter
from services.adapters.azure_devops.sdk import load
from services.domain.releases import ReleaseRun, RunApproval, RunRef, RunStart, TimelineItem
from services.errors import InvalidInputError, NotFoundError

CLOCK_SKEW = timedelta(minutes=5)
PAGE = 100
MODELS = "azure.devops.v7_1.release.models"


class ClassicReleases:
    """All methods raise UpstreamError and NotFoundError."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def start(self, start: RunStart) -> ReleaseRun:
        """Create a release: one POST, never repeated."""
        models = load(MODELS)
        values = {
            name: models.ConfigurationVariableValue(value=as_parameter(v)) for name, v in start.parameters.items()
        }
        wanted = models.ReleaseStartMetadata(
            definition_id=start.pipeline_id, description=_description(start), reason="manual", variables=values
        )
        return self._calls.write(
            "release", lambda client: release_of(client.create_release(wanted, start.project), start.project)
        )

    def find_by_request(self, start: RunStart) -> ReleaseRun | None:
        """An earlier release with the request in its description; the oldest where there are several."""
        return next(self._found(start), None)

    def find_all_by_request(self, start: RunStart) -> Sequence[ReleaseRun]:
        """All releases with the request in their description, oldest first."""
        return list(self._found(start))

    def _found(self, start: RunStart) -> Iterator[ReleaseRun]:
        pages = self._calls.pages(
            "release",
            lambda client, token: client.get_releases(
                start.project, definition_id=start.pipeline_id, min_created_time=start.asked_at - CLOCK_SKEW,
                query_order="ascending", top=PAGE, continuation_token=token,
            ),
        )  # fmt: skip
        for page in pages:
            for row in page:
                if row.description == _description(start):
                    yield self._read(start.project, int(row.id))

    def get(self, ref: RunRef) -> ReleaseRun:
        """The release as it is now."""
        return self._read(ref.project, ref.run_id)

    def get_many(self, refs: Sequence[RunRef]) -> Sequence[ReleaseRun]:
        """One call each: the list of releases omits their environments."""
        found = []
        for ref in refs:
            try:
                found.append(self.get(ref))
            except NotFoundError:
                continue
        return found

    def timeline(self, ref: RunRef) -> Sequence[TimelineItem]:
        """Environments as stages, with the jobs and tasks of their last deployment."""
        return release_timeline(self._release(ref))

    def log(self, ref: RunRef, log_id: int, *, last_lines: int = 200) -> str:
        """The tail of a task's log."""
        place = tasks_with_logs(self._release(ref)).get(log_id)
        if place is None:
            raise NotFoundError("The release has no such log.", hint="Reload the page.")
        environment, phase, task = place

        def read(client: Any) -> str:
            chunks = client.get_task_log(ref.project, ref.run_id, environment, phase, task)
            return b"".join(chunks).decode("utf-8-sig", "replace")

        return "\n".join(self._calls.read("release", read).splitlines()[-last_lines:])

    def approvals(self, ref: RunRef) -> Sequence[RunApproval]:
        """Approvals before and after each environment, only those of people."""
        return approvals_of(self._release(ref))

    def decide(self, ref: RunRef, approval_id: str, *, is_approved: bool, comment: str = "") -> None:
        """Approve or reject; the portal's account must be the approver."""
        status = "approved" if is_approved else "rejected"
        wanted = load(MODELS).ReleaseApproval(status=status, comments=comment)
        number = _number(approval_id, "approval")
        self._calls.write("release", lambda client: client.update_release_approval(wanted, ref.project, number))

    def cancel(self, ref: RunRef) -> None:
        """Cancel what is running, then abandon the release, so that nothing follows."""
        release = self._release(ref)
        models = load(MODELS)
        for environment in release.environments or []:
            if environment.status in ACTIVE:
                self._set_environment(ref, int(environment.id), "canceled", "Cancelled in Countersign")
        wanted = models.ReleaseUpdateMetadata(status="abandoned", comment="Cancelled in Countersign")
        self._calls.write("release", lambda client: client.update_release_resource(wanted, ref.project, ref.run_id))

    def retry_stage(self, ref: RunRef, stage: str) -> None:
        """Deploy an environment again; `stage` is its number."""
        self._set_environment(ref, _number(stage, "environment"), "inProgress", "Repeated in Countersign")

    def add_tags(self, ref: RunRef, tags: Sequence[str]) -> None:
        """Tag the release."""
        self._calls.write("release", lambda client: client.add_release_tags(list(tags), ref.project, ref.run_id))

    def _set_environment(self, ref: RunRef, environment: int, status: str, comment: str) -> None:
        wanted = load(MODELS).ReleaseEnvironmentUpdateMetadata(status=status, comment=comment)
        self._calls.write(
            "release",
            lambda client: client.update_release_environment(wanted, ref.project, ref.run_id, environment),
        )

    def _read(self, project: str, release_id: int) -> ReleaseRun:
        return self._calls.read("release", lambda client: release_of(client.get_release(project, release_id), project))

    def _release(self, ref: RunRef) -> Any:
        return self._calls.read("release", lambda client: _present(client.get_release(ref.project, ref.run_id)))


def _present(release: Any) -> Any:
    if release is None or not release.id:
        raise ValueError("an empty release")
    return release


def _description(start: RunStart) -> str:
    return f"Countersign request {start.request_id}"


def _number(text: str, what: str) -> int:
    if not text.isdecimal():
        raise InvalidInputError(f"{text[:40]!r} is not a valid {what} of a release.", hint="Reload the page.")
    return int(text)
