"""Everything around the pipelines: the portal with its worker, and the local Azure DevOps server that runs the YAML."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from azure_devops_server import seed
from azure_devops_server.checks.task_check import DEFAULT_HEADERS
from azure_devops_server.config import ServerConfig
from azure_devops_server.model.build import PipelineVariable
from azure_devops_server.server import AzureDevOpsServer
from services.access.sessions import digest
from services.bootstrap.portal import OpenedPortal, open_portal
from services.domain.identity.people import Actor, Person, Role
from services.domain.identity.tokens import Scope, ServiceToken
from services.domain.promotions.requests import DecisionKind
from services.settings import load_settings
from tests.integration.pipelines.conftest import MODEL, TRAIN, ServingHost, wait_for
from tests.integration.pipelines.steps import ROOT
from tests.mlflow_server import MlflowServer, free_port

PROJECT = "ml-platform"
TOKEN = "csn_token-of-the-portal-9f2c"
HOOK_SECRET = "secret-of-the-hooks-71aa"
BEN = Actor(Person("ben", "Ben Okafor"), frozenset({Role.REVIEWER}))
NAMES = ("release-model", "validate-model", "rollback-model", "train-model", "sabotaged")
GOVERNANCE = """
version: 1
environments:
  production:
    stage: Production
    alias: champion
    registry: before
    pipeline:
      project: ml-platform
      id: 1
      branch: refs/heads/main
      parameters: {portalUrl: "PORTAL", mlflowUrl: "MLFLOW", servingUrl: "SERVING"}
policies:
  - models: "*"
    environment: production
    quorum: 1
    expires_after_days: 14
    checks:
      - {kind: artifact_digest}
"""


@dataclass
class ReleaseWorld:
    """A portal, a server with the four pipelines, and the place to deploy to."""

    azure: AzureDevOpsServer
    opened: OpenedPortal
    portal_url: str
    mlflow: MlflowServer
    host: ServingHost

    @property
    def common(self) -> dict[str, str]:
        """Parameters that most pipelines take."""
        return {"modelName": MODEL, "mlflowUrl": self.mlflow.url, "servingUrl": self.host.url}

    def call(self, method: str, path: str, json: Any = None) -> Any:
        answer = requests.request(
            method, f"{self.azure.url}/{PROJECT}/_apis/{path}", json=json, auth=("", "any"), timeout=30
        )
        assert answer.status_code in {200, 204}, answer.text
        return answer.json() if answer.content else None

    def start(self, name: str, **parameters: str) -> int:
        """Run a pipeline; the run's id."""
        number = NAMES.index(name) + 1
        return int(self.call("POST", f"pipelines/{number}/runs", {"templateParameters": parameters})["id"])

    def ended(self, run: int, seconds: float = 240) -> str:
        """The result of a run once it has ended."""
        return str(wait_for(lambda: self.call("GET", f"build/builds/{run}").get("result"), seconds))

    def log(self, run: int) -> str:
        """All logs of a run, one after the other."""
        rows = self.call("GET", f"build/builds/{run}/logs")["value"]
        base = f"{self.azure.url}/{PROJECT}/_apis/build/builds/{run}/logs"
        return "\n".join(requests.get(f"{base}/{row['id']}", auth=("", "any"), timeout=30).text for row in rows)

    def records(self, run: int) -> dict[str, str]:
        """Result by name of each record of a run."""
        rows = self.call("GET", f"build/builds/{run}/timeline")["records"]
        return {row["name"]: row["result"] for row in rows}

    def issues(self, run: int) -> list[str]:
        rows = self.call("GET", f"build/builds/{run}/timeline")["records"]
        return [issue["message"] for row in rows for issue in row.get("issues") or []]

    def artifacts(self, run: int) -> set[str]:
        return {row["name"] for row in self.call("GET", f"build/builds/{run}/artifacts")["value"]}

    def request_of(self, version: str) -> Any:
        """The newest request for a version."""
        self.opened.sync.refresh([MODEL])
        rows = self.opened.desk.find(text=MODEL).rows
        return next((row for row in rows if str(row.key.version) == version), None)

    def approve(self, request: Any) -> None:
        self.opened.desk.decide(
            BEN, request.id, DecisionKind.APPROVE, seen=request.plan_digest, reason="Looks right.",
            idempotency_key=uuid4().hex,
        )  # fmt: skip

    def settled(self, request_id: str, seconds: float = 240) -> str:
        """The state of a request once it is final."""

        def probe() -> str | None:
            found = self.opened.desk.detail(BEN, request_id).request
            return found.state.value if found.is_final else None

        return str(wait_for(probe, seconds))

    def run_of(self, request_id: str) -> int:
        """The run that the portal started for a request."""
        rows = self.call("GET", f"build/builds?definitions=1&buildNumber={request_id}-*")["value"]
        assert len(rows) == 1, rows
        return int(rows[0]["id"])


