"""Process groups: their members, their start time, and how to end them.

A group's id is that of its first process, which leads a new session. psutil lists its members. Start times are Linux's
clock ticks since boot: psutil's are in wall-clock time, which changes when the clock is set. Without start times,
groups of an earlier run are left alone.

Run as a program, it is the watcher: it reads the marks of groups from its input and, when the input ends because the
process that wrote it has ended, ends those groups. Until then it needs the standard library only: it starts in
milliseconds and stays small.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

PROC = Path("/proc")
POLL = 0.05
GRACE = 8.0
"""Seconds between SIGTERM and SIGKILL."""
STATE, STARTED = 0, 19
"""Places in /proc/PID/stat after the name in brackets: see proc(5), fields 3 and 22."""


@dataclass(frozen=True)
class Mark:
    """Identifies a group: its id alone could be reused, but not together with start time (clock ticks) and boot."""

    group: int
    started: int | None
    boot: str | None


def mark_of(group: int) -> Mark:
    """The mark of a group whose first process is alive."""
    return Mark(group, _started(group), _boot())


def mark_text(mark: Mark) -> str:
    """A mark as one line."""
    return json.dumps(asdict(mark))


def parse_mark(text: str) -> Mark | None:
    """The mark in a line; None if the line is not a mark."""
    try:
        kept = json.loads(text)
        return Mark(int(kept["group"]), kept["started"], kept["boot"])
    except (ValueError, KeyError, TypeError):
        return None


def is_still_there(mark: Mark) -> bool:
    """True if processes of exactly this group are still alive, even without their first process.

    Linux does not reuse an id while a group with that id has members, so members without a first process of another
    age belong to the group.
    """
    if mark.started is None or mark.boot is None or mark.boot != _boot():
        return False
    first = _started(mark.group)
    if first is not None:
        return first == mark.started
    return bool(members(mark.group))


def members(group: int) -> list[int]:
    """The living processes of a group, zombies not counted."""
    import psutil  # late: the watcher does without until it has something to end

    ended = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    return [
        process.pid
        for process in psutil.process_iter()
        if _session(process.pid) == group and _status(process) not in ended
    ]


def is_alive(group: int) -> bool:
    """True while a process of the group is alive."""
    return bool(members(group))


def end_group(group: int, grace: float) -> bool:
    """SIGTERM to all, SIGKILL to those left after `grace` seconds. True if all exited by themselves."""
    _signal(group, signal.SIGTERM)
    end = time.monotonic() + grace
    while is_alive(group) and time.monotonic() < end:
        time.sleep(POLL)
    if not is_alive(group):
        return True
    _signal(group, signal.SIGKILL)
    return False


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _status(process: psutil.Process) -> str:
    import psutil

    try:
        return process.status()
    except psutil.NoSuchProcess:
        return psutil.STATUS_DEAD


def _started(pid: int) -> int | None:
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[STARTED]) if fields[STATE] not in "ZX" else None


def _boot() -> str | None:
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None


def watch(lines: Iterable[str], grace: float = GRACE) -> None:
    """Collect marks until the lines end, then end the groups that are still there, the last one first."""
    marks = [mark for line in lines if (mark := parse_mark(line)) is not None]
    for mark in reversed(marks):
        if is_still_there(mark) or (mark.boot is None and is_alive(mark.group)):
            end_group(mark.group, grace)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watch(sys.stdin)
