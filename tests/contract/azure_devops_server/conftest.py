"""A real local server with a real repository, and small helpers to talk to it."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

os.environ["AZURE_DEVOPS_CACHE_DIR"] = tempfile.mkdtemp(prefix="azure-devops-cache-")  # two processes would tear one

from azure_devops_server import seed
from azure_devops_server.config import ServerConfig
from azure_devops_server.server import AzureDevOpsServer
from tests.contract.azure_devops_server import operations

atexit.register(shutil.rmtree, os.environ["AZURE_DEVOPS_CACHE_DIR"], ignore_errors=True)
PROJECT = "ml-platform"
LIMIT = 120.0

QUICK = """
name: ${{ parameters.requestId }}-$(Rev:r)
parameters:
- name: requestId
  type: string
  default: none
- name: flag
  type: boolean
  default: false
stages:
- stage: Test
  jobs:
  - job: unit
    steps:
    - checkout: none
    - script: echo "hello ${{ parameters.requestId }} $(greeting)"
"""
FULL = """
name: ${{ parameters.requestId }}-$(Rev:r)
parameters:
- name: requestId
  type: string
  default: none
stages:
- stage: Test
  jobs:
  - job: unit
    steps:
    - script: |
        echo "##vso[build.addbuildtag]from-step"
        mkdir -p out && echo model > out/model.txt
        cp results.xml TEST-results.xml
        echo "# report" > report.md
        echo "##vso[task.uploadsummary]$PWD/report.md"
    - task: PublishTestResults@2
      inputs:
        testRunTitle: smoke
    - publish: out
      artifact: drop
- stage: Deploy
  jobs:
  - deployment: serve
    environment: production
    strategy:
      runOnce:
        deploy:
          steps:
          - script: echo deployed
"""
SLEEPER = """
stages:
- stage: Long
  jobs:
  - job: sleep
    steps:
    - checkout: none
    - script: sleep 300
"""
FLAKY = """
stages:
- stage: First
  jobs:
  - job: one
    steps:
    - checkout: none
    - script: echo one
- stage: Second
  jobs:
  - job: two
    steps:
    - checkout: none
    - script: test -e "$MARKER"
      env:
        MARKER: MARKER_PATH
- stage: Third
  jobs:
  - job: three
    steps:
    - checkout: none
    - script: echo three
