"""A real MLflow server in a process of its own: SQLite behind it, artifacts served through it."""

from __future__ import annotations

import sys
from pathlib import Path

from demo.processes.children import Child, ProcessGroup, child_environment


def start_mlflow(group: ProcessGroup, directory: Path, port: int) -> Child:
    """Start it on 127.0.0.1; it takes seconds until it answers. Its log holds warnings, not every request."""
    directory.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{(directory / 'mlflow.db').resolve()}"]
    command += ["--artifacts-destination", str((directory / "artifacts").resolve())]
    command += ["--uvicorn-opts", "--log-level warning --no-access-log"]
    environment = child_environment(
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false", MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true"
    )
    return group.start("mlflow", command, environment=environment, cwd=directory)
