"""Addresses: everything that clients follow names projects by GUID, as the service does."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from azure_devops_server.values import Host

_PREFIX: dict[Host, str] = {"main": "", "release": "/vsrm", "tests": "/vstmr"}


@dataclass(frozen=True)
class Links:
    """Addresses of one organization below `address` (no slash at its end)."""

    address: str
    organization: str
    on_premises: bool = False

    def base(self, host: Host = "main") -> str:
        """Root of the organization on one of its hosts; a Server collection has one host only."""
        prefix = "" if self.on_premises else _PREFIX[host]
        return f"{self.address}{prefix}/{quote(self.organization)}"

    def api(self, project_id: str, path: str, host: Host = "main") -> str:
        """An API address inside a project."""
        return f"{self.base(host)}/{project_id}/_apis/{path}"

    def run_page(self, project_id: str, build_id: int) -> str:
        """The page about a run."""
        return f"{self.base()}/{project_id}/_build/results?buildId={build_id}"

    def pipeline_page(self, project_id: str, pipeline_id: int) -> str:
        """The page about a pipeline."""
        return f"{self.base()}/{project_id}/_build/definition?definitionId={pipeline_id}"

    def release_page(self, project_id: str, release_id: int) -> str:
        """The page about a release."""
        return f"{self.base()}/{project_id}/_release?_a=release-summary&releaseId={release_id}"

    def environment_page(self, project_id: str, environment_id: int) -> str:
        """The page about an environment."""
        return f"{self.base()}/{project_id}/_environments/{environment_id}"

    def build(self, project_id: str, build_id: int, rest: str = "") -> str:
        """A build of the Build API; `rest` such as ``/logs/3``."""
        return (
            self.api(project_id, f"build/Builds/{build_id}")
            if not rest
            else self.api(project_id, f"build/builds/{build_id}{rest}")
        )
