"""What every part of the organization needs: its state, files, clock, links and look-ups."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TypeVar

from azure_devops_server.config import ServerConfig
from azure_devops_server.environments import Environments
from azure_devops_server.git import GitRepository
from azure_devops_server.identities import Identities
from azure_devops_server.links import Links
from azure_devops_server.model.build import Build, Pipeline
from azure_devops_server.model.core import Project, Repository, ServiceEndpoint
from azure_devops_server.model.release import Release
from azure_devops_server.secrets import RunSecrets
from azure_devops_server.storage.files import Files
from azure_devops_server.storage.state import State
from azure_devops_server.testing import Testing
from azure_devops_server.values import derived_guid, new_guid

T = TypeVar("T")
_NAMESPACE = "b7a5a0ae-6a4f-4a55-9d57-0b6a0f0b0b36"


class Resources:
    """The ground under one organization in one folder. `address` is where clients reach it, without a final slash."""

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
        self.closing = threading.Event()
        """Set once the server stops."""

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

    def release(self, release_id: int) -> Release:
        """A classic release that is known to exist."""
        return _there(self.state.releases.get(release_id), f"release {release_id}")

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


def _there(row: T | None, what: str) -> T:
    if row is None:
        raise LookupError(f"{what} does not exist")
    return row


def _private(root: Path) -> None:
    """The folder holds tokens of service connections, so only its owner may look."""
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o700)
