"""Starts the whole demo world: MLflow, Azure DevOps, the serving host, the portal; builds what is not there yet."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.azure_setup import PIPELINE_ID, prepare_azure, start_azure
from demo.governance import write_governance
from demo.history import MARKER as HISTORY
from demo.history import make_history
from demo.layout import Layout
from demo.processes.children import Child, ProcessGroup, child_environment, wait_for
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
    with ProcessGroup(layout.directory) as group:
        if discard_half_built(layout.directory):
            progress.say("an unfinished world was found; it is built anew")
            _forget_what_referred_to_it(layout.directory)
        prepare_azure(layout, ROOT)
        start_mlflow(group, layout.directory / "mlflow", layout.ports.mlflow)
        azure = start_azure(group, layout, ROOT)
        serving = _start_serving(group, layout)
        build_world(layout.mlflow_url, layout.directory, progress=progress.say)
        with progress.step("Azure DevOps and the serving host"):
            wait_for(azure.child, azure.health_url, seconds=SERVER_SECONDS)
            wait_for(serving, f"{layout.serving_url}/endpoints", seconds=SERVER_SECONDS)
        write_governance(layout, pipeline=PIPELINE_ID)
        with progress.step("the portal"):
            portal = _start_portal(group, layout)
            wait_for(portal, f"{layout.portal_url}/readyz", seconds=SERVER_SECONDS)
        make_history(layout, progress)
        yield RunningWorld(layout, group)


def _forget_what_referred_to_it(directory: Path) -> None:
    """Requests, releases and endpoints of a registry that is gone mean nothing in the next one."""
    for name in ("portal", "witness", "azure", "serving"):
        shutil.rmtree(directory / name, ignore_errors=True)
    (directory / HISTORY).unlink(missing_ok=True)


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
