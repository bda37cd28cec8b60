"""Starts the whole demo: MLflow, Azure DevOps, the serving host, the portal; builds what does not exist yet.

This process runs as long as the demo, so it has no heavy imports: one-off work (training, history) is done in jobs,
which are processes that end.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from demo import traffic
from demo.governance import write_governance
from demo.layout import HISTORY, PIPELINE_ID, Layout
from demo.processes.children import Child, ProcessGroup, child_environment, wait_for
from demo.show import Progress
from demo.world.client import has_run, wait_until_ready
from demo.world.kept import discard_half_built, read_world
from demo.world.mlflow_server import start_mlflow

ROOT = Path(__file__).resolve().parent.parent
SERVER_SECONDS = 120.0
WORLD_SECONDS = 900.0


@dataclass(frozen=True)
class RunningWorld:
    """A running demo."""

    layout: Layout
    group: ProcessGroup


@contextmanager
def running_world(layout: Layout, progress: Progress) -> Iterator[RunningWorld]:
    """Start everything, each part as soon as its dependencies are up; leaving the block ends every process."""
    with ProcessGroup(layout.directory) as group:
        if discard_half_built(layout.directory):
            progress.say("found an unfinished demo; building it again")
            _forget_what_referred_to_it(layout.directory)
        write_governance(layout, pipeline=PIPELINE_ID)
        start = _Start(group, layout, progress)
        is_new = read_world(layout.directory) is None
        mlflow, azure = start.mlflow(), start.azure()
        world = start.job("demo.world") if is_new else None
        with progress.step("MLflow and Azure DevOps"):
            wait_for(mlflow, f"{layout.mlflow_url}/health", seconds=SERVER_SECONDS)
            wait_for(azure, f"http://127.0.0.1:{layout.ports.azure}/_faults", seconds=SERVER_SECONDS)
        world = world or start.missing_world()
        with progress.step("the portal and the serving host"):
            portal, serving = start.portal(), start.serving()
            history = None if (layout.directory / HISTORY).exists() else start.job("demo.history")
            wait_for(portal, f"{layout.portal_url}/readyz", seconds=SERVER_SECONDS)
            wait_for(serving, f"{layout.serving_url}/endpoints", seconds=SERVER_SECONDS)
        with progress.step("the models and their history") if world or history else nullcontext():
            for job in (world, history):
                if job is not None:
                    group.finish(job, seconds=WORLD_SECONDS)
        yield RunningWorld(layout, group)


def _forget_what_referred_to_it(directory: Path) -> None:
    """Delete requests, releases and endpoints: they mean nothing in a new registry."""
    for name in ("portal", "witness", "azure", "serving"):
        shutil.rmtree(directory / name, ignore_errors=True)
    (directory / HISTORY).unlink(missing_ok=True)


@dataclass(frozen=True)
class _Start:
    """Starts the processes of one demo."""

    group: ProcessGroup
    layout: Layout
    progress: Progress

    def mlflow(self) -> Child:
        """The registry."""
        return start_mlflow(self.group, self.layout.directory / "mlflow", self.layout.ports.mlflow)

    def azure(self) -> Child:
        """Azure DevOps; it is filled before it responds."""
        return self._server("demo.azure_setup", "azure-devops", "--directory", str(self.layout.directory))

    def serving(self) -> Child:
        """The serving host."""
        folder = self.layout.directory
        where = ["--port", str(self.layout.ports.serving), "--directory", str(folder / "serving")]
        where += ["--tracking-uri", self.layout.mlflow_url, "--log-dir", str(folder / "predictions")]
        return self._server("demo.serving", "serving", *where)

    def portal(self) -> Child:
        """The portal, as a user starts it."""
        kept = {k: os.environ[k] for k in ("NUMBA_CACHE_DIR",) if k in os.environ}
        return self._server("dashboard", "portal", **self.layout.portal_settings(), **kept)

    def missing_world(self) -> Child | None:
        """The job that builds what is missing in MLflow (which is up now) or the folder; None if nothing is missing."""
        world = read_world(self.layout.directory)
        wait_until_ready(self.layout.mlflow_url)
        if world and has_run(self.layout.mlflow_url, world.runs[1]) and traffic.has_rows(self.layout.directory):
            return None
        return self.job("demo.world")

    def job(self, module: str) -> Child:
        """One-off work, reported line by line."""
        command = [sys.executable, "-m", module, "--directory", str(self.layout.directory)]
        if module == "demo.world":
            command += ["--tracking-uri", self.layout.mlflow_url]
        kept = {k: os.environ[k] for k in ("NUMBA_CACHE_DIR",) if k in os.environ}
        environment = child_environment(PYTHONPATH=str(ROOT), **kept)
        name = module.rpartition(".")[2]
        return self.group.start_job(name, command, environment=environment, cwd=ROOT, tell=self.progress.say)

    def _server(self, module: str, name: str, *arguments: str, **variables: str) -> Child:
        command = [sys.executable, "-m", module, *arguments]
        return self.group.start(
            name, command, environment=child_environment(PYTHONPATH=str(ROOT), **variables), cwd=ROOT
        )
