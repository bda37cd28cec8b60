"""Workers as threads that stop before each operation, so that a trace decides who goes on, and who dies."""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition, Thread

from services.rollout.context import Observer
from services.rollout.worker import RolloutWorker

SECONDS = 60.0
Operation = tuple[str, str, str]
"""Rollout, step, operation; the rollout is empty before a claim."""


class KilledError(BaseException):
    """Stands for `kill -9`: nothing of the program may catch it."""


class WorkerThread:
    """One worker of a trace."""

    def __init__(self, name: str, build: Callable[[Observer], RolloutWorker]) -> None:
        self._build = build
        self._changed = Condition()
        self._pending: Operation | None = None
        self._may_go = self._is_killed = self._is_over = False
        self.failure: BaseException | None = None
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        self.pending()

    def pending(self) -> Operation:
        """The operation that it stands before."""
        with self._changed:
            waited = self._changed.wait_for(lambda: self._pending is not None or self.failure is not None, SECONDS)
            if self.failure is not None:
                raise AssertionError("the worker has died") from self.failure
            assert waited, "the worker goes on without an operation"
            assert self._pending is not None
            return self._pending

    def go(self) -> Operation:
        """Let it do the operation that it stands before; gives the next one."""
        self._let(killed=False)
        return self.pending()

    def kill(self) -> None:
        """End it before the operation; a new process takes its place."""
        self._let(killed=True)
        self.pending()

    def end(self) -> None:
        """Let the thread end."""
        with self._changed:
            self._is_over = True
        self._let(killed=True)
        self._thread.join(SECONDS)

    def _let(self, *, killed: bool) -> None:
        with self._changed:
            self._pending, self._may_go, self._is_killed = None, True, killed
            self._changed.notify_all()

    def _observe(self, rollout: str, step: str, operation: str) -> None:
        with self._changed:
            self._pending = (rollout, step, operation)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._may_go)
            self._may_go = False
            if self._is_killed:
                raise KilledError

    def _run(self) -> None:
        while not self._is_over:
            try:
                worker = self._build(self._observe)
                while True:
                    worker.run_once()
            except KilledError:
                continue
            except BaseException as error:
                with self._changed:
                    self.failure = error
                    self._changed.notify_all()
                return
