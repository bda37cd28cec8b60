"""Endpoints: a name, the version that answers, and the scoring server process behind it.

A deployment starts the new version beside the old one, waits until it answers, swaps, and ends the old process: an
endpoint that answered goes on answering, also when the new version does not start.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import requests

from demo.processes import child_environment, free_port, tail

State = Literal["deploying", "ready", "failed"]
START_SECONDS = 120.0
SCORING_SECONDS = 20.0


@dataclass(frozen=True)
class Endpoint:
    """One endpoint as people and pipelines see it; `model` and `version` are what answers now."""

    name: str
    environment: str
    state: State
    wanted_model: str
    wanted_version: str
    model: str | None = None
    version: str | None = None
    error: str = ""


@dataclass
class _Server:
    process: subprocess.Popen[bytes]
    url: str


class Endpoints:
    """All endpoints of this host."""

    def __init__(self, directory: Path, tracking_uri: str) -> None:
        self._directory = directory
        self._tracking_uri = tracking_uri
        self._lock = threading.Lock()
        self._endpoints: dict[str, Endpoint] = {}
        self._servers: dict[str, _Server] = {}
        directory.mkdir(parents=True, exist_ok=True)

    def restore(self) -> None:
        """Deploy again what answered before the host was stopped, or what was to answer if nothing did yet."""
        with contextlib.suppress(OSError, ValueError):
            for kept in json.loads(self._state_file.read_text()):
                model, version = kept["model"], kept["version"]
                if not (model and version):
                    model, version = kept["wanted_model"], kept["wanted_version"]
                self.deploy(kept["name"], environment=kept["environment"], model=model, version=version)

    def all(self) -> list[Endpoint]:
        """All endpoints by name."""
        with self._lock:
            return [self._endpoints[name] for name in sorted(self._endpoints)]

    def get(self, name: str) -> Endpoint | None:
        """One endpoint, or None."""
        with self._lock:
            return self._endpoints.get(name)

    def deploy(self, name: str, *, environment: str, model: str, version: str) -> Endpoint:
        """Begin a deployment; it goes on in the background."""
        with self._lock:
            known = self._endpoints.get(name) or Endpoint(name, environment, "deploying", model, version)
            begun = replace(known, state="deploying", wanted_model=model, wanted_version=version, error="")
            self._endpoints[name] = begun
        threading.Thread(target=self._swap, args=(begun,), daemon=True).start()
        return begun

    def remove(self, name: str) -> bool:
        """Take an endpoint down."""
        with self._lock:
            known = self._endpoints.pop(name, None)
            server = self._servers.pop(name, None)
            self._keep()
        if server:
            _end(server.process)
        return known is not None

    def score(self, name: str, body: bytes, content_type: str) -> requests.Response | None:
        """Ask the version that answers now; None when none does."""
        with self._lock:
            server = self._servers.get(name)
        if server is None:
            return None
        return requests.post(
            f"{server.url}/invocations", data=body, headers={"content-type": content_type}, timeout=SCORING_SECONDS
        )

    def close(self) -> None:
        """End every scoring server."""
        with self._lock:
            servers, self._servers = list(self._servers.values()), {}
        for server in servers:
            _end(server.process)

    def _swap(self, begun: Endpoint) -> None:
        server, error = self._start(begun)
        with self._lock:
            now = self._endpoints.get(begun.name)
            overtaken = now is None or (now.wanted_model, now.wanted_version) != (
                begun.wanted_model,
                begun.wanted_version,
            )
            old = self._servers.get(begun.name)
            if error or overtaken:
                ended: _Server | None = server
                if now is not None and not overtaken:
                    self._endpoints[begun.name] = replace(now, state="failed", error=error)
            else:
                ended = old
                self._servers[begun.name] = server
                ready = replace(begun, state="ready", model=begun.wanted_model, version=begun.wanted_version)
                self._endpoints[begun.name] = ready
            self._keep()
        if ended:
            _end(ended.process)

    def _start(self, wanted: Endpoint) -> tuple[_Server, str]:
        port = free_port()
        log = self._directory / f"{wanted.name}.log".replace("/", "_")
        command = [sys.executable, "-m", "mlflow", "models", "serve", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--model-uri", f"models:/{wanted.wanted_model}/{wanted.wanted_version}"]
        command += ["--env-manager", "local", "--workers", "1"]
        environment = child_environment(
            PATH=_path(), MLFLOW_TRACKING_URI=self._tracking_uri, MLFLOW_DISABLE_TELEMETRY="true",
            MLFLOW_HTTP_REQUEST_MAX_RETRIES="2", MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false",
        )  # fmt: skip
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        server = _Server(process, f"http://127.0.0.1:{port}")
        return server, _wait(server, log)

    def _keep(self) -> None:
        part = self._state_file.with_suffix(".part")
        part.write_text(json.dumps([asdict(e) for e in self._endpoints.values()]))
        part.replace(self._state_file)

    @property
    def _state_file(self) -> Path:
        return self._directory / "endpoints.json"


def _path() -> str:
    """MLflow starts the scoring server by name: the programs of this environment come first."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def _wait(server: _Server, log: Path) -> str:
    """Empty once the server answers, otherwise why it does not."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if server.process.poll() is not None:
            return f"The scoring server ended with code {server.process.returncode}: {tail(log, 5)}"
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{server.url}/ping", timeout=2).ok:
                return ""
        time.sleep(0.3)
    return f"The scoring server did not answer within {START_SECONDS:g} s."


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
            return
