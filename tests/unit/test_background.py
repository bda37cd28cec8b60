"""The background work goes on whatever one job does, and ends when told."""

from __future__ import annotations

import logging
from threading import Event, current_thread

import pytest

from services.bootstrap.background import BackgroundLoop, Job
from services.errors import UpstreamUnavailableError

LIMIT = 10.0


class Turns:
    """A job that counts its turns and can raise."""

    def __init__(self, wanted: int, error: Exception | None = None) -> None:
        self.enough = Event()
        self.count = 0
        self._wanted = wanted
        self._error = error

    def __call__(self) -> None:
        self.count += 1
        if self.count >= self._wanted:
            self.enough.set()
        if self._error is not None:
            raise self._error


@pytest.mark.parametrize("error", [UpstreamUnavailableError("MLflow is away.", hint="Start it."), ValueError("a bug")])
def test_job__that_fails__is_logged_and_tried_again(caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    failing, other = Turns(3, error), Turns(3)
    loop = BackgroundLoop([Job("failing", 0.001, failing), Job("other", 0.001, other)])
    with caplog.at_level(logging.WARNING):
        loop.start()
        assert failing.enough.wait(LIMIT)
        assert other.enough.wait(LIMIT)
        loop.stop()
    assert "failing" in caplog.text
    assert str(error) in caplog.text


def test_job__that_hangs__holds_up_no_other() -> None:
    hold, other = Event(), Turns(3)
    loop = BackgroundLoop([Job("hanging", 0.001, lambda: hold.wait(LIMIT)), Job("other", 0.001, other)])
    loop.start()
    assert other.enough.wait(LIMIT)
    loop.stop(timeout=0.01)
    hold.set()
    loop.stop()


def test_stop__lets_a_job_finish_what_it_does() -> None:
    begun, finished = Event(), Event()

    def work() -> None:
        begun.set()
        Event().wait(0.05)
        finished.set()

    loop = BackgroundLoop([Job("work", 60, work)])
    loop.start()
    assert begun.wait(LIMIT)
    loop.stop()
    assert finished.is_set()


def test_end__from_a_job__lets_wait_return_and_starts_no_new_turn() -> None:
    names: list[str] = []
    loop = BackgroundLoop([])

    def once() -> None:
        names.append(current_thread().name)
        loop.end()

    loop._jobs.append(Job("once", 0.001, once))
    loop.start()
    loop.wait()
    loop.stop()
    assert names == ["countersign-once"]
