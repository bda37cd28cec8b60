"""Ctrl-C and similar signals in the demo: every shutdown is clean, and none comes when a child would be lost."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def orderly_end() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end this process as Ctrl-C does, through every `finally`; custom handlers stay."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    unhandled = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is signal.SIG_DFL]
    before = {number: signal.signal(number, _leave) for number in unhandled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def signals_held() -> Iterator[None]:
    """Defer Ctrl-C and similar signals, so that no child is started without being recorded."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda got, _: came.append(got)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for got in came[:1]:
            signal.raise_signal(got)


def _leave(number: int, _: object) -> None:
    sys.exit(128 + number)
