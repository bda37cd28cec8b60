"""A real MLflow server in a single process: SQLite behind it, artifacts served through it.

`mlflow server` prepares the database and then starts uvicorn as a second process, which imports everything again,
while the first one only waits. Run as a program, this module lets the command go on to uvicorn in the same process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from demo.processes.children import Child, ProcessGroup, child_environment

ROOT = Path(__file__).resolve().parents[2]


def start_mlflow(group: ProcessGroup, directory: Path, port: int) -> Child:
    """Start it on 127.0.0.1; it responds after some seconds. Its log has warnings, not every request."""
    directory.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "demo.world.mlflow_server", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{(directory / 'mlflow.db').resolve()}"]
    command += ["--artifacts-destination", str((directory / "artifacts").resolve())]
    command += ["--uvicorn-opts", "--log-level warning --no-access-log"]
    environment = child_environment(
        PYTHONPATH=str(ROOT),
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
        MLFLOW_DISABLE_TELEMETRY="true",
        DO_NOT_TRACK="true",
    )
    return group.start("mlflow", command, environment=environment, cwd=directory)


def main() -> None:
    """MLflow's own command line, with uvicorn in this process."""
    import uvicorn  # noqa: F401 - before mlflow.server, which guards its app only where it sees a web server loaded
    from mlflow import server
    from mlflow.cli import cli

    if not hasattr(server, "_exec_cmd"):
        raise SystemExit("This release of MLflow starts its web server in another way.")
    server._exec_cmd = _serve_here  # noqa: SLF001 - the one call that would start the second process
    cli()


def _serve_here(command: Sequence[str], *, extra_env: Mapping[str, str], **_: Any) -> NoReturn:
    """In place of MLflow's start of ``python -m uvicorn …``: same arguments and variables, no new process."""
    from uvicorn.main import main as serve

    python, *module = command[:3]
    if (python, module) != (sys.executable, ["-m", "uvicorn"]):
        raise SystemExit(f"MLflow starts another web server than uvicorn: {command}")
    os.environ.update(extra_env)
    serve(args=list(command[3:]))
    raise SystemExit(0)


if __name__ == "__main__":
    main()
