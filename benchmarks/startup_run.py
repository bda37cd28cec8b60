"""One start of the demo, watched from outside: its address, its processes, its memory."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

from benchmarks.startup_base import Build, BuildError

READY = "Countersign is ready:"
READY_SECONDS, STOP_SECONDS, CALL_SECONDS = 900.0, 60.0, 10.0
QUIET_WINDOW, QUIET_SHARE, QUIET_LOOKS, QUIET_SECONDS = 2.0, 0.15, 3, 90.0
"""Quiet: all processes together used less than this share of one core in each of some windows in a row."""
NAMES = (
    ("demo.serving.scorer", "scoring server"),
    ("multiprocessing.forkserver", "scoring server"),
    ("resource_tracker", "resource tracker"),
    ("demo.serving", "serving host"),
    ("mlflow server", "MLflow"),
    ("demo.world.mlflow_server", "MLflow"),
    ("mlflow.server", "MLflow"),
    ("azure_devops", "Azure DevOps"),
    ("-m dashboard", "portal"),
    ("process_table", "watcher"),
    ("processes/groups", "watcher"),
    ("-m demo run", "supervisor"),
)


@dataclass(frozen=True)
class Started:
    """Seconds to the address; megabytes (10^6 bytes, PSS) at rest by process; how many endpoints did not come back."""

    ready_s: float
    by_process: dict[str, float]
    lost: int

    @property
    def rest_mb(self) -> float:
        """All processes."""
        return sum(self.by_process.values())

    def line(self) -> str:
        """Both figures, for people."""
        lost = f", {self.lost} endpoint did not come back" if self.lost else ""
        return f"{self.ready_s:.1f} s, {self.rest_mb:.0f} MB{lost}"


def start_once(build: Build, world: Path) -> Started:
    """Start the demo in a folder, measure, and stop it. Raises BuildError if it does not start."""
    with _demo(build, world) as (process, ready_s):
        tree = psutil.Process(process.pid)
        lost = _deploy_lost(json.loads((world / "layout.json").read_text())["ports"]["serving"])
        _await_quiet(tree)
        return Started(ready_s, memory(tree), lost)


def memory(tree: psutil.Process) -> dict[str, float]:
    """Proportional memory of a process and all below it, by what they are; several of a kind are numbered."""
    found: dict[str, float] = {}
    seen: Counter[str] = Counter()
    for process in (tree, *tree.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            size, name = process.memory_full_info().pss / 1e6, name_of(process.cmdline())
            seen[name] += 1
            found[name if seen[name] == 1 else f"{name} {seen[name]}"] = size
    return found


def name_of(command: list[str]) -> str:
    """What a process is, by its command line."""
    line = " ".join(command)
    return next((name for part, name in NAMES if part in line), line[:60] or "unnamed")


@contextmanager
def _demo(build: Build, world: Path) -> Iterator[tuple[subprocess.Popen[str], float]]:
    kept = {name: os.environ[name] for name in ("HOME", "PATH", "LANG", "TMPDIR") if name in os.environ}
    command = [str(build.python), "-m", "demo", "run", "--directory", str(world)]
    begun = time.monotonic()
    with subprocess.Popen(
        command, cwd=build.root, env=kept, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        limit = threading.Timer(READY_SECONDS, process.send_signal, [signal.SIGINT])
        limit.start()
        try:
            ready_s = _await_address(process, build, begun)
            limit.cancel()
            yield process, ready_s
        finally:
            limit.cancel()
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            process.kill()


def _await_address(process: subprocess.Popen[str], build: Build, begun: float) -> float:
    assert process.stdout is not None  # it was asked for
    said: list[str] = []
    for line in process.stdout:
        said.append(line)
        if READY in line:
            return time.monotonic() - begun
    raise BuildError(f"The demo of {build.name} did not start:\n{''.join(said[-20:])}")


def _deploy_lost(port: int) -> int:
    """Wait until each endpoint has come back or failed, and deploy again what failed; returns how many."""
    address = f"http://127.0.0.1:{port}/endpoints"
    failed = [row for row in _settled(address) if row["state"] == "failed"]
    for row in failed:
        body = {"environment": row["environment"], "model": row["wanted_model"], "version": row["wanted_version"]}
        requests.put(f"{address}/{row['name']}", json=body, timeout=CALL_SECONDS).raise_for_status()
    again = [row["name"] for row in _settled(address) if row["state"] != "ready"]
    if again:
        raise BuildError(f"These endpoints do not answer: {', '.join(again)}.")
    return len(failed)


def _settled(address: str) -> list[dict[str, Any]]:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        rows: list[dict[str, Any]] = requests.get(address, timeout=CALL_SECONDS).json()
        if all(row["state"] in ("ready", "failed") for row in rows):
            return rows
        time.sleep(0.2)
    raise BuildError(f"An endpoint at {address} is still being deployed.")


def _await_quiet(tree: psutil.Process) -> None:
    """Wait until only the usual polling goes on; a demo that is never quiet is measured as it is, after a while."""
    quiet, end = 0, time.monotonic() + QUIET_SECONDS
    while quiet < QUIET_LOOKS and time.monotonic() < end:
        before = _processor_seconds(tree)
        time.sleep(QUIET_WINDOW)
        used = sum(max(0.0, now - before.get(pid, 0.0)) for pid, now in _processor_seconds(tree).items())
        quiet = quiet + 1 if used / QUIET_WINDOW < QUIET_SHARE else 0


def _processor_seconds(tree: psutil.Process) -> dict[int, float]:
    found: dict[int, float] = {}
    for process in (tree, *tree.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            found[process.pid] = times.user + times.system
    return found
