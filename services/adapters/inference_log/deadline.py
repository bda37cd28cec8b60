"""A call that ends in time, whatever the driver does: it runs in a separate thread and is asked to stop when late."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from services.errors import UpstreamUnavailableError

T = TypeVar("T")
SYSTEM = "inference_log"


def within(seconds: float, call: Callable[[], T], *, stop: Callable[[], object]) -> T:
    """The call's result. Raises UpstreamUnavailableError when it is late, after asking the driver to stop it."""
    done: Future[T] = Future()

    def work() -> None:
        try:
            done.set_result(call())
        except BaseException as error:  # noqa: BLE001 - handed to the caller, who waits for it
            done.set_exception(error)

    threading.Thread(target=work, daemon=True, name="inference-log").start()
    try:
        return done.result(seconds)
    except TimeoutError as error:
        if done.done():
            raise
        with contextlib.suppress(Exception):  # what cannot be stopped ends by itself, unheard
            stop()
        raise UpstreamUnavailableError(
            f"The look-up took longer than {seconds:g} s.",
            system=SYSTEM,
            hint="Name the day, or choose a shorter window of time.",
        ) from error
