"""Progress on the terminal: one line per step, with its time."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Progress:
    """Prints steps and how long they took; on a terminal, a spinner shows activity."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._is_terminal = sys.stdout.isatty()

    def say(self, text: str) -> None:
        """One line with the time since the start."""
        clear = "\r\033[K" if self._is_terminal else ""
        print(f"{clear}{time.monotonic() - self._start:7.1f} s  {text}", flush=True)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """A step that takes a while."""
        begun, done = time.monotonic(), threading.Event()
        if self._is_terminal:
            threading.Thread(target=self._spin, args=(text, done), daemon=True).start()
        try:
            yield
        finally:
            done.set()
        self.say(f"{text} ({time.monotonic() - begun:.1f} s)")

    def _spin(self, text: str, done: threading.Event) -> None:
        shapes = "|/-\\"
        turn = 0
        while not done.wait(0.2):
            turn += 1
            sys.stdout.write(f"\r{time.monotonic() - self._start:7.1f} s  {text} {shapes[turn % 4]}\033[K")
            sys.stdout.flush()
