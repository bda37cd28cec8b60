"""Scoring server processes, seen from the host: each serves one version, and none outlives the host.

They are forked from one process that has loaded MLflow once (`multiprocessing`, start method *forkserver*).
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import time
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from tempfile import mkdtemp

import requests

from demo.processes.children import free_port, tail
from demo.serving.scorer import Order, serve

START_SECONDS = 120.0
END_SECONDS = 5.0
LOOK_EVERY = 0.05
VARIABLES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "OMP_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
"""The last two keep libraries from starting threads when they are imported: a fork would not have them."""


@dataclass(frozen=True)
class ScoringServer:
    """A running server: which files it loaded, and its address."""

    process: ForkServerProcess
    order: Order
    digest: str

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.order.port}"

    def end(self) -> None:
        """End the process with its group, and remove its folder."""
        _end(self.process, self.order)


class DidNotStartError(Exception):
    """The server did not start; the message says why."""


class ScoringServers:
    """Starts scoring servers. Their common imports are loaded once, in advance."""

    def __init__(self, directory: Path, tracking_uri: str) -> None:
        self._directory = directory
        self._tracking_uri = tracking_uri
        self._processes = multiprocessing.get_context("forkserver")
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)

    def warm_up(self) -> None:
        """Start loading the common imports. The servers inherit this process's current environment variables."""
        os.environ.update(VARIABLES, MLFLOW_TRACKING_URI=self._tracking_uri)
        forkserver.set_forkserver_preload(["demo.serving.preloaded"])
        forkserver.ensure_running()

    def start(self, model: str, version: str) -> ScoringServer:
        """A server for this version, once it responds. Raises DidNotStartError."""
        until = time.monotonic() + START_SECONDS
        _await_registry(self._tracking_uri, until)
        order = Order(model, version, free_port(), mkdtemp(dir=self._directory))
        process = self._processes.Process(target=serve, args=(order,), name=f"{model} v{version}", daemon=True)
        process.start()
        try:
            _wait(process, order, until)
        except DidNotStartError:
            _end(process, order)
            raise
        return ScoringServer(process, order, order.digest_file.read_text())


def _end(process: ForkServerProcess, order: Order) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.pid is not None:
            _signal(process.pid, number)
        process.join(END_SECONDS)
        if not process.is_alive():
            break
    shutil.rmtree(order.folder, ignore_errors=True)


def _signal(pid: int, number: signal.Signals) -> None:
    """Signal its group; the process alone while it has no group yet."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _await_registry(tracking_uri: str, until: float) -> None:
    """If host and registry start together, the registry may take longer."""
    while not _answers(f"{tracking_uri}/health"):
        if time.monotonic() > until:
            raise DidNotStartError(f"The registry {tracking_uri} did not answer within {START_SECONDS:g} s.")
        time.sleep(LOOK_EVERY)


def _wait(process: ForkServerProcess, order: Order, until: float) -> None:
    while time.monotonic() < until:
        if not process.is_alive():
            code, end = process.exitcode, tail(order.log, 5)
            raise DidNotStartError(f"The scoring server ended with code {code}: {end}")
        if _answers(f"http://127.0.0.1:{order.port}/ping"):
            return
        time.sleep(LOOK_EVERY)
    raise DidNotStartError(f"The scoring server did not answer within {START_SECONDS:g} s.")


def _answers(address: str) -> bool:
    with requests.Session() as session:
        session.trust_env = False
        with contextlib.suppress(requests.RequestException):
            return session.get(address, timeout=2).ok
    return False
