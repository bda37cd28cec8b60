"""Child processes of the demo: started in separate process groups, awaited over HTTP, ended completely.

Ctrl-C, SIGTERM and SIGHUP end the children in reverse order. If the parent is killed, a watcher ends them instead. If
that is killed too, each child has left a mark, so that the next start can end exactly the processes that this demo
started.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

import requests

from demo.processes import groups
from demo.processes.groups import GRACE, end_group, is_still_there, mark_of, mark_text, parse_mark
from demo.processes.signals import orderly_end, signals_held

PROGRESS_EVERY = 2.0
LOOK_EVERY = 0.05
TAIL_BYTES = 16_000
FRUGAL = {
    "PYTHONUNBUFFERED": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": "131072",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
"""Many processes share a small machine: one numeric thread each, few heaps, and freed memory is returned at once."""
Progress = Callable[[str], None]
Stream = int | IO[bytes]


class ProcessError(Exception):
    """A child did not start, or the demo is already running; the message says what to do or has the end of a log."""


def free_port() -> int:
    """A free port on 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """True if this port of 127.0.0.1 is free."""
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
    is_job: bool = False
    """A job exits when its work is done."""

    @property
    def is_running(self) -> bool:
        """True until it has exited."""
        return self.process.poll() is None

    @property
    def has_failed(self) -> bool:
        """True if it exited although it should keep running, or without finishing its work."""
        return not self.is_running and not (self.is_job and self.process.returncode == 0)


@dataclass
class ProcessGroup:
    """All children of one demo; leaving the block ends them in reverse order.

    Entering raises ProcessError if another process runs the same demo.
    """

    directory: Path
    children: list[Child] = field(default_factory=list)
    _open: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _watcher: IO[str] = field(init=False)

    def __enter__(self) -> Self:
        """Lock the demo's folder, and end processes that an earlier, killed run left behind."""
        (self.directory / "run").mkdir(parents=True, exist_ok=True)
        self._open.enter_context(_sole_use(self.directory / "run" / "lock"))
        clear_leftovers(self.directory)
        self._open.enter_context(orderly_end())
        self._watcher = self._open.enter_context(_watcher())
        return self

    def __exit__(self, *_: object) -> None:
        """End every child and release the lock."""
        try:
            self.stop()
        finally:
            self._open.close()

    def start(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str], cwd: Path | None = None
    ) -> Child:
        """Start a child in a new process group; its output goes to a log, the last run's to `NAME.previous.log`."""
        with signals_held(), self._log(name).open("wb") as log:
            return self._keep(name, _spawn(command, environment, cwd=cwd, output=log, errors=subprocess.STDOUT))

    def start_job(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str], cwd: Path, tell: Progress
    ) -> Child:
        """Start a job; `tell` gets each line of its stdout, the log gets its stderr."""
        with signals_held(), self._log(name).open("wb") as log:
            process = _spawn(command, environment, cwd=cwd, output=subprocess.PIPE, errors=log)
            child = self._keep(name, process, is_job=True)
        threading.Thread(target=_relay, args=(process, tell), daemon=True).start()
        return child

    def _log(self, name: str) -> Path:
        log = self.directory / "run" / f"{name}.log"
        if log.exists():
            log.replace(log.with_name(f"{name}.previous.log"))
        return log

    def _keep(self, name: str, process: subprocess.Popen[bytes], *, is_job: bool = False) -> Child:
        folder = self.directory / "run"
        child = Child(name, process, folder / f"{name}.log", folder / f"{name}.pid", is_job)
        self.children.append(child)
        mark = mark_text(mark_of(child.process.pid))
        self._watcher.write(f"{mark}\n")
        child.pid_file.write_text(mark)
        return child

    def stop(self) -> None:
        """End every child, the last one first. Another Ctrl-C meanwhile only skips the grace period."""
        grace = GRACE
        while self.children:
            try:
                _end(self.children[-1], grace)
            except (KeyboardInterrupt, SystemExit):
                grace = 0.0
                continue
            self.children.pop()

    def dead(self) -> Child | None:
        """A child that exited unexpectedly, if any."""
        return next((child for child in self.children if child.has_failed), None)

    def demand_alive(self) -> None:
        """Raises ProcessError with the end of its log if a child exited unexpectedly."""
        child = self.dead()
        if child is not None:
            raise ProcessError(f"{child.name} ended with code {child.process.returncode}.\n{tail(child.log)}")

    def finish(self, job: Child, *, seconds: float) -> None:
        """Wait until a job is done. Raises ProcessError if it or another child fails, or the time is up."""
        end = time.monotonic() + seconds
        while job.is_running:
            self.demand_alive()
            if time.monotonic() > end:
                raise ProcessError(f"{job.name} did not end within {seconds:g} s.\n{tail(job.log)}")
            time.sleep(LOOK_EVERY)
        self.demand_alive()


