"""The demo's Azure DevOps: a project with the pipelines of this repository, served by the local server.

`python -m demo.azure_setup --directory DIR` fills the server and then becomes it. Once it responds, the portal's
database exists.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

from azure_devops_server import seed
from azure_devops_server.checks.task_check import DEFAULT_HEADERS
from azure_devops_server.config import ServerConfig
from azure_devops_server.model.build import PipelineVariable
from azure_devops_server.model.hooks import BUILD_COMPLETE, PUBLISHERS, RUN_STATE, VERSIONS, Subscription
from azure_devops_server.organization import Organization
from azure_devops_server.server import AzureDevOpsServer
from azure_devops_server.values import new_guid
from demo.layout import ENVIRONMENT, ORGANIZATION, PIPELINE_ID, PROJECT, Layout, read_layout

ROOT = Path(__file__).resolve().parent.parent
MARKER = "seeded"
CHECK_HEADERS = {**DEFAULT_HEADERS, "BuildId": "$(Build.BuildId)"}
"""The run's number is not among the headers that a check sends by itself."""


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
    from demo.portal_access import issue_token  # the portal's services, which only the first start needs

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
    """The check before production asks the portal, and service hooks notify it of events."""
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


def main() -> None:
    """Prepare the server, then become it; the token is passed in its environment, never on the command line."""
    parser = argparse.ArgumentParser(prog="python -m demo.azure_setup", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True)
    layout = read_layout(parser.parse_args().directory)
    prepare_azure(layout, ROOT)
    command = [sys.executable, "-m", "azure_devops_server", "--port", str(layout.ports.azure)]
    command += ["--organization", ORGANIZATION, "--project", PROJECT, "--root", str(layout.directory / "azure")]
    os.execve(sys.executable, command, {**os.environ, "AZURE_DEVOPS_DEMO_TOKEN": layout.azure_token})  # noqa: S606


if __name__ == "__main__":
    main()
