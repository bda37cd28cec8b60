"""The real portal as a process of its own, for tests that look at it from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from tests.mlflow_server import free_port

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = [
    {"id": "ana.ruiz", "name": "Ana Ruiz", "roles": ["data_scientist"]},
    {"id": "ben.okafor", "name": "Ben Okafor", "roles": ["reviewer", "operator"]},
    {"id": "dev.patel", "name": "Dev Patel", "roles": ["auditor"]},
]
START_SECONDS = 90


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The variables of a process of the portal: this machine's, without settings and proxies, and these."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith("COUNTERSIGN_") and not k.lower().endswith("_proxy")
    }
    named = {f"COUNTERSIGN_{name.upper()}": value for name, value in settings.items()}
    return kept | {"PYTHONPATH": str(ROOT)} | named


@contextmanager
def portal_process(folder: Path, settings: Mapping[str, str]) -> Iterator[str]:
    """Serve with the demo people on a free port; yields the address."""
    port = free_port()
    chosen = {"port": str(port), "demo_people": json.dumps(PEOPLE)} | dict(settings)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "portal.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.cli.main", "serve"], cwd=folder, env=environment(chosen), stdout=log, stderr=log,
        )  # fmt: skip
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}", process, folder)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()


def _wait_until_ready(address: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + START_SECONDS
    with requests.Session() as session:
        session.trust_env = False
        while time.monotonic() < end and process.poll() is None:
            with suppress(requests.RequestException):
                if session.get(f"{address}/readyz", timeout=5).status_code == 200:
                    return
            time.sleep(0.05)
    raise RuntimeError(f"The portal did not start:\n{(folder / 'portal.log').read_text(errors='replace')[-3000:]}")
