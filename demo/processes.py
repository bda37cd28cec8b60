"""Child processes of the demo: started in groups of their own, waited for over HTTP, ended without a trace.

Each child gets SIGTERM when its parent dies (Linux), and leaves a pid file with its start time, so that the next
start can clear away what it started itself and nothing else.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import requests

GRACE = 8.0
PR_SET_PDEATHSIG = 1
Progress = Callable[[str], None]


class ProcessError(Exception):
    """A child did not come up; the message holds the end of its log."""


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """True when nobody listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@dataclass
class Child:
    """A running child."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    pid_file: Path

    @property
    def is_running(self) -> bool:
        """True until it has ended."""
        return self.process.poll() is None


@dataclass
class ProcessGroup:
    """All children of one demo world; leaving the block ends them in reverse order."""

    directory: Path
    children: list[Child] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Clear away what an earlier, killed run of the same world left behind."""
        (self.directory / "run").mkdir(parents=True, exist_ok=True)
        clear_leftovers(self.directory)
        return self

    def __exit__(self, *_: object) -> None:
        """End every child."""
        self.stop()

    def start(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str], cwd: Path | None = None
    ) -> Child:
        """Start a child in a group of its own; its output goes to a log file."""
        log = self.directory / "run" / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=cwd,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - one prctl call
            )
        pid_file = self.directory / "run" / f"{name}.pid"
        pid_file.write_text(json.dumps({"pid": process.pid, "started": _started(process.pid)}))
        child = Child(name, process, log, pid_file)
        self.children.append(child)
        return child

    def stop(self) -> None:
        """End every child, the last one first."""
        for child in reversed(self.children):
            _end(child)
        self.children.clear()

    def dead(self) -> Child | None:
        """A child that ended by itself, if any."""
        return next((child for child in self.children if not child.is_running), None)


def wait_for(child: Child, url: str, *, seconds: float, progress: Progress | None = None) -> None:
    """Wait until an address answers with 200. Raises ProcessError when the child ends or the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not child.is_running:
            raise ProcessError(f"{child.name} ended with code {child.process.returncode}.\n{tail(child.log)}")
        with contextlib.suppress(requests.RequestException):
            if requests.get(url, timeout=2).status_code == requests.codes.ok:
                return
        if progress:
            progress(child.name)
        time.sleep(0.2)
    raise ProcessError(f"{child.name} did not answer on {url} within {seconds:g} s.\n{tail(child.log)}")


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def child_environment(**extra: str) -> dict[str, str]:
    """The environment for children: what programs need, none of the user's other variables."""
    keep = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "SYSTEMROOT")
    kept = {name: os.environ[name] for name in keep if name in os.environ}
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", **extra}


def clear_leftovers(directory: Path) -> None:
    """End children of an earlier run that was killed, recognized by pid and start time."""
    for pid_file in (directory / "run").glob("*.pid"):
        with contextlib.suppress(OSError, ValueError, KeyError):
            kept = json.loads(pid_file.read_text())
            if kept["started"] is not None and _started(kept["pid"]) == kept["started"]:
                _kill_group(kept["pid"], signal.SIGKILL)
        pid_file.unlink(missing_ok=True)


def _end(child: Child) -> None:
    if child.is_running:
        _kill_group(child.process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(GRACE)
    _kill_group(child.process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.process.wait(GRACE)
    child.pid_file.unlink(missing_ok=True)


def _kill_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _started(pid: int) -> str | None:
    """When the process started, in clock ticks since boot; None where the system does not say or it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]
