"""Freshness of the data and open incidents, read from the database, never from the network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from services.audit.witnesses import HEALTH_PREFIX
from services.database.unit import Unit, Units
from services.domain.catalogue import SourceHealth
from services.domain.promotions.promotion import Incident
from services.domain.promotions.rollout import WORKER_GRACE, Rollout
from services.health.answers import Figures


class HealthDesk:
    """Implements `services.health.answers.Health`."""

    def __init__(self, units: Units) -> None:
        self._units = units

    def sources(self) -> Sequence[SourceHealth]:
        """One line per system, as last seen by the worker. The audit log shows witnesses; failures become incidents."""
        with self._units.read() as unit:
            return [found for found in unit.catalogue.health() if not found.system.startswith(HEALTH_PREFIX)]

    def incidents(self) -> Sequence[Incident]:
        """Open incidents."""
        with self._units.read() as unit:
            return unit.deployments.incidents()

    def waiting_for_worker(self) -> Sequence[Rollout]:
        """Rollouts that are due and that no worker takes, the longest first."""
        with self._units.read() as unit:
            return _waiting(unit)[0]

    def figures(self) -> Figures:
        """Counts for alerting."""
        with self._units.read() as unit:
            head = unit.archive.head()
            waiting, seconds = _waiting(unit)
            return Figures(
                requests=unit.requests.counts(),
                rollouts=unit.rollouts.counts(),
                incidents=Counter(found.kind for found in unit.deployments.incidents()),
                notices=unit.notices.counts(),
                live=Counter(found.environment for found in unit.deployments.of(live_only=True)),
                entries=0 if head is None else head.size,
                waiting=len(waiting),
                waits_seconds=seconds,
            )


def _waiting(unit: Unit) -> tuple[list[Rollout], float]:
    """The rollouts, and how long the first has waited."""
    now = unit.rollouts.now()
    found = [
        rollout
        for rollout in unit.rollouts.waiting()
        if rollout.waits_for_worker_since is not None and now - rollout.waits_for_worker_since > WORKER_GRACE
    ]
    since = min((r.waits_for_worker_since for r in found if r.waits_for_worker_since), default=now)
    return found, (now - since).total_seconds()
