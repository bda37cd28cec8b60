"""All tables of the server."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from azure_devops_server.model.build import Artifact, Attachment, Build, LogFile, Pipeline, TimelineEntry
from azure_devops_server.model.checks import (
    Approval,
    CheckConfiguration,
    CheckSuite,
    CheckTask,
    DeploymentRecord,
    Environment,
)
from azure_devops_server.model.core import Identity, Project, Repository, ServiceEndpoint
from azure_devops_server.model.hooks import Notification, Subscription
from azure_devops_server.model.release import Release, ReleaseApproval, ReleaseDefinition, ReleaseDeployment
from azure_devops_server.model.testing import TestResult, TestRun
from azure_devops_server.storage.store import Store, Table


def token_digest(token: str) -> str:
    """What is kept of a token: its SHA-256 in hex. Tokens are long and random, so no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


class State:
    """The tables; `changed` wakes those who wait for a decision (approvals, callbacks, cancels)."""

    def __init__(self, path: Path) -> None:
        self.store = store = Store(path)
        self.changed = threading.Condition(store.lock)
        self.projects = Table(store, Project, key=lambda row: row.id)
        self.identities = Table(store, Identity, key=lambda row: row.id)
        self.repositories = Table(store, Repository, key=lambda row: row.id, group=lambda row: row.project_id)
        self.endpoints = Table(store, ServiceEndpoint, key=lambda row: row.id, group=lambda row: row.project_id)
        self.pipelines = Table(store, Pipeline, key=lambda row: str(row.id), group=lambda row: row.project_id)
        self.builds = Table(store, Build, key=lambda row: str(row.id), group=lambda row: row.project_id)
        self.timeline = Table(
            store, TimelineEntry, key=lambda row: f"{row.build_id}/{row.record.id}", group=lambda row: str(row.build_id)
        )
        self.logs = Table(store, LogFile, key=lambda row: f"{row.owner}/{row.id}", group=lambda row: row.owner)
        self.artifacts = Table(
            store, Artifact, key=lambda row: f"{row.build_id}/{row.id}", group=lambda row: str(row.build_id)
        )
        self.attachments = Table(
            store,
            Attachment,
            key=lambda row: f"{row.build_id}/{row.record_id}/{row.kind}/{row.name}",
            group=lambda row: str(row.build_id),
        )
        self._checks(store)
        self._outcomes(store)

    def _checks(self, store: Store) -> None:
        self.environments = Table(store, Environment, key=lambda row: str(row.id), group=lambda row: row.project_id)
        self.deployments = Table(
            store, DeploymentRecord, key=lambda row: str(row.id), group=lambda row: str(row.environment_id)
        )
        self.checks = Table(store, CheckConfiguration, key=lambda row: str(row.id), group=lambda row: row.project_id)
        self.approvals = Table(store, Approval, key=lambda row: row.id, group=lambda row: row.project_id)
        self.suites = Table(store, CheckSuite, key=lambda row: row.id, group=lambda row: row.project_id)
        self.check_tasks = Table(store, CheckTask, key=lambda row: row.plan_id)

    def _outcomes(self, store: Store) -> None:
        self.test_runs = Table(store, TestRun, key=lambda row: str(row.id), group=lambda row: row.project_id)
        self.test_results = Table(
            store, TestResult, key=lambda row: f"{row.run_id}/{row.id}", group=lambda row: str(row.run_id)
        )
        self.release_definitions = Table(
            store, ReleaseDefinition, key=lambda row: str(row.id), group=lambda row: row.project_id
        )
        self.releases = Table(store, Release, key=lambda row: str(row.id), group=lambda row: row.project_id)
        self.release_deployments = Table(
            store, ReleaseDeployment, key=lambda row: str(row.id), group=lambda row: str(row.release_id)
        )
        self.release_approvals = Table(
            store, ReleaseApproval, key=lambda row: str(row.id), group=lambda row: str(row.release_id)
        )
        self.subscriptions = Table(store, Subscription, key=lambda row: row.id)
        self.notifications = Table(
            store, Notification, key=lambda row: str(row.id), group=lambda row: row.subscription_id
        )

    def project(self, name_or_id: str) -> Project | None:
        """A project by name (any case) or GUID."""
        wanted = name_or_id.casefold()
        return next((row for row in self.projects.all() if wanted in (row.name.casefold(), row.id)), None)

    def environment_named(self, project_id: str, name: str) -> Environment | None:
        """An environment by name, any case."""
        rows = self.environments.within(project_id)
        return next((row for row in rows if row.name.casefold() == name.casefold()), None)

    def notify(self) -> None:
        """Wake all who wait for a decision."""
        with self.changed:
            self.changed.notify_all()
