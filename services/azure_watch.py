"""Looks whether Azure DevOps answers, and follows releases that a page would otherwise show old."""

from __future__ import annotations

from services.domain.catalogue import SourceHealth
from services.errors import UpstreamError
from services.ports import Clock, ReleasePipelines
from services.stores import Units

SYSTEM = "azure_devops"


class AzureWatch:
    """Keeps the banner honest."""

    def __init__(self, pipelines: ReleasePipelines | None, units: Units, clock: Clock) -> None:
        self._pipelines = pipelines
        self._units = units
        self._clock = clock

    def beat(self) -> None:
        """One look."""
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
