"""Child processes of steps: own process group, lines as they come, ended as a group.

A finished leader is not reaped before its job ends: its process id, and with it the group's id, then cannot
be given to a stranger, so signals to the group never hit anything else. Processes that made a session of their
own have left the group and live on, as on a self-hosted agent.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

Stream = Literal["stdout", "stderr"]
Line = tuple[Stream, str]
_POLL = 0.05
_CHUNK = 1 << 20
_MAX_WAITING = 10_000
_CAN_PEEK = hasattr(os, "waitid")
"""False on systems that cannot look at an ended process without reaping it."""
_DRAIN = 0.5
"""Seconds to wait for output that a process left in its pipes, for example held open by a child."""


@dataclass(frozen=True)
class ProcessCall:
    """What to start. `separate_stderr` keeps the two streams apart, at the price of their order."""

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    separate_stderr: bool = False


@dataclass(frozen=True)
class ProcessEnd:
    """How a process ended; `stopped` is the reason for which it was ended, if any."""

    exit_code: int
    stopped: str | None = None


class Processes:
    """The processes of one job."""

    def __init__(self, grace: tuple[float, float]) -> None:
        self._grace = grace
        self._leaders: list[subprocess.Popen[bytes]] = []

    def run(
        self,
        call: ProcessCall,
        *,
        on_lines: Callable[[Sequence[Line]], None],
        should_stop: Callable[[], str | None],
    ) -> ProcessEnd:
        """Start, pass on lines, and wait; ends the whole group once `should_stop` gives a reason."""
        leader = subprocess.Popen(
            list(call.argv),
            cwd=call.cwd,
            env=dict(call.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if call.separate_stderr else subprocess.STDOUT,
            start_new_session=True,
        )
        self._leaders.append(leader)
        pump = _Pump(leader, on_lines)
        stopped = self._follow(leader, pump, should_stop=should_stop)
        if stopped:
            _signal_group(leader, signal.SIGKILL)
        pump.drain()
        return ProcessEnd(_exit_code(leader), stopped)

    def _follow(
        self, leader: subprocess.Popen[bytes], pump: _Pump, *, should_stop: Callable[[], str | None]
    ) -> str | None:
        while not _has_ended(leader):
            pump.pass_on(_POLL)
            if reason := should_stop():
                self._stop(leader, pump)
                return reason
        return None

    def _stop(self, leader: subprocess.Popen[bytes], pump: _Pump) -> None:
        for number, grace in zip((signal.SIGINT, signal.SIGTERM), self._grace, strict=True):
            _signal_group(leader, number)
            deadline = time.monotonic() + grace
            while time.monotonic() < deadline:
                pump.pass_on(_POLL)
                if _has_ended(leader):
                    return
        _signal_group(leader, signal.SIGKILL)
        while not _has_ended(leader):
            pump.pass_on(_POLL)

    def finish(self) -> int:
        """End what is left of the groups and reap the leaders; returns how many groups still had processes."""
        ended = 0
        living = _living_groups() if self._leaders else frozenset()
        for leader in self._leaders:
            if leader.pid in living:
                _signal_group(leader, signal.SIGTERM)
                _await_empty(leader, self._grace[1])
                _signal_group(leader, signal.SIGKILL)
                ended += 1
            leader.wait()
        self._leaders.clear()
        return ended


class _Pump:
    """Threads that read the streams of a process; they end with the streams."""

    def __init__(self, leader: subprocess.Popen[bytes], on_lines: Callable[[Sequence[Line]], None]) -> None:
        # Bounded: a step that writes faster than its lines are kept has to wait.
        self._lines: queue.Queue[Line | None] = queue.Queue(maxsize=_MAX_WAITING)
        self._on_lines = on_lines
        self._listening = True
        streams: list[tuple[Stream, IO[bytes] | None]] = [("stdout", leader.stdout), ("stderr", leader.stderr)]
        self._open = 0
        for name, stream in streams:
            if stream is not None:
                self._open += 1
                threading.Thread(target=self._read, args=(name, stream), daemon=True).start()

    def _read(self, name: Stream, stream: IO[bytes]) -> None:
        with stream:
            while chunk := stream.readline(_CHUNK):
                self._put((name, chunk.decode("utf-8", errors="replace").rstrip("\r\n")))
        self._put(None)

    def _put(self, item: Line | None) -> None:
        # Once nobody listens, output of what lives on is read and dropped: its writes must not fail.
        while self._listening:
            with contextlib.suppress(queue.Full):
                self._lines.put(item, timeout=_POLL)
                return

    def pass_on(self, wait: float) -> None:
        """Hand over what has come, waiting for the first line at most `wait` seconds."""
        batch: list[Line] = []
        with contextlib.suppress(queue.Empty):
            item = self._lines.get(timeout=wait)
            while True:
                if item is None:
                    self._open -= 1
                else:
                    batch.append(item)
                item = self._lines.get_nowait()
        if batch:
            self._on_lines(batch)

    def drain(self) -> None:
        """Hand over the rest, then stop listening."""
        deadline = time.monotonic() + _DRAIN
        while self._open > 0 and time.monotonic() < deadline:
            self.pass_on(_POLL)
        self._listening = False
        self.pass_on(0.001)


def _has_ended(leader: subprocess.Popen[bytes]) -> bool:
    if not _CAN_PEEK:
        return leader.poll() is not None
    return os.waitid(os.P_PID, leader.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _exit_code(leader: subprocess.Popen[bytes]) -> int:
    if not _CAN_PEEK:
        return leader.wait()
    status = os.waitid(os.P_PID, leader.pid, os.WEXITED | os.WNOWAIT)
    if status is None:
        return -1
    return status.si_status if status.si_code == os.CLD_EXITED else -status.si_status


def _signal_group(leader: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader.pid, number)


def _living_groups() -> frozenset[int]:
    """Ids of all process groups with a member that has not ended (from /proc; empty without it)."""
    found: set[int] = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = entry.read_text(errors="replace").rpartition(")")[2].split()
            if fields[0] not in ("Z", "X"):
                found.add(int(fields[2]))
    return frozenset(found)


def _await_empty(leader: subprocess.Popen[bytes], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while leader.pid in _living_groups() and time.monotonic() < deadline:
        time.sleep(_POLL)
