"""The organization: state, and everything that acts on it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TypeVar

from azure_devops_server.checks.approvals import Approvals
from azure_devops_server.checks.gate import Gate
from azure_devops_server.config import ServerConfig
from azure_devops_server.environments import Environments
from azure_devops_server.events import Events
from azure_devops_server.files import Files
from azure_devops_server.git import GitRepository
from azure_devops_server.hooks import Hooks
from azure_devops_server.identities import Identities
from azure_devops_server.links import Links
from azure_devops_server.model.build import Build, Pipeline
from azure_devops_server.model.core import Project, Repository, ServiceEndpoint
from azure_devops_server.releases.deployer import Deployer
from azure_devops_server.releases.service import Releases
from azure_devops_server.runs.control import Control
from azure_devops_server.runs.executor import Executor
from azure_devops_server.runs.secrets import RunSecrets
from azure_devops_server.runs.starting import RunOrder, Starter
from azure_devops_server.state import State
from azure_devops_server.testing import Testing
from azure_devops_server.values import derived_guid, new_guid

T = TypeVar("T")
_NAMESPACE = "b7a5a0ae-6a4f-4a55-9d57-0b6a0f0b0b36"


class Organization:
    """One organization in one folder. `address` is where clients reach it, without a slash at its end."""

    def __init__(self, config: ServerConfig, address: str) -> None:
        self.config = config
        self.clock = config.clock
        self.id = derived_guid(_NAMESPACE, config.organization.casefold())
        self.links = Links(address, config.organization, on_premises=config.on_premises)
        _private(config.root)
        self.state = State(config.root / "state.sqlite")
        self.files = Files(config.root, self.state, self.clock)
        self.identities = Identities(self.state, config)
        self.environments = Environments(self.state, self.clock)
        self.testing = Testing(self.state, self.clock)
        self.secrets = RunSecrets()
        self.events = Events(self)
        self.hooks = Hooks(self)
        self.approvals = Approvals(self)
        self.gate = Gate(self)
        self.starter = Starter(self)
        self.control = Control(self)
        self.executor = Executor(self)
        self.releases = Releases(self)
        self.deployer = Deployer(self)
        self._recover()

    def create_project(self, name: str, description: str = "") -> Project:
        """The project of that name with a repository of the same name; made if it is not there."""
        known = self.state.project(name)
        if known:
            return known
        project = self.state.projects.put(Project(new_guid(), name, description, self.clock()))
        self.create_repository(project.id, name)
        return project

    def create_repository(self, project_id: str, name: str) -> Repository:
        """An empty repository; the one of that name if it is there."""
        for row in self.state.repositories.within(project_id):
            if row.name.casefold() == name.casefold():
                return row
        repository = Repository(new_guid(), project_id, name)
        self.git(repository).create(repository.default_branch)
        return self.state.repositories.put(repository)

    def project(self, project_id: str) -> Project:
        """A project that is known to exist."""
        return _there(self.state.projects.get(project_id), f"project {project_id}")

    def pipeline(self, pipeline_id: int) -> Pipeline:
        """A pipeline that is known to exist."""
        return _there(self.state.pipelines.get(pipeline_id), f"pipeline {pipeline_id}")

    def build(self, build_id: int) -> Build:
        """A build that is known to exist."""
        return _there(self.state.builds.get(build_id), f"build {build_id}")

    def repository_of(self, pipeline: Pipeline) -> Repository:
        """The repository with a pipeline's YAML."""
        return _there(self.state.repositories.get(pipeline.repository_id), f"repository {pipeline.repository_id}")

    def endpoint(self, project_id: str, name_or_id: str) -> ServiceEndpoint:
        """A service connection by id or name."""
        wanted = name_or_id.casefold()
        rows = self.state.endpoints.within(project_id)
        found = next((row for row in rows if wanted in (row.id, row.name.casefold())), None)
        return _there(found, f"service connection '{name_or_id}'")

    def git(self, repository: Repository) -> GitRepository:
        """The Git side of a repository."""
        return GitRepository(self.config.root / "repositories" / f"{repository.id}.git")

    def work_folder(self, owner: int | str) -> Path:
        """The working folder of a run, the same for all its attempts."""
        return self.config.root / "work" / str(owner)

    def start_run(self, order: RunOrder) -> Build:
        """Create a run and execute it in the background."""
        build = self.starter.start(order)
        self.executor.submit(build)
        return build

    def close(self) -> bool:
        """Cancel what runs, end all child processes, close the files; False where something would not end."""
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


def _there(row: T | None, what: str) -> T:
    if row is None:
        raise LookupError(f"{what} does not exist")
    return row


def _private(root: Path) -> None:
    """The folder holds tokens of service connections, so only its owner may look."""
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o700)
