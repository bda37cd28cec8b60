"""The demo's Azure DevOps: a project with the pipelines of this repository, served by the local server."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from azure_devops_server import seed
from azure_devops_server.checks.task_check import DEFAULT_HEADERS
from azure_devops_server.config import ServerConfig
from azure_devops_server.model.build import PipelineVariable
from azure_devops_server.model.hooks import BUILD_COMPLETE, PUBLISHERS, RUN_STATE, VERSIONS, Subscription
from azure_devops_server.organization import Organization
from azure_devops_server.server import AzureDevOpsServer
from azure_devops_server.values import new_guid
from demo.history import issue_token
from demo.layout import ENVIRONMENT, ORGANIZATION, PROJECT, Layout
from demo.processes.children import Child, ProcessGroup, child_environment

PIPELINE_ID = 1
"""The definition id of release-model: the first pipeline of a new organization."""
MARKER = "seeded"
CHECK_HEADERS = {**DEFAULT_HEADERS, "BuildId": "$(Build.BuildId)"}
"""The run's number is not among the headers that a check sends by itself."""


@dataclass(frozen=True)
class AzureServer:
    """The running server and where it can be asked whether it is up."""

    child: Child
    health_url: str


def prepare_azure(layout: Layout, root: Path) -> None:
    """Before the first start: repository, pipelines with their secret variable, environments."""
    folder = layout.directory / "azure"
    if not (folder / MARKER).exists():
        _import(layout, folder, root)
    server = AzureDevOpsServer(ServerConfig(folder, ORGANIZATION, PROJECT, token=layout.azure_token))
    try:
        _connect(server.organization, layout)  # at each start: the portal's port may have changed
    finally:
        server.stop()


def _import(layout: Layout, folder: Path, root: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    checkout = layout.directory / "azure-import"
    shutil.rmtree(checkout, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(root / "pipelines", checkout / "pipelines", ignore=ignored)
    server = AzureDevOpsServer(ServerConfig(folder, ORGANIZATION, PROJECT, token=layout.azure_token))
    with server:
        seed.repository(server.organization, PROJECT, checkout, message="Import the release pipelines")
        token = {"countersignToken": PipelineVariable(issue_token(layout), is_secret=True)}
        made = [
            seed.pipeline(server.organization, PROJECT, name, f"pipelines/{name}.yml", variables=token)
            for name in ("release-model", "validate-model", "rollback-model")
        ]
        approval = seed.ApprovalCheck(instructions="Take the version away that answers now?")
        seed.environment(server.organization, PROJECT, f"{ENVIRONMENT}-rollback", [approval])
    if made[0].id != PIPELINE_ID:
        raise RuntimeError(f"release-model became pipeline {made[0].id}, not {PIPELINE_ID}")
    shutil.rmtree(checkout)
    (folder / MARKER).touch()


def _connect(organization: Organization, layout: Layout) -> None:
    """The check before production asks the portal, and service hooks tell it what happens."""
    api = f"{layout.portal_url}/api/v1/azure"
    seed.endpoint(organization, PROJECT, "countersign", api, username="azure-devops", password=layout.hook_secret)
    check = seed.RestCheck(
        "countersign",
        name="Countersign",
        url_suffix=f"check?environment={ENVIRONMENT}",
        headers=json.dumps(CHECK_HEADERS),
    )
    seed.environment(organization, PROJECT, ENVIRONMENT, [check])
    for old in organization.state.subscriptions.all():
        organization.state.subscriptions.delete(old.id)
    for kind in (RUN_STATE, BUILD_COMPLETE):
        organization.state.subscriptions.put(_subscription(organization, kind, f"{api}/hooks", layout.hook_secret))


def _subscription(organization: Organization, kind: str, url: str, secret: str) -> Subscription:
    project, now = organization.state.project(PROJECT), organization.clock()
    return Subscription(
        id=new_guid(),
        publisher_id=PUBLISHERS[kind],
        event_type=kind,
        consumer_id="webHooks",
        action_id="httpRequest",
        resource_version=VERSIONS[kind][0],
        publisher_inputs={"projectId": project.id if project else ""},
        consumer_inputs={"url": url, "basicAuthUsername": "azure-devops", "basicAuthPassword": secret},
        created_by=organization.identities.administrator.id,
        created=now,
        modified=now,
    )


def start_azure(group: ProcessGroup, layout: Layout, root: Path) -> AzureServer:
    """Start the server in a process of its own; the token travels in its environment, never on the command line."""
    command = [sys.executable, "-m", "azure_devops_server", "--port", str(layout.ports.azure)]
    command += ["--organization", ORGANIZATION, "--project", PROJECT, "--root", str(layout.directory / "azure")]
    environment = child_environment(PYTHONPATH=str(root), AZURE_DEVOPS_DEMO_TOKEN=layout.azure_token)
    child = group.start("azure-devops", command, environment=environment, cwd=root)
    return AzureServer(child, f"http://127.0.0.1:{layout.ports.azure}/_faults")
