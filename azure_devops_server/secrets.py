"""Values that runs need and that never rest on disk: their secret variables."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from azure_devops_server.model.build import Build, Pipeline, RunVariable

if TYPE_CHECKING:
    from azure_devops_server.model.run_order import RunOrder


class RunSecrets:
    """Held in memory only: a run that is retried after a restart of the server has lost them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[int, dict[str, str]] = {}

    def keep(self, build_id: int, order: RunOrder) -> None:
        """Remember the secret variables of an order."""
        values = {name: item.value or "" for name, item in order.variables.items() if item.is_secret}
        if values:
            with self._lock:
                self._values[build_id] = values

    def restore(self, build: Build) -> dict[str, RunVariable]:
        """The build's variables with the values of its secret ones, as far as they are known."""
        with self._lock:
            known = self._values.get(build.id, {})
        return {
            name: RunVariable(known.get(name, ""), is_secret=True) if item.is_secret else item
            for name, item in build.variables.items()
        }

    def of_run(self, build: Build, pipeline: Pipeline) -> dict[str, str]:
        """Secret variables for the steps: those of the pipeline, then those given with the run."""
        own = {name: item.value for name, item in pipeline.variables.items() if item.is_secret}
        with self._lock:
            return own | self._values.get(build.id, {})
