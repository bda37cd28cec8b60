"""Scoring server processes as the host sees them: one is kept warm, each serves one version, none outlives the host."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import mkdtemp

import requests

from demo.processes.children import child_environment, free_port, tail
from demo.serving.scorer import Order

START_SECONDS = 120.0
END_SECONDS = 5.0
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Process:
    """A process with its folder, which goes with it."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def log(self) -> Path:
        """What it wrote."""
        return self.folder / "log"


@dataclass(frozen=True)
class ScoringServer:
    """A server that answers: which files it loaded, and where it is."""

    process: Process
    url: str
    digest: str


class DidNotStartError(Exception):
    """No server; the message says why."""


class ScoringServers:
    """Starts and ends scoring servers. The start of Python and MLflow is done ahead, for one at a time."""

    def __init__(self, directory: Path, tracking_uri: str) -> None:
        self._directory = directory
        self._tracking_uri = tracking_uri
        self._lock = threading.Lock()
        self._warm: Process | None = None
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)

    def start(self, model: str, version: str) -> ScoringServer:
        """A server for this version, once it answers. Raises DidNotStartError."""
        process = self._take()
        server_url, digest_file = f"http://127.0.0.1:{(port := free_port())}", process.folder / "digest"
        (process.folder / "model").mkdir()
        order = Order(model, version, port, str(process.folder / "model"), str(digest_file))
        try:
            _send(process, order)
            _wait(process, server_url)
        except DidNotStartError:
            end(process)
            raise
        finally:
            self.warm_up()
        return ScoringServer(process, server_url, digest_file.read_text())

    def warm_up(self) -> None:
        """Have a process that only waits for its order."""
        with self._lock:
            if self._warm is None:
                self._warm = self._spawn()

    def close(self) -> None:
        """End the one that waits."""
        with self._lock:
            warm, self._warm = self._warm, None
        if warm:
            end(warm)

    def _take(self) -> Process:
        with self._lock:
            warm, self._warm = self._warm, None
        if warm and warm.process.poll() is None:
            return warm
        return self._spawn()

    def _spawn(self) -> Process:
        folder = Path(mkdtemp(dir=self._directory))
        environment = child_environment(
            PYTHONPATH=str(ROOT), MLFLOW_TRACKING_URI=self._tracking_uri, MLFLOW_DISABLE_TELEMETRY="true",
            MLFLOW_HTTP_REQUEST_MAX_RETRIES="2", MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false",
        )  # fmt: skip
        with (folder / "log").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "demo.serving.scorer"], env=environment, cwd=ROOT, stdin=subprocess.PIPE,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        return Process(process, folder)


def end(process: Process) -> None:
    """End the process with its group, and remove its folder."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.process.wait(END_SECONDS)
            break
    if process.process.stdin:
        with contextlib.suppress(OSError):
            process.process.stdin.close()
    shutil.rmtree(process.folder, ignore_errors=True)


def _send(process: Process, order: Order) -> None:
    assert process.process.stdin is not None  # it was asked for
    try:
        process.process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        process.process.stdin.flush()
    except OSError as error:
        raise DidNotStartError(f"The scoring server ended at once: {tail(process.log, 5)}") from error


def _wait(process: Process, url: str) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.process.poll() is not None:
            code = process.process.returncode
            raise DidNotStartError(f"The scoring server ended with code {code}: {tail(process.log, 5)}")
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{url}/ping", timeout=2).ok:
                return
        time.sleep(0.1)
    raise DidNotStartError(f"The scoring server did not answer within {START_SECONDS:g} s.")
