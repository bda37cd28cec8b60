"""Follows many releases with few calls.

All awaited runs are read together at an interval (`LOOK_EVERY`): one call returns the state of up
to 200 runs of a project. Stages and steps are read when a run is first seen, when it ends, and rarely in between
(`DETAIL_EVERY`), so that the last snapshot stays useful while Azure DevOps is unavailable; an open page reads
for itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock

from services.database.unit import Units
from services.domain.promotions.promotion import PromotionRequest
from services.domain.releases import ReleaseDetail, ReleaseRun, RunRef
from services.ports.pipelines import ReleasePipelines
from services.ports.time import Clock
from services.releases.desk import demand_azure, keep_release, read_release

LOOK_EVERY = timedelta(seconds=5)
DETAIL_EVERY = timedelta(seconds=60)
FORGET_AFTER = timedelta(minutes=5)
"""A run that was not requested for this long is no longer polled."""


@dataclass
class _Watched:
    asked: datetime
    run: ReleaseRun | None = None
    seen: datetime | None = None
    detail: ReleaseDetail | None = None
    detail_seen: datetime | None = None


class RunFollower:
    """Thread-safe; holds no persistent state."""

    def __init__(self, pipelines: ReleasePipelines | None, units: Units, clock: Clock) -> None:
        self._pipelines = pipelines
        self._units = units
        self._clock = clock
        self._lock = Lock()
        self._watched: dict[RunRef, _Watched] = {}

    def look(self, ref: RunRef, request: PromotionRequest | None) -> ReleaseRun:
        """The run, seen at most `LOOK_EVERY` ago. Raises UpstreamError, NotFoundError."""
        now = self._clock.now()
        with self._lock:
            watched = self._watched.setdefault(ref, _Watched(now))
            watched.asked = now
            if watched.seen is None or now - watched.seen >= LOOK_EVERY:
                self._refresh(now)
            run = watched.run
        if run is None:  # a list may include a new run a little later than the run itself is readable
            run = self._azure().get(ref)
        self._keep_picture(watched, run, request, now)
        return run

    def forget(self, ref: RunRef) -> None:
        """The run changed: read it again on the next request."""
        with self._lock:
            watched = self._watched.get(ref)
            if watched is not None:
                watched.seen = None

    def forget_number(self, number: int) -> None:
        """As `forget`, if only the run's number is known."""
        with self._lock:
            for ref, watched in self._watched.items():
                if ref.number == number:
                    watched.seen = None

    def _refresh(self, now: datetime) -> None:
        """Read all awaited runs together."""
        waited = {ref: w for ref, w in self._watched.items() if now - w.asked < FORGET_AFTER}
        self._watched = waited
        refs = [ref for ref, w in waited.items() if not (w.run and w.run.is_finished)]
        found = {run.ref: run for run in self._azure().get_many(refs)}
        for ref in refs:
            waited[ref].run, waited[ref].seen = found.get(ref), now

    def _keep_picture(
        self, watched: _Watched, run: ReleaseRun, request: PromotionRequest | None, now: datetime
    ) -> None:
        before = watched.detail
        is_moved = before is None or before.run.state is not run.state
        if not is_moved and watched.detail_seen is not None and now - watched.detail_seen < DETAIL_EVERY:
            return
        if before is not None and not run.parameters:
            run = replace(run, parameters=before.run.parameters)
        watched.detail = read_release(self._azure(), run.ref, run=run, known=before)
        watched.detail_seen = now
        keep_release(self._units, watched.detail, request=request, now=now)
        if run.is_finished:
            with self._lock:
                self._watched.pop(run.ref, None)

    def _azure(self) -> ReleasePipelines:
        return demand_azure(self._pipelines)
