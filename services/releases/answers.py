"""Answers of the releases use case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.domain.hooks import CheckAnswer
from services.domain.identity.people import Actor
from services.domain.releases import DeploymentRecord, ReleaseDetail


@dataclass(frozen=True)
class ReleaseRow:
    """One line of the list of releases."""

    project: str
    run_id: int
    name: str
    state: str
    result: str | None
    model: str | None
    version: int | None
    environment: str | None
    request_id: str | None
    created: datetime | None
    seen: datetime


@dataclass(frozen=True)
class ReleasePage:
    """A page of releases."""

    rows: tuple[ReleaseRow, ...]
    total: int
    page: int
    page_size: int


@dataclass(frozen=True)
class ReleaseView:
    """A release as last seen, with the snapshot's age."""

    row: ReleaseRow
    detail: ReleaseDetail
    is_live: bool
    """False if Azure DevOps is unavailable and the snapshot is old."""
    problem: str = ""
    checks: tuple[CheckAnswer, ...] = ()
    """The portal's answers to checks of this run, oldest first."""


class Releases(Protocol):
    """Pipeline runs, live or as last seen."""

    def find(self, *, text: str = "", page: int = 1) -> ReleasePage:
        """Releases, newest first, from the portal's own database."""

    def view(self, project: str, run_id: int) -> ReleaseView:
        """One release, from Azure DevOps with a short time-out, else the stored snapshot. NotFoundError."""

    def log_tail(self, project: str, run_id: int, log_id: int, *, lines: int = 200) -> str:
        """The end of a log. Raises UpstreamError."""

    def cancel(self, actor: Actor, project: str, run_id: int) -> None:
        """Cancel the run. Raises NotAllowedError, UpstreamError."""

    def retry_stage(self, actor: Actor, project: str, run_id: int, stage: str) -> None:
        """Retry a failed stage. Raises NotAllowedError, UpstreamError."""

    def decide_approval(
        self, actor: Actor, project: str, run_id: int, approval_id: str, *, is_approved: bool, reason: str
    ) -> None:
        """Approve or reject in Azure DevOps with the portal's account. Raises NotAllowedError, UpstreamError."""

    def deployments(self, project: str, run_id: int) -> Sequence[DeploymentRecord]:
        """The last deployments to the release's environment, newest first. Raises UpstreamError, NotFoundError."""
