"""Starts the whole demo world: MLflow, Azure DevOps, the serving host, the portal; builds what is not there yet."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.azure_setup import PIPELINE_ID, prepare_azure, start_azure
from demo.governance import write_governance
from demo.history import make_history
from demo.layout import Layout
from demo.processes import Child, ProcessGroup, child_environment, wait_for
from demo.show import Progress
from demo.world.mlflow_server import start_mlflow
from demo.world.registry import build_world, discard_half_built

ROOT = Path(__file__).resolve().parent.parent
SERVER_SECONDS = 120.0


@dataclass(frozen=True)
class RunningWorld:
    """A world that is up."""

    layout: Layout
    group: ProcessGroup


@contextmanager
def running_world(layout: Layout, progress: Progress) -> Iterator[RunningWorld]:
    """Start everything in its order; leaving the block ends every process."""
    discard_half_built(layout.directory)
    with ProcessGroup(layout.directory) as group:
        _start_servers(group, layout, progress)
        with progress.step("the registry's world"):
            build_world(layout.mlflow_url, layout.directory, progress=progress.say)
        write_governance(layout, pipeline=PIPELINE_ID)
        with progress.step("the portal"):
            portal = _start_portal(group, layout)
            wait_for(portal, f"{layout.portal_url}/readyz", seconds=SERVER_SECONDS)
        make_history(layout, progress)
        yield RunningWorld(layout, group)


def _start_servers(group: ProcessGroup, layout: Layout, progress: Progress) -> None:
    prepare_azure(layout, ROOT)
    with progress.step("MLflow, Azure DevOps and the serving host"):
        mlflow = start_mlflow(group, layout.directory / "mlflow", layout.ports.mlflow)
        azure = start_azure(group, layout, ROOT)
        serving = _start_serving(group, layout)
        wait_for(mlflow, f"{layout.mlflow_url}/health", seconds=SERVER_SECONDS)
        wait_for(azure.child, azure.health_url, seconds=SERVER_SECONDS)
        wait_for(serving, f"{layout.serving_url}/endpoints", seconds=SERVER_SECONDS)


def _start_serving(group: ProcessGroup, layout: Layout) -> Child:
    command = [sys.executable, "-m", "demo.serving", "--port", str(layout.ports.serving)]
    command += ["--directory", str(layout.directory / "serving"), "--tracking-uri", layout.mlflow_url]
    command += ["--log-dir", str(layout.directory / "predictions")]
    return group.start("serving", command, environment=child_environment(PYTHONPATH=str(ROOT)), cwd=ROOT)


def _start_portal(group: ProcessGroup, layout: Layout) -> Child:
    settings = layout.portal_settings()
    home = {k: os.environ[k] for k in ("NUMBA_CACHE_DIR",) if k in os.environ}
    environment = child_environment(PYTHONPATH=str(ROOT), **settings, **home)
    return group.start("portal", [sys.executable, "-m", "dashboard"], environment=environment, cwd=ROOT)
