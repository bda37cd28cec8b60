"""A real `mlflow server` for tests: SQLite, one worker, a free port at 127.0.0.1, gone when the block ends."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

PROCESS = Path(__file__).with_name("mlflow_process.py")
START_SECONDS = 120
STOP_SECONDS = 15


@dataclass(frozen=True)
class MlflowServer:
    """A running server; `api` and `upload` are for building what a test needs, past the adapter under test."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]
    account: tuple[str, str] | None = None
    """User and password, where the server asks for them."""

    def acting_as(self, user: str, password: str) -> MlflowServer:
        """The same server, asked by somebody else."""
        return replace(self, account=(user, password))

    def kill(self) -> None:
        """kill -9 on the server and its worker."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def artifacts(self) -> Path:
        """Where the server keeps what is uploaded."""
        return self.folder / "artifacts"

    def api(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """One REST call that must succeed."""
        with _session(self.account) as session:
            answer = session.request(method, f"{self.url}/api/2.0/mlflow/{path}", json=dict(body), timeout=30)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        found: dict[str, Any] = answer.json()
        return found

    def upload(self, path: str, data: bytes) -> None:
        """Put an artifact into the proxied store; `path` is relative to its root."""
        with _session(self.account) as session:
            address = f"{self.url}/api/2.0/mlflow-artifacts/artifacts/{quote(path)}"
            answer = session.put(address, data=data, timeout=30)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"


@contextmanager
def mlflow_server(
    folder: Path, *arguments: str, administrator: tuple[str, str] | None = None
) -> Iterator[MlflowServer]:
    """Start a server that keeps everything in `folder`, wait until its database answers, and stop it at the end.

    With an `administrator` (user, password) it asks everybody for a password, and keeps its users in `folder` too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [sys.executable, str(PROCESS), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(folder / "artifacts"), *arguments]
    command += ["--app-name", "basic-auth"] if administrator else []
    environment = _environment() | (_sign_in_settings(folder, *administrator) if administrator else {})
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        server = MlflowServer(f"http://127.0.0.1:{port}", folder, process, administrator)
        _wait_until_ready(server, process)
        yield server
    finally:
        _stop(process)


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def client_environment(server: MlflowServer) -> dict[str, str]:
    """For a process that talks to the server with MLflow's own client."""
    return _environment() | {"MLFLOW_TRACKING_URI": server.url}


def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_") and not k.lower().endswith("_proxy")}
    return kept | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


def _sign_in_settings(folder: Path, user: str, password: str) -> dict[str, str]:
    (folder / "auth.ini").write_text(
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{folder / 'users.db'}\n"
        f"admin_username = {user}\nadmin_password = {password}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        "auth_cache_ttl_seconds = 60\n"
    )
    return {"MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"), "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex()}


def _session(account: tuple[str, str] | None = None) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.auth = account
    return session


def _wait_until_ready(server: MlflowServer, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    with _session(server.account) as session:
        while time.monotonic() < end and process.poll() is None:
            with suppress(requests.RequestException):
                address = f"{server.url}/api/2.0/mlflow/registered-models/search?max_results=1"
                if session.get(address, timeout=10).status_code == 200:
                    return
            time.sleep(0.05)
    tail = (server.folder / "server.log").read_text(errors="replace")[-3000:]
    raise RuntimeError(f"mlflow server did not start:\n{tail}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the whole process group: the server has a worker of its own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
