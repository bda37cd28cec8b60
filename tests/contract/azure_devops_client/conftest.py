"""The portal's Azure DevOps client against the real local server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from azure_devops_server import seed
from services.adapters.azure_devops import AzureDevOpsConfig
from services.adapters.azure_devops.auth import PersonalAccessToken
from services.adapters.azure_devops.calls import Calls
from services.adapters.azure_devops.pipelines import AzureDevOpsPipelines
from services.domain.releases import RunRef, RunStart
from tests.contract.azure_devops_server.conftest import PROJECT, Site, open_site, wait_for

NAMELESS = """
parameters:
- name: requestId
  type: string
  default: none
- name: flag
  type: boolean
  default: false
- name: settings
  type: object
  default: {}
stages:
- stage: Only
  jobs:
  - job: only
    steps:
    - checkout: none
    - script: echo "flag ${{ parameters.flag }} ${{ parameters.settings.a }}"
"""
RUNS = r"/_apis/pipelines/\d+/runs"


@dataclass
class Naps:
    """Notes pauses instead of making them."""

    taken: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


@dataclass
class Bench:
    """A server and clients of it."""

    site: Site
    opened: list[AzureDevOpsPipelines] = field(default_factory=list)

    def client(self, *, token: str = "any", naps: Naps | None = None, **settings: Any) -> AzureDevOpsPipelines:
        """A new client; `naps` notes its pauses."""
        more: dict[str, Any] = {"sleep": naps} if naps else {}
        auth = settings.pop("auth", None) or PersonalAccessToken(SecretStr(token))
        url = settings.pop("url", self.site.url)
        settings.setdefault("release_url", self.site.url.replace(self.site.server.address, self._release_host()))
        made = AzureDevOpsPipelines(Calls(AzureDevOpsConfig(url, auth, **settings), **more))
        self.opened.append(made)
        return made

    def start(self, name: str, request_id: str, **parameters: Any) -> RunStart:
        """What starts a pipeline of the server."""
        return RunStart(
            PROJECT, self.site.pipeline(name), "refs/heads/main", request_id,
            {"requestId": request_id, **parameters} if request_id else {}, datetime.now(UTC) - timedelta(seconds=1),
        )  # fmt: skip

    def fault(self, **fault: Any) -> None:
        """Put one fault in force, and forget the requests so far."""
        self.site.control("PUT", "_faults", json=[fault])
        self.site.control("DELETE", "_requests")

    def requests(self, method: str, route: str) -> list[Any]:
        """Requests of a kind since the last fault."""
        query = {"method": method, "route": route}
        address = f"{self.site.server.address}/_requests"
        rows = self.site.session.get(address, params=query, timeout=10).json()["value"]
        return [row for row in rows if "/_requests" not in row["path"]]

    def forget(self) -> None:
        """Forget all requests so far."""
        self.site.control("DELETE", "_requests")

    def ended(self, ref: RunRef) -> Any:
        """The build once it has ended."""
        return self.site.ended(ref.run_id)

    def close(self) -> None:
        self.site.control("DELETE", "_faults")
        for client in self.opened:
            client.close()
        self.opened.clear()

    def _release_host(self) -> str:
        return f"{self.site.server.address}/vsrm"


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server for all tests of a module."""
    folder = tmp_path_factory.mktemp("site")
    with open_site(folder, seconds_per_minute=0.5, people={"anna-token": "Anna"}) as server:
        source = folder / "source"
        (source / "nameless.yml").write_text(NAMELESS, encoding="utf-8")
        seed.repository(server.organization, PROJECT, source)
        seed.pipeline(server.organization, PROJECT, "nameless", "nameless.yml")
        site = Site(server)
        yield site
        site.close()


@pytest.fixture
def bench(shared_site: Site) -> Iterator[Bench]:
    """The module's server without faults, and clients that are closed afterwards."""
    made = Bench(shared_site)
    yield made
    made.close()


@pytest.fixture
def azure(bench: Bench) -> AzureDevOpsPipelines:
    """A client of the module's server."""
    return bench.client()


def until(probe: Callable[[], Any]) -> Any:
    """The first true value of `probe`."""
    return wait_for(probe)