@contextmanager
def release_world(folder: Path, mlflow: MlflowServer, host: ServingHost) -> Iterator[ReleaseWorld]:
    """Everything up; all of it ends with the block."""
    with ExitStack() as stack:
        azure = AzureDevOpsServer(ServerConfig(folder / "azure", project=PROJECT))
        _fill(azure, folder / "import")
        stack.enter_context(azure)
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        _ask_portal(azure, url)
        rules = folder / "governance.yaml"
        text = GOVERNANCE.replace("PORTAL", url).replace("MLFLOW", mlflow.url).replace("SERVING", host.url)
        rules.write_text(text)
        opened = open_portal(load_settings(_env_file=None, **_settings(folder, azure.url, mlflow.url, rules)))
        stack.callback(opened.close)
        _let_in(opened)
        stack.enter_context(_served(opened, port))
        yield ReleaseWorld(azure, opened, url, mlflow, host)


def _fill(azure: AzureDevOpsServer, checkout: Path) -> None:
    shutil.copytree(ROOT / "pipelines", checkout / "pipelines", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TRAIN, checkout / "train.py")
    release = (checkout / "pipelines" / "release-model.yml").read_text()
    verify = "arguments: --report verification.xml"
    assert verify in release
    sabotaged = release.replace(verify, f"{verify} --digest sha256:other")
    (checkout / "pipelines" / "sabotaged.yml").write_text(sabotaged)
    seed.repository(azure.organization, PROJECT, checkout)
    token = {"countersignToken": PipelineVariable(TOKEN, is_secret=True)}
    for name in NAMES:
        seed.pipeline(azure.organization, PROJECT, name, f"pipelines/{name}.yml", variables=token)
    seed.environment(azure.organization, PROJECT, "production-rollback")


def _ask_portal(azure: AzureDevOpsServer, portal_url: str) -> None:
    """The check before production, as docs/azure-devops.md describes it."""
    api = f"{portal_url}/api/v1/azure"
    seed.endpoint(azure.organization, PROJECT, "Countersign", api, username="azure", password=HOOK_SECRET)
    headers = json.dumps({**DEFAULT_HEADERS, "BuildId": "$(Build.BuildId)"})
    check = seed.RestCheck("Countersign", url_suffix="check?environment=production", headers=headers)
    seed.environment(azure.organization, PROJECT, "production", [check])


def _settings(folder: Path, azure_url: str, mlflow_url: str, rules: Path) -> dict[str, Any]:
    return {
        "database_url": f"sqlite:///{folder / 'portal.db'}",
        "data_dir": folder / "portal",
        "governance_file": rules,
        "mlflow_url": mlflow_url,
        "azure_devops_url": azure_url,
        "azure_devops_token": "any",
        "azure_devops_hook_secret": HOOK_SECRET,
        "worker_interval": 0.5,
        "sync_interval": 5,
        "start_settle": 5,
    }


def _let_in(opened: OpenedPortal) -> None:
    """The token that the pipelines were given before the portal was there."""
    now = datetime.now(UTC)
    token = ServiceToken("tok-1", "pipelines", frozenset(Scope), now, BEN.person, now + timedelta(days=1))
    with opened.adapters.units.begin() as unit:
        unit.tokens.add(token, digest(TOKEN))


@contextmanager
def _served(opened: OpenedPortal, port: int) -> Iterator[None]:
    app = Starlette(routes=[Mount("/api/v1", opened.api())])
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(20)
