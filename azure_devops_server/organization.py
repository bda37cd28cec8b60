"""The organization: its resources, and everything that acts on them."""

from __future__ import annotations

import time

from azure_devops_server.checks.approvals import Approvals
from azure_devops_server.checks.gate import Gate
from azure_devops_server.config import ServerConfig
from azure_devops_server.events import Events
from azure_devops_server.hooks import Hooks
from azure_devops_server.model.build import Build
from azure_devops_server.model.release import ReleaseDeployment
from azure_devops_server.model.run_order import RunOrder
from azure_devops_server.releases.deployer import Deployer
from azure_devops_server.releases.service import Releases
from azure_devops_server.resources import Resources
from azure_devops_server.runs.control import Control
from azure_devops_server.runs.executor import Executor, Neighbours
from azure_devops_server.runs.starting import Starter


class Organization(Resources):
    """Composes the parts. Each gets the resources and, as objects or callables, only the neighbours that it uses."""

    def __init__(self, config: ServerConfig, address: str) -> None:
        super().__init__(config, address)
        self.hooks = Hooks(self)
        self.events = Events(self, publish=self.hooks.publish)
        self.approvals = Approvals(self)
        self.gate = Gate(self, self.approvals, is_closing=self.closing.is_set)
        self.starter = Starter(self)
        self.executor = Executor(self, Neighbours(self.starter, self.events, self.gate))
        self.control = Control(self, self.starter, self.events, submit=self.executor.submit)
        self.releases = Releases(self, submit=self._deploy)
        self.deployer = Deployer(self, self.releases, self.events)
        self._recover()

    def start_run(self, order: RunOrder) -> Build:
        """Create a run and execute it in the background."""
        build = self.starter.start(order)
        self.executor.submit(build)
        return build

    def _deploy(self, deployment: ReleaseDeployment) -> None:
        self.deployer.submit(deployment)

    def close(self) -> bool:
        """Cancel what runs, end all child processes, close the files; False if something would not end."""
        limit = sum(self.config.stop_grace) + 5.0
        until = time.monotonic() + limit
        done = self.executor.close(limit) and self.deployer.close(max(until - time.monotonic(), 1.0))
        self.hooks.close()
        self.state.store.close()
        return done

    def _recover(self) -> None:
        self.control.close_interrupted()
        self.gate.close_interrupted()
        self.releases.close_interrupted()
