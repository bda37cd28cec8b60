"""A circuit breaker: after a failure, calls fail at once for a few seconds instead of each waiting its time-out.

When the time is over one caller is let through to try; the others go on failing fast until it has reported.
(The pattern: Nygard, "Release It!", chapter on stability patterns.)
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from services.errors import UpstreamUnavailableError


class Breaker:
    """Thread-safe. `seconds` is how long it stays open; `monotonic` gives seconds that never go back."""

    def __init__(self, *, seconds: float, monotonic: Callable[[], float]) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._lock = Lock()
        self._open_until: float | None = None
        self._problem = ""

    def check(self) -> None:
        """Raise UpstreamUnavailableError while open. Nothing has been sent then."""
        with self._lock:
            if self._open_until is None:
                return
            now = self._monotonic()
            if now >= self._open_until:
                self._open_until = now + self._seconds
                return
            raise UpstreamUnavailableError(
                f"{self._problem} It is tried again in a moment.",
                system="mlflow",
                hint="What is shown may be older; nothing was sent to MLflow this time.",
                retry_after=self._open_until - now,
            )

    def failed(self, problem: str) -> None:
        """A call failed because MLflow is away; `problem` is a sentence for people."""
        with self._lock:
            self._open_until = self._monotonic() + self._seconds
            self._problem = problem

    def worked(self) -> None:
        """MLflow answered, whatever it said."""
        with self._lock:
            self._open_until = None
