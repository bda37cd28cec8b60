"""Checks whether Azure DevOps answers, and refreshes snapshots of running releases that no rollout follows."""

from __future__ import annotations

import logging
from datetime import timedelta

from services.database.stores.deployments import ReleaseSnapshot
from services.database.unit import Units
from services.domain.catalogue import SourceHealth
from services.errors import NotFoundError, PortalError, UpstreamError
from services.ports.pipelines import ReleasePipelines
from services.ports.time import Clock
from services.releases.desk import end_gone_release, refresh_release

log = logging.getLogger(__name__)
SYSTEM = "azure_devops"
OLD = timedelta(minutes=2)
"""Rollouts refresh their releases more often; older snapshots have no rollout, and a hook may have been lost."""
BATCH = 5


class AzureWatch:
    """Keeps the status banner and releases up to date."""

    def __init__(self, pipelines: ReleasePipelines | None, units: Units, clock: Clock) -> None:
        self._pipelines = pipelines
        self._units = units
        self._clock = clock

    def beat(self) -> None:
        """Run once."""
        if self._pipelines is None:
            return
        now = self._clock.now()
        try:
            self._pipelines.ping()
            health = SourceHealth(SYSTEM, is_reachable=True, last_success=now)
        except UpstreamError as error:
            health = SourceHealth(SYSTEM, is_reachable=False, last_success=None, problem=error.message, hint=error.hint)
        with self._units.begin() as unit:
            unit.catalogue.put_health(health, now=now)
        if health.is_reachable:
            self._renew()

    def _renew(self) -> None:
        now = self._clock.now()
        with self._units.read() as unit:
            old = [kept for kept in unit.deployments.unfinished(BATCH) if now - kept.seen >= OLD]
        for kept in old:
            self._look(kept)

    def _look(self, kept: ReleaseSnapshot) -> None:
        try:
            refresh_release(self._pipelines, self._units, kept, now=self._clock.now())
        except NotFoundError:
            log.warning("release %s of %s was deleted in Azure DevOps", kept.run_id, kept.project)
            end_gone_release(self._units, kept)
        except PortalError as error:
            log.warning("release %s: %s", kept.run_id, error.sentence())
