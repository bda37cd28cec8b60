"""How fresh what is shown is, and what needs a look: read from the database, never from the network."""

from __future__ import annotations

from collections.abc import Sequence

from services.domain.catalogue import SourceHealth
from services.domain.promotion import Incident
from services.stores import Units


class HealthDesk:
    """Implements `services.portal.Health`."""

    def __init__(self, units: Units) -> None:
        self._units = units

    def sources(self) -> Sequence[SourceHealth]:
        """One line a system, as the worker last saw it."""
        with self._units.read() as unit:
            return unit.catalogue.health()

    def incidents(self) -> Sequence[Incident]:
        """Open incidents."""
        with self._units.read() as unit:
            return unit.deployments.incidents()
