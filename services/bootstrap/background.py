"""Background jobs: sync, rollouts, expiry, polling Azure DevOps, publishing the ledger to its witnesses.

One loop for the embedded thread and for `countersign worker`. A failing job is logged and retried at its
next turn; it never stops the loop.
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
    """A job that runs at an interval in seconds."""

    name: str
    every: float
    run: Callable[[], object]


class BackgroundLoop:
    """Runs jobs until stopped."""

    def __init__(self, jobs: list[Job]) -> None:
        self._jobs = jobs
        self._stop = Event()
        self._threads: list[Thread] = []

    def start(self) -> None:
        """One daemon thread per job: a slow sync must not delay a rollout."""
        self._threads = [
            Thread(target=self._loop, args=(job,), name=f"countersign-{job.name}", daemon=True) for job in self._jobs
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Ask all jobs to end; `wait` returns."""
        self._stop.set()

    def stop(self, timeout: float = 10.0) -> None:
        """Let each job finish its current run, up to `timeout` seconds in total."""
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
                log.exception("%s failed; retrying in %g s", job.name, job.every)
            self._stop.wait(job.every)