"""
JUNIT = """<testsuites><testsuite name="s">
<testcase classname="pkg.Case" name="passes" time="0.25"/>
<testcase classname="pkg.Case" name="fails" time="1"><failure message="boom">trace line</failure></testcase>
<testcase classname="pkg.Case" name="skips"><skipped/></testcase>
</testsuite></testsuites>"""


class Site:
    """A running server and a client of it."""

    def __init__(self, server: AzureDevOpsServer, token: str = "any") -> None:
        self.server = server
        self.organization = server.organization
        self.url = server.url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.auth = ("", token)

    @property
    def project_id(self) -> str:
        found = self.organization.state.project(PROJECT)
        assert found is not None
        return found.id

    def send(self, method: str, path: str, *, json: Any = None, host: str = "", **more: Any) -> requests.Response:
        """A request below the project; `host` ``vsrm`` or ``vstmr`` for the other hosts."""
        base = self.url.replace(self.server.address, f"{self.server.address}/{host}") if host else self.url
        more.setdefault("allow_redirects", False)
        answer = self.session.request(method, f"{base}/{PROJECT}/_apis/{path}", json=json, timeout=30, **more)
        if operations.is_published():
            operations.check_answer(answer)
        return answer

    def ok(self, method: str, path: str, **more: Any) -> Any:
        """The document of an answer that must be a success."""
        answer = self.send(method, path, **more)
        assert answer.status_code in (200, 204), f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def control(self, method: str, name: str, json: Any = None) -> Any:
        answer = self.session.request(method, f"{self.server.address}/{name}", json=json, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pipeline(self, name: str) -> int:
        rows = self.ok("GET", "pipelines")["value"]
        return next(row["id"] for row in rows if row["name"] == name)

    def start(self, name: str, **parameters: str) -> Any:
        return self.ok("POST", f"pipelines/{self.pipeline(name)}/runs", json={"templateParameters": parameters})

    def ended(self, build_id: int) -> Any:
        """The build once it has ended."""
        return wait_for(lambda: self._completed(build_id))

    def records(self, build_id: int, kind: str = "") -> list[Any]:
        timeline = self.ok("GET", f"build/builds/{build_id}/timeline")
        return [row for row in (timeline or {"records": []})["records"] if not kind or row["type"] == kind]

    def record(self, build_id: int, kind: str) -> Any:
        """The first record of a type, once it is there."""
        return wait_for(lambda: next(iter(self.records(build_id, kind)), None))

    def has_ended(self, build_id: int) -> bool:
        return self._completed(build_id) is not None

    def story(self, build_id: int) -> str:
        """A run as far as it came, with its logs: what to read when a test waited in vain."""
        build = self.ok("GET", f"build/builds/{build_id}")
        lines = [f"run {build_id}: {build['status']} {build.get('result')}"]
        for row in self.records(build_id):
            lines.append(f"{row['type']} {row['name']}: {row['state']} {row['result']} {row.get('issues') or ''}")
            if log := row.get("log"):
                lines.append(self.send("GET", f"build/builds/{build_id}/logs/{log['id']}").text)
        return "\n".join(lines)

    def close(self) -> None:
        self.session.close()

    def _completed(self, build_id: int) -> Any:
        build = self.ok("GET", f"build/builds/{build_id}")
        return build if build["status"] == "completed" else None


class NotInTimeError(AssertionError):
    """What a test waited for did not happen in time."""


def wait_for(probe: Callable[[], Any], limit: float = LIMIT) -> Any:
    """The first true value of `probe`; fails once the time is up."""
    until = time.monotonic() + limit
    while time.monotonic() < until:
        if value := probe():
            return value
        time.sleep(0.03)
    raise NotInTimeError


def fill(server: AzureDevOpsServer, folder: Path) -> None:
    """A repository with pipelines in the first project."""
    folder.mkdir(exist_ok=True)
    texts = {
        "quick.yml": QUICK,
        "full.yml": FULL,
        "sleeper.yml": SLEEPER,
        "flaky.yml": FLAKY.replace("MARKER_PATH", str(folder.parent / "marker")),
        "broken.yml": "stepz: 1\n",
        "results.xml": JUNIT,
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    seed.repository(server.organization, PROJECT, folder)
    for name in ("quick", "full", "sleeper", "flaky", "broken"):
        variables = {"greeting": seed.PipelineVariable("hi", allow_override=True)}
        seed.pipeline(server.organization, PROJECT, name, f"{name}.yml", variables=variables)


def open_site(folder: Path, **settings: Any) -> AzureDevOpsServer:
    """A server over a folder, filled, not yet started."""
    settings.setdefault("stop_grace", (1.0, 1.0))
    server = AzureDevOpsServer(ServerConfig(folder / "root", **settings))
    fill(server, folder / "source")
    return server


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server for all tests of a module; tests must not count on being alone."""
    with open_site(tmp_path_factory.mktemp("site")) as server, closing(Site(server)) as found:
        yield found


@pytest.fixture
def own_site(tmp_path: Path) -> Iterator[Site]:
    """A server for one test."""
    with open_site(tmp_path, seconds_per_minute=0.5) as server, closing(Site(server)) as found:
        yield found


@pytest.fixture
def sdk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Site], Any]]:
    """Clients of the Python SDK, with empty caches; it leaves connections open, which are collected here."""
    client = pytest.importorskip("azure.devops.client")
    connection = pytest.importorskip("azure.devops.connection")
    authentication = pytest.importorskip("msrest.authentication")
    monkeypatch.setattr(client, "OPTIONS_FILE_CACHE", defaultdict(lambda: None))
    monkeypatch.setattr(connection, "RESOURCE_FILE_CACHE", defaultdict(lambda: None))
    monkeypatch.setattr(client.Client, "_locations_cache", {})

    def clients(site: Site) -> Any:
        made = connection.Connection(site.url, authentication.BasicAuthentication("", "any"))
        return made.clients_v7_1

    yield clients
    monkeypatch.undo()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
