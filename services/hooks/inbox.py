"""Stores each service hook notification once, and acts on it soon.

Hooks are lossy and unordered, so nothing depends on them: rollouts and releases are polled anyway. An event only makes
the portal poll at once.
"""

from __future__ import annotations

import logging

from services.database.unit import Units
from services.errors import PortalError
from services.hooks.events import read_event
from services.ports.pipelines import ReleasePipelines
from services.ports.time import Clock
from services.releases.desk import refresh_release
from services.releases.following import RunFollower

log = logging.getLogger(__name__)
BATCH = 100


class HookInbox:
    """Receives in the portal's web process."""

    def __init__(self, units: Units, clock: Clock) -> None:
        self._units = units
        self._clock = clock

    def receive(self, body: bytes) -> bool:
        """Store a notification; False for a duplicate. Raises InvalidInputError."""
        event = read_event(body, self._clock.now())
        with self._units.begin() as unit:
            return unit.hooks.add_event(event)


class HookWorker:
    """Acts in the worker."""

    def __init__(self, units: Units, pipelines: ReleasePipelines | None, follower: RunFollower, clock: Clock) -> None:
        self._units = units
        self._pipelines = pipelines
        self._follower = follower
        self._clock = clock

    def beat(self) -> int:
        """Act on the stored events; returns how many there were."""
        with self._units.read() as unit:
            events = unit.hooks.unhandled(BATCH)
        if not events:
            return 0
        numbers = sorted({event.run_number for event in events if event.run_number is not None})
        for number in numbers:
            self._look(number)
        with self._units.begin() as unit:
            unit.hooks.mark_handled([event.id for event in events], self._clock.now())
        return len(events)

    def _look(self, number: int) -> None:
        """Let the rollouts of the run poll at once, and refresh the snapshots of runs that no rollout follows."""
        self._follower.forget_number(number)
        now = self._clock.now()
        with self._units.begin() as unit:
            is_followed = unit.rollouts.wake_run(number)
            kept = [] if is_followed else unit.deployments.releases_numbered(number)
        for release in kept:
            try:
                refresh_release(self._pipelines, self._units, release, now=now)
            except PortalError as error:
                log.warning("release %s: %s", number, error.sentence())
