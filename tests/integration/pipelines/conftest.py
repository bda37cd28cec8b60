"""What the pipelines work on: a real MLflow server with versions, and the demo's serving host as a process."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.integration.pipelines.steps import ROOT, run_step
from tests.mlflow_server import MlflowServer, client_environment, free_port, mlflow_server

TRAIN = Path(__file__).with_name("train.py")
MODEL = "Doubler"
SECONDS = 90.0


@dataclass(frozen=True)
class ServingHost:
    """A running serving host."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]

    def get(self, endpoint: str) -> dict[str, Any]:
        found: dict[str, Any] = requests.get(f"{self.url}/endpoints/{endpoint}", timeout=10).json()
        return found

    def deploy(self, endpoint: str, version: str, model: str = MODEL) -> None:
        body = {"environment": "test", "model": model, "version": version}
        answer = requests.put(f"{self.url}/endpoints/{endpoint}", json=body, timeout=10)
        assert answer.status_code == 202, answer.text

    def ready(self, endpoint: str, version: str) -> dict[str, Any]:
        """The endpoint once this version answers."""
        return wait_for(lambda: found if (found := self.get(endpoint)).get("version") == version else None)

    def score(self, endpoint: str, *values: float) -> list[float]:
        body = {"dataframe_split": {"columns": ["x"], "data": [[value] for value in values]}}
        answer = requests.post(f"{self.url}/endpoints/{endpoint}/invocations", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return [round(value, 6) for value in answer.json()["predictions"]]


def wait_for(probe: Any, seconds: float = SECONDS) -> Any:
    """The first true value of `probe`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if value := probe():
            return value
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


def register(server: MlflowServer, **environment: str) -> str:
    """Train and register one more version; its number."""
    done = subprocess.run(
        [sys.executable, str(TRAIN)], env=client_environment(server) | environment, capture_output=True, text=True,
        timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = re.search(r"isOutput=true\]([0-9a-f]{32})", done.stdout)
    assert found, done.stdout
    registered = run_step("register_model", "--mlflow-url", server.url, "--model", MODEL, "--run-id", found[1])
    assert registered.returncode == 0, registered.stdout + registered.stderr
    version = re.search(r"variable=modelVersion;isOutput=true\](\d+)", registered.stdout)
    assert version, registered.stdout
    return version[1]


@contextmanager
def serving_host(folder: Path, mlflow_url: str, *, port: int = 0) -> Iterator[ServingHost]:
    """`python -m demo.serving` until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    command = [sys.executable, "-m", "demo.serving", "--port", str(port), "--directory", str(folder / "serving")]
    with (folder / "serving.log").open("ab") as log:
        process = subprocess.Popen([*command, "--tracking-uri", mlflow_url], cwd=ROOT, stdout=log, stderr=log)
    host = ServingHost(f"http://127.0.0.1:{port}", folder, process)
    try:
        wait_for(lambda: _answers(host))
        yield host
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()
        process.wait()


def _answers(host: ServingHost) -> bool:
    assert host.process.poll() is None, (host.folder / "serving.log").read_text()
    with suppress(requests.ConnectionError):
        return requests.get(f"{host.url}/endpoints", timeout=5).ok
    return False


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """Versions 1 (x2), 2 (x3) of one model, and 3, whose known records expect something else."""
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as server:
        for environment in ({"WEIGHT": "2"}, {"WEIGHT": "3"}, {"WEIGHT": "4", "EXPECTED_OFF_BY": "0.5"}):
            register(server, **environment)
        yield server


@pytest.fixture(scope="session")
def host(mlflow: MlflowServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingHost]:
    """One host for all tests; each test uses an endpoint name of its own."""
    with serving_host(tmp_path_factory.mktemp("host"), mlflow.url) as running:
        yield running
