"""The work that nobody clicks: sync, rollouts, expiry, looking at Azure DevOps, showing the ledger to its witness.

One loop for the embedded thread and for `countersign worker`. A job that fails is logged and tried again at its
next turn; it never ends the loop.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from time import monotonic

from services.errors import PortalError

log = logging.getLogger(__name__)


@dataclass
class Job:
    """Something to do every so many seconds."""

    name: str
    every: float
    run: Callable[[], object]


class BackgroundLoop:
    """Runs jobs in turn until it is told to stop."""

    def __init__(self, jobs: list[Job]) -> None:
        self._jobs = jobs
        self._stop = Event()
        self._threads: list[Thread] = []

    def start(self) -> None:
        """One daemon thread a job: a slow sync must not hold up a rollout."""
        self._threads = [
            Thread(target=self._loop, args=(job,), name=f"countersign-{job.name}", daemon=True) for job in self._jobs
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Ask all jobs to end; `wait` returns."""
        self._stop.set()

    def stop(self, timeout: float = 10.0) -> None:
        """Let each job finish what it is doing, up to `timeout` seconds in all."""
        self._stop.set()
        end = monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, end - monotonic()))

    def wait(self) -> None:
        """Block until stopped."""
        self._stop.wait()

    def _loop(self, job: Job) -> None:
        while not self._stop.is_set():
            try:
                job.run()
            except PortalError as error:
                log.warning("%s: %s", job.name, error.sentence())
            except Exception:
                log.exception("%s failed; it is tried again in %g s", job.name, job.every)
            self._stop.wait(job.every)
