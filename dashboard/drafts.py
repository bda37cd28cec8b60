"""Text that a user had typed when a command was refused.

A fresh sign-in leads through the provider and begins a new session of the page, which takes nothing along. Kept in
memory, for an hour, for the same person and the same command only.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

SECONDS = 3600.0
MOST = 1000
"""Texts at once; the oldest goes."""


class Drafts:
    """Texts by person and command. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], tuple[float, str]] = OrderedDict()
        self._lock = Lock()

    def keep(self, person_id: str, command: str, text: str) -> None:
        """Replaces the text stored for the command before."""
        with self._lock:
            self._kept.pop((person_id, command), None)
            if text.strip():
                self._kept[person_id, command] = (self._clock(), text)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)

    def take(self, person_id: str, command: str) -> str:
        """The stored text, once; empty when there is none or it is too old."""
        with self._lock:
            at, text = self._kept.pop((person_id, command), (0.0, ""))
        return text if self._clock() - at <= SECONDS else ""


DRAFTS = Drafts()
"""Of this process: a balancer keeps one browser with one process."""
