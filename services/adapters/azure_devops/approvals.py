"""Approvals and checks of YAML pipelines. The SDK has no client for approvals, so these are plain calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.adapters.azure_devops.calls import Calls
from services.adapters.azure_devops.environments import YamlEnvironments
from services.adapters.azure_devops.parse import approval_of, check_of
from services.domain.releases import EnvironmentCheck, RunApproval, RunRef, TimelineItem

APPROVALS_VERSION = "7.1-preview.1"
CHECKS_VERSION = "7.1-preview.1"
IDS_PAGE = 50
WAITING = "Checkpoint.Approval"


class YamlApprovals:
    """All methods raise UpstreamError and NotFoundError."""

    def __init__(self, calls: Calls, environments: YamlEnvironments) -> None:
        self._calls = calls
        self._environments = environments

    def approvals(self, ref: RunRef, timeline: Sequence[TimelineItem]) -> Sequence[RunApproval]:
        """Approvals of the run: the timeline's records of that type carry their ids."""
        subjects = _subjects(timeline)
        ids, found = list(subjects), []
        for first in range(0, len(ids), IDS_PAGE):
            found += self._read(ref.project, ids[first : first + IDS_PAGE])
        return [approval_of(value, subjects.get(str(value.get("id")), "")) for value in found]

    def decide(self, ref: RunRef, approval_id: str, *, is_approved: bool, comment: str = "") -> None:
        """Approve or reject; the portal's account must be an approver of the environment."""
        wanted = {
            "approvalId": approval_id,
            "status": "approved" if is_approved else "rejected",
            "comment": comment,
        }
        self._calls.send("PATCH", ref.project, "pipelines/approvals", [wanted], **{"api-version": APPROVALS_VERSION})

    def checks(self, project: str, environment: str) -> Sequence[EnvironmentCheck]:
        """Checks on an environment."""
        number = self._environments.id_of(project, environment)
        answer = self._calls.get(
            project, "pipelines/checks/configurations",
            **{"resourceType": "environment", "resourceId": str(number), "$expand": "settings",
               "api-version": CHECKS_VERSION},
        )  # fmt: skip
        return [check_of(value) for value in answer["value"]]

    def _read(self, project: str, ids: Sequence[str]) -> list[Any]:
        answer = self._calls.get(
            project, "pipelines/approvals",
            **{"approvalIds": ",".join(ids), "$expand": "steps", "api-version": APPROVALS_VERSION},
        )  # fmt: skip
        return list((answer or {}).get("value") or [])


def _subjects(timeline: Sequence[TimelineItem]) -> dict[str, str]:
    """Stage names by approval id: an approval belongs to a checkpoint, which belongs to a stage."""
    by_id = {item.id: item for item in timeline}
    found: dict[str, str] = {}
    for item in timeline:
        if item.type == WAITING:
            above = by_id.get(item.parent_id or "")
            stage = by_id.get(above.parent_id or "") if above else None
            found[item.id] = stage.name if stage else ""
    return found
