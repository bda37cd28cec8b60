"""A worker's hold on one rollout: a token in the database, and a heartbeat that keeps it.

A lease lasts a few heartbeats, so a killed worker's rollout is taken over within seconds. A heartbeat that fails, for
whatever reason, counts as a lost lease: the worker then sends nothing more, even if the token may still be its own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, Thread
from time import monotonic

from services.database.stores.rollouts import Claim, LeaseLostError
from services.database.unit import Units

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LeaseTimes:
    """How long a lease lasts and how often it is renewed."""

    length: timedelta = timedelta(seconds=10)
    beat: timedelta | None = timedelta(seconds=2.5)
    """None: no heartbeat, for tests that control the time."""


SHORTEST = 2.0
BEATS = 4
"""Heartbeats per lease: a single late one does not lose it."""


def lease_of(seconds: float) -> LeaseTimes:
    """A lease of this length, renewed several times within it."""
    length = max(SHORTEST, seconds)
    return LeaseTimes(timedelta(seconds=length), timedelta(seconds=length / BEATS))


class Lease:
    """Held from `claim` on; `keep` starts the heartbeat, `end` stops it."""

    def __init__(
        self, claim: Claim, units: Units, times: LeaseTimes, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self.claim = claim
        self._units = units
        self._times = times
        self._clock = clock
        self._sure_until = clock() + times.length.total_seconds()
        self._lost, self._ended = Event(), Event()
        self._thread: Thread | None = None

    def keep(self) -> None:
        """Start the heartbeat."""
        if self._times.beat is not None:
            name = f"lease-{self.claim.rollout_id}"
            self._thread = Thread(target=self._beat, args=(self._times.beat.total_seconds(),), name=name, daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Stop the heartbeat; a write that ends the claim must not race with it."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(self._times.length.total_seconds())
            self._thread = None

    def demand(self) -> None:
        """Test the token in the database. Raises LeaseLostError."""
        self.demand_here()
        with self._units.read() as unit:
            unit.rollouts.demand(self.claim)

    def demand_here(self) -> None:
        """Test what this process knows without asking anybody, just before bytes leave. Raises LeaseLostError."""
        has_run_out = self._times.beat is not None and self._clock() >= self._sure_until
        if self._lost.is_set() or has_run_out:
            raise LeaseLostError(self.claim.rollout_id)

    def _beat(self, seconds: float) -> None:
        while not self._ended.wait(seconds):
            begun = self._clock()
            try:
                with self._units.begin() as unit:
                    unit.rollouts.renew(self.claim, self._times.length)
            except Exception as error:  # noqa: BLE001 - whatever fails, a heartbeat that failed is a lost lease
                log.warning("rollout %s: a heartbeat failed (%s)", self.claim.rollout_id, type(error).__name__)
                self._lost.set()
                return
            self._sure_until = begun + self._times.length.total_seconds()
