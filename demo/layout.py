"""Where the demo's files are, and which ports it uses."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from demo.people import PEOPLE
from demo.processes.children import free_port, is_free

PREFERRED = {"portal": 8501, "mlflow": 5001, "azure": 5002, "serving": 5003}
ORGANIZATION = "demo"
PROJECT = "ml-platform"
ENVIRONMENT = "production"
PIPELINE_ID = 1
"""The definition id of release-model: the first pipeline of a new organization."""
HISTORY = "history.json"
"""Exists once the history is created."""


@dataclass(frozen=True)
class Ports:
    """All on 127.0.0.1."""

    portal: int
    mlflow: int
    azure: int
    serving: int


@dataclass(frozen=True)
class Layout:
    """One demo: its folder, ports and tokens."""

    directory: Path
    ports: Ports
    azure_token: str

    @property
    def portal_url(self) -> str:
        """The one address that people need."""
        return f"http://127.0.0.1:{self.ports.portal}"

    @property
    def mlflow_url(self) -> str:
        """MLflow's address."""
        return f"http://127.0.0.1:{self.ports.mlflow}"

    @property
    def azure_url(self) -> str:
        """The organization's address on the local Azure DevOps server."""
        return f"http://127.0.0.1:{self.ports.azure}/{ORGANIZATION}"

    @property
    def serving_url(self) -> str:
        """The serving host's address."""
        return f"http://127.0.0.1:{self.ports.serving}"

    @property
    def hook_secret(self) -> str:
        """The secret that Azure DevOps presents to the portal: in the check before production and in service hooks."""
        return hashlib.sha256(f"hooks {self.azure_token}".encode()).hexdigest()[:32]

    @property
    def governance_file(self) -> Path:
        """The policy of the demo."""
        return self.directory / "governance.yaml"

    def portal_settings(self) -> dict[str, str]:
        """The portal's environment variables."""
        people = [{"id": p.id, "name": p.name, "title": p.title, "roles": list(p.roles)} for p in PEOPLE]
        return {
            "COUNTERSIGN_DATABASE_URL": f"sqlite:///{self.directory / 'portal' / 'countersign.db'}",
            "COUNTERSIGN_DATA_DIR": str(self.directory / "portal"),
            "COUNTERSIGN_GOVERNANCE_FILE": str(self.governance_file),
            "COUNTERSIGN_HOST": "127.0.0.1",
            "COUNTERSIGN_PORT": str(self.ports.portal),
            "COUNTERSIGN_MLFLOW_URL": self.mlflow_url,
            "COUNTERSIGN_AZURE_DEVOPS_URL": self.azure_url,
            "COUNTERSIGN_AZURE_DEVOPS_TOKEN": self.azure_token,
            "COUNTERSIGN_AZURE_DEVOPS_HOOK_SECRET": self.hook_secret,
            "COUNTERSIGN_PREDICTIONS_PATH": str(self.directory / "predictions"),
            "COUNTERSIGN_WITNESS_FILE": str(self.directory / "witness" / "checkpoints.txt"),
            "COUNTERSIGN_DEMO_PEOPLE": json.dumps(people),
            "COUNTERSIGN_SYNC_INTERVAL": "5",
            "COUNTERSIGN_WORKER_INTERVAL": "1",
            "COUNTERSIGN_START_SETTLE": "10",
        }


def open_layout(directory: Path, *, preferred: bool = True) -> Layout:
    """The demo in a folder: ports and tokens are chosen once and kept, so that links stay valid."""
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "layout.json"
    kept = json.loads(file.read_text()) if file.exists() else {}
    ports = Ports(**kept["ports"]) if kept else _choose(preferred=preferred)
    busy = [name for name, port in asdict(ports).items() if not is_free(port)]
    if busy:
        ports = Ports(**{**asdict(ports), **{name: free_port() for name in busy}})
    layout = Layout(directory, ports, kept.get("azure_token") or secrets.token_urlsafe(24))
    told = {"ports": asdict(ports), "azure_token": layout.azure_token}
    file.touch(mode=0o600)
    file.write_text(json.dumps(told))
    return layout


def read_layout(directory: Path) -> Layout:
    """The demo in a folder that another process has opened: its ports are already in use."""
    directory = directory.resolve()
    kept = json.loads((directory / "layout.json").read_text())
    return Layout(directory, Ports(**kept["ports"]), kept["azure_token"])


def _choose(*, preferred: bool) -> Ports:
    chosen: dict[str, int] = {}
    for name, port in PREFERRED.items():
        chosen[name] = port if preferred and is_free(port) else free_port()
    return Ports(**chosen)
