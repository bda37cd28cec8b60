"""Who is signed in: opaque tokens kept on the server, so that signing out works at once and in every tab."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

COOKIE = "countersign_session"
MAX_AGE = 12 * 3600
"""Seconds after which a person signs in again."""
LIMIT = 10_000
"""Sessions kept at most; beyond it the oldest are dropped."""


@dataclass(frozen=True)
class Session:
    """One sign-in."""

    person_id: str
    ends: float


class Sessions:
    """Tokens to people. Thread-safe; lives as long as the process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, Session] = {}

    def start(self, person_id: str) -> str:
        """A new token for a person."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._drop_ended()
            while len(self._open) >= LIMIT:
                del self._open[next(iter(self._open))]
            self._open[token] = Session(person_id, self._clock() + MAX_AGE)
        return token

    def person(self, token: str | None) -> str | None:
        """Whose token it is; None when it is unknown, ended or too old."""
        session = self._open.get(token or "")
        return session.person_id if session and session.ends > self._clock() else None

    def end(self, token: str | None) -> None:
        """Forget a token."""
        with self._lock:
            self._open.pop(token or "", None)

    def _drop_ended(self) -> None:
        now = self._clock()
        for token in [t for t, s in self._open.items() if s.ends <= now]:
            del self._open[token]
