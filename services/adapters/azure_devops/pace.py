"""Keeps to the pace that Azure DevOps asks for.

A 429 means blocked, a 200 with Retry-After means delayed; in both cases the next request waits. All calls of
one organization share the pace, since the service counts by account.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import requests

from services.adapters.azure_devops.failures import retry_after, throttled
from services.adapters.http.deadline import Deadline

UNNAMED_PAUSE = 10.0
"""Seconds to wait after a 429 without Retry-After."""


class Pace:
    """Thread-safe. `patience` is the longest pause, in seconds, that a call makes before it gives up unsent."""

    def __init__(
        self,
        patience: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._patience = patience
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._resume = float("-inf")

    def keep(self, deadline: Deadline) -> None:
        """Wait until a request may be sent. Raises UpstreamUnavailableError `throttled` if that takes too long."""
        left = self.left()
        if left <= 0:
            return
        if left > min(self._patience, deadline.left()):
            raise throttled(left)
        self._sleep(left)

    def left(self) -> float:
        """Seconds until requests are allowed again."""
        with self._lock:
            return max(0.0, self._resume - self._monotonic())

    def note(self, response: requests.Response) -> None:
        """Remember an answer's Retry-After."""
        wait = retry_after(response)
        if wait is None and response.status_code == 429:
            wait = UNNAMED_PAUSE
        if wait:
            with self._lock:
                self._resume = max(self._resume, self._monotonic() + wait)
