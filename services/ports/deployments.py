"""What is live, and the releases that made it so, in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.domain.promotion import Deployment, Incident


@dataclass(frozen=True)
class ReleaseSnapshot:
    """A release as it was last seen; the page shows it with its age when Azure DevOps is away."""

    project: str
    run_id: int
    pipeline_id: int
    body: str
    """JSON of a `ReleaseDetail`."""
    state: str
    result: str | None
    seen: datetime
    created: datetime | None = None
    request_id: str | None = None
    model: str | None = None
    version: int | None = None
    environment: str | None = None


class DeploymentStore(Protocol):
    """All statements about what is and was live."""

    def begin(self, started: Deployment) -> None:
        """A version goes live: the one before it ends at the same moment."""

    def end_current(self, model: str, environment: str, at: datetime) -> None:
        """Nothing is live there any more."""

    def live_at(self, model: str, environment: str, at: datetime) -> Sequence[Deployment]:
        """What was live at a moment; several only if the data contradict each other."""

    def of(self, *, model: str | None = None, version: int | None = None, live_only: bool = False) -> list[Deployment]:
        """Deployments, newest first."""

    def put_release(self, seen: ReleaseSnapshot) -> None:
        """Keep the latest picture of a release; what ties it to a request is kept once known."""

    def release(self, project: str, run_id: int) -> ReleaseSnapshot | None:
        """One release as last seen."""

    def releases(self, *, page: int, page_size: int, text: str = "") -> tuple[Sequence[ReleaseSnapshot], int]:
        """A page of releases, newest first, and how many there are."""

    def releases_numbered(self, run_number: int) -> Sequence[ReleaseSnapshot]:
        """Releases of this number, in any project."""

    def unfinished(self, limit: int) -> Sequence[ReleaseSnapshot]:
        """Releases that were still running when last seen, longest unseen first."""

    def releases_of(self, model: str, version: int) -> Sequence[ReleaseSnapshot]:
        """Releases of one version, newest first."""

    def open_incident(self, found: Incident) -> bool:
        """Open an incident unless the same one is open; True when it is new."""

    def close_incident(self, incident_id: str, at: datetime) -> None:
        """Close an incident."""

    def incidents(self, *, open_only: bool = True) -> Sequence[Incident]:
        """Incidents, newest first."""
