"""Watches a process and its descendants from outside: memory, time, the size of its folder."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

BEAT = 0.1
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@dataclass(frozen=True)
class Ended:
    """How it ended. `reason` is empty if it ended by itself, else: time, memory, output."""

    code: int
    reason: str
    seconds: float
    peak: int


def watch(
    process: subprocess.Popen[bytes],
    folder: Path,
    *,
    seconds: float,
    memory: int,
    output: int,
    beat: Callable[[], None],
) -> Ended:
    """Wait for the end, or stop it; afterwards the whole process group has ended."""
    start, peak, reason = time.monotonic(), 0, ""
    try:
        while process.poll() is None and not reason:
            peak = max(peak, tree_memory(process.pid))
            reason = _trouble(time.monotonic() - start, peak, folder, seconds=seconds, memory=memory, output=output)
            beat()
            _nap(process)
    finally:
        _end(process)
    return Ended(process.returncode, reason, time.monotonic() - start, peak)


def _trouble(passed: float, peak: int, folder: Path, *, seconds: float, memory: int, output: int) -> str:
    if passed > seconds:
        return "time"
    if peak > memory:
        return "memory"
    return "output" if _size(folder) > 2 * output else ""


def _nap(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(BEAT)
    except subprocess.TimeoutExpired:
        return


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the group first (it is a separate session), then the process itself."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()


def _size(folder: Path) -> int:
    total = 0
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not (place == str(folder) and name in {"model", "inputs"})]
        for name in names:
            try:
                total += Path(place, name).lstat().st_size
            except OSError:
                continue
    return total


def tree_memory(root: int) -> int:
    """Resident bytes of a process and its descendants, from /proc; 0 where there is none."""
    children: dict[int, list[int]] = {}
    resident: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        _read(int(entry.name), children, resident)
    total, todo = 0, [root]
    while todo:
        pid = todo.pop()
        total += resident.get(pid, 0)
        todo += children.get(pid, [])
    return total


def _read(pid: int, children: dict[int, list[int]], resident: dict[int, int]) -> None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except (OSError, IndexError):
        return
    parent = int(stat.rpartition(")")[2].split()[1])
    children.setdefault(parent, []).append(pid)
    resident[pid] = int(pages) * _PAGE
