"""What was live where and when, releases as last seen, and incidents, on the caller's connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, func, or_, select, update

from services.database.tables.governance import deployment, incident, release_snapshot
from services.domain.promotions.promotion import Deployment, Incident
from services.domain.registry import VersionKey
from services.domain.releases import RunState


class DeploymentStore:
    """All statements about deployments, releases and incidents."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, started: Deployment) -> None:
        """A version goes live; the previous one ends at the same moment."""
        self.end_current(started.key.model, started.environment, started.live_from)
        self._connection.execute(
            deployment.insert().values(
                id=started.id, model=started.key.model, version=started.key.version, environment=started.environment,
                request_id=started.request_id, run_project=started.run_project, run_id=started.run_id,
                run_name=started.run_name, run_url=started.run_url, live_from=started.live_from, live_until=None,
                version_created=started.version_created,
            )
        )  # fmt: skip

    def end_current(self, model: str, environment: str, at: datetime) -> None:
        """End the deployment without a successor."""
        self._connection.execute(
            update(deployment)
            .where(
                deployment.c.model == model,
                deployment.c.environment == environment,
                deployment.c.live_until.is_(None),
            )
            .values(live_until=at)
        )

    def live_at(self, model: str, environment: str, at: datetime) -> Sequence[Deployment]:
        """What was live at a moment; several only if the data are contradictory."""
        rows = self._connection.execute(
            select(deployment).where(
                deployment.c.model == model,
                deployment.c.environment == environment,
                deployment.c.live_from <= at,
                or_(deployment.c.live_until.is_(None), deployment.c.live_until > at),
            )
        ).mappings()
        return [_deployment(row) for row in rows]

    def of(self, *, model: str | None = None, version: int | None = None, live_only: bool = False) -> list[Deployment]:
        """Deployments, newest first."""
        query = select(deployment).order_by(deployment.c.live_from.desc())
        if model is not None:
            query = query.where(deployment.c.model == model)
        if version is not None:
            query = query.where(deployment.c.version == version)
        if live_only:
            query = query.where(deployment.c.live_until.is_(None))
        return [_deployment(row) for row in self._connection.execute(query).mappings()]

    def put_release(self, seen: ReleaseSnapshot) -> None:
        """Store the latest snapshot of a release; its link to a request is kept once known."""
        same = (release_snapshot.c.project == seen.project) & (release_snapshot.c.run_id == seen.run_id)
        values = {k: v for k, v in vars(seen).items() if v is not None}
        if self._connection.execute(update(release_snapshot).where(same).values(values)).rowcount == 0:
            self._connection.execute(release_snapshot.insert().values(values))

    def release(self, project: str, run_id: int) -> ReleaseSnapshot | None:
        """One release as last seen."""
        row = (
            self._connection.execute(
                select(release_snapshot).where(
                    release_snapshot.c.project == project, release_snapshot.c.run_id == run_id
                )
            )
            .mappings()
            .first()
        )
        return None if row is None else ReleaseSnapshot(**row)

    def releases(self, *, page: int, page_size: int, text: str = "") -> tuple[Sequence[ReleaseSnapshot], int]:
        """A page of releases, newest first, and their number."""
        query = select(release_snapshot)
        if text:
            query = query.where(release_snapshot.c.model.icontains(text, autoescape=True))
        total = self._connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
        newest = query.order_by(release_snapshot.c.created.desc(), release_snapshot.c.run_id.desc())
        rows = self._connection.execute(newest.limit(page_size).offset((page - 1) * page_size)).mappings()
        return [ReleaseSnapshot(**row) for row in rows], total

    def releases_numbered(self, run_number: int) -> Sequence[ReleaseSnapshot]:
        """Releases of this number, in any project."""
        query = select(release_snapshot).where(release_snapshot.c.run_id == run_number)
        return [ReleaseSnapshot(**row) for row in self._connection.execute(query).mappings()]

    def unfinished(self, limit: int) -> Sequence[ReleaseSnapshot]:
        """Releases that were still running when last seen, longest unseen first."""
        query = select(release_snapshot).where(release_snapshot.c.state != RunState.COMPLETED.value)
        rows = self._connection.execute(query.order_by(release_snapshot.c.seen).limit(limit)).mappings()
        return [ReleaseSnapshot(**row) for row in rows]

    def releases_of(self, model: str, version: int) -> Sequence[ReleaseSnapshot]:
        """Releases of one version, newest first."""
        query = (
            select(release_snapshot)
            .where(release_snapshot.c.model == model, release_snapshot.c.version == version)
            .order_by(release_snapshot.c.created.desc())
        )
        return [ReleaseSnapshot(**row) for row in self._connection.execute(query).mappings()]

    def open_incident(self, found: Incident) -> bool:
        """Open an incident unless the same one is open; True if it is new."""
        known = self._connection.execute(
            select(incident.c.id).where(
                incident.c.kind == found.kind,
                incident.c.model == found.model,
                incident.c.subject == found.subject,
                incident.c.after == found.after,
                incident.c.closed.is_(None),
            )
        ).first()
        if known is None:
            self._connection.execute(incident.insert().values(vars(found)))
        return known is None

    def close_incident(self, incident_id: str, at: datetime) -> None:
        """Close an incident."""
        self._connection.execute(update(incident).where(incident.c.id == incident_id).values(closed=at))

    def incidents(self, *, open_only: bool = True) -> Sequence[Incident]:
        """Incidents, newest first."""
        query = select(incident).order_by(incident.c.opened.desc())
        if open_only:
            query = query.where(incident.c.closed.is_(None))
        return [Incident(**row) for row in self._connection.execute(query).mappings()]


def _deployment(row: RowMapping) -> Deployment:
    values = {k: v for k, v in row.items() if k not in {"model", "version"}}
    return Deployment(key=VersionKey(row["model"], row["version"]), **values)


@dataclass(frozen=True)
class ReleaseSnapshot:
    """A release as last seen; the page shows it with its age if Azure DevOps is unavailable."""

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