def wait_for(child: Child, url: str, *, seconds: float, progress: Progress | None = None) -> None:
    """Wait until a URL answers 200. Raises ProcessError if the child exits or the time is up."""
    start = reported = time.monotonic()
    with requests.Session() as session:
        session.trust_env = False
        while time.monotonic() - start < seconds:
            if not child.is_running:
                raise ProcessError(f"{child.name} ended with code {child.process.returncode}.\n{tail(child.log)}")
            with contextlib.suppress(requests.RequestException):
                if session.get(url, timeout=2).status_code == requests.codes.ok:
                    return
            if progress and time.monotonic() - reported >= PROGRESS_EVERY:
                reported = time.monotonic()
                progress(f"waiting for {child.name} ({reported - start:.0f} s)")
            time.sleep(LOOK_EVERY)
    raise ProcessError(f"{child.name} did not answer on {url} within {seconds:g} s.\n{tail(child.log)}")


def _spawn(
    command: Sequence[str], environment: Mapping[str, str], *, cwd: Path | None, output: Stream, errors: Stream
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        env=dict(environment),
        cwd=cwd,
        start_new_session=True,
    )


def _relay(process: subprocess.Popen[bytes], tell: Progress) -> None:
    if process.stdout is not None:
        with process.stdout as lines:
            for line in lines:
                tell(line.decode(errors="replace").rstrip())


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def child_environment(**extra: str) -> dict[str, str]:
    """The environment for children: what programs need, and none of the user's other variables.

    This Python's own programs come first on PATH: ``mlflow models serve`` looks for uvicorn there. Python may write
    its bytecode: without it, each start of MLflow takes three to four times as long.
    """
    keep = ("HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "SYSTEMROOT")
    kept = {name: os.environ[name] for name in keep if name in os.environ}
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    return {**kept, "PATH": path, **FRUGAL, **extra}


def clear_leftovers(directory: Path) -> None:
    """Kill groups left by an earlier run of this demo, identified by id, start time and boot of the machine."""
    for pid_file in (directory / "run").glob("*.pid"):
        mark = parse_mark(pid_file.read_text(errors="replace"))
        if mark is not None and is_still_there(mark):
            end_group(mark.group, 0)
        pid_file.unlink(missing_ok=True)


def _end(child: Child, grace: float) -> None:
    child.process.poll()
    end_group(child.process.pid, grace)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.process.wait(GRACE)
    child.pid_file.unlink(missing_ok=True)


@contextlib.contextmanager
def _watcher() -> Iterator[IO[str]]:
    """The input of a watcher, which acts once this process has ended; after a clean shutdown it has nothing to do."""
    command = [sys.executable, "-I", groups.__file__]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, bufsize=1, start_new_session=True
    ) as process:
        if process.stdin is None:  # pragma: no cover - a pipe was asked for
            raise ProcessError("The watcher has no input.")
        yield process.stdin


@contextlib.contextmanager
def _sole_use(lock: Path) -> Iterator[None]:
    """Hold a lock that the system releases when this process ends, however it ends."""
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ProcessError(_in_use(file, lock)) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _in_use(file: IO[str], lock: Path) -> str:
    file.seek(0)
    return f"Process {file.read() or '?'} runs the demo in {lock.parent.parent}; stop it first, or use another folder."
