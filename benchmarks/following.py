"""Counts the calls that it takes to poll 50 releases.

    python -m benchmarks.following [--quick]

A local Azure DevOps server has 50 runs that wait for an approval. One minute of the portal's clock passes in steps of
two seconds (the worker's interval), and the server counts requests. *Everything* reads run, timeline, tests, artifacts
and approvals of each run at each poll; *together* is what the portal does, after its first poll. *One page* is one
person who has one running release open for a minute. The last line is JSON for machines.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from pydantic import SecretStr

from azure_devops_server import seed
from azure_devops_server.config import ServerConfig
from azure_devops_server.seed import ApprovalCheck
from azure_devops_server.server import AzureDevOpsServer
from services.adapters.azure_devops import AzureDevOpsConfig, build_pipelines
from services.adapters.azure_devops.auth import PersonalAccessToken
from services.database.engine import open_engine
from services.database.tables.everything import metadata
from services.database.unit import Units
from services.domain.releases import RunRef, RunStart
from services.ledger.signing.keys import KeyRing, SigningKey
from services.ports.pipelines import ReleasePipelines
from services.releases.desk import ReleaseDesk, keep_release, read_release
from services.releases.following import RunFollower

RUNS = 50
MINUTES, QUICK_MINUTES = 5, 1
STEP = timedelta(seconds=2)
PAGE_STEP = timedelta(seconds=3)
PROJECT = "ml-platform"
LABELS = {
    "first_look": "first look, once",
    "everything": "each poll reads everything",
    "together": "all together (the portal)",
    "one_page": "one open page",
}
YAML = """
name: ${{ parameters.requestId }}-$(Rev:r)
parameters:
- name: requestId
  type: string
  default: none
stages:
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


class WalkingClock:
    """A clock that the measurement moves."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC)

    def now(self) -> datetime:
        """The moment."""
        return self._now

    def walk(self, step: timedelta) -> None:
        """Let time pass."""
        self._now += step


@dataclass
class Bench:
    """A server with waiting runs, and the portal's parts."""

    address: str
    azure: ReleasePipelines
    units: Units
    clock: WalkingClock
    refs: list[RunRef]

    def calls(self, act: Callable[[], object], *, minutes: int, step: timedelta) -> float:
        """Requests a minute while `act` is done at each step."""
        requests.delete(f"{self.address}/_requests", timeout=10)
        for _ in range(int(timedelta(minutes=minutes) / step)):
            act()
            self.clock.walk(step)
        seen = requests.get(f"{self.address}/_requests", timeout=60).json()["value"]
        return sum("/_apis" in row["path"] for row in seen) / minutes


def measure(bench: Bench, minutes: int) -> dict[str, float]:
    """Requests a minute in each way."""
    follower = RunFollower(bench.azure, bench.units, bench.clock)
    desk = ReleaseDesk(bench.units, bench.azure, bench.clock)
    one = bench.refs[0]

    def everything() -> None:
        for ref in bench.refs:
            keep_release(bench.units, read_release(bench.azure, ref), request=None, now=bench.clock.now())

    def together() -> None:
        for ref in bench.refs:
            follower.look(ref, None)

    def page() -> None:
        desk.view(PROJECT, one.number)

    first = bench.calls(together, minutes=1, step=timedelta(minutes=1))
    return {
        "first_look": first,
        "everything": bench.calls(everything, minutes=1, step=timedelta(minutes=1)) * (timedelta(minutes=1) / STEP),
        "together": bench.calls(together, minutes=minutes, step=STEP),
        "one_page": bench.calls(page, minutes=1, step=PAGE_STEP),
    }


def _started(azure: ReleasePipelines, pipeline: int, count: int) -> list[RunRef]:
    now = datetime.now(UTC)
    names = [f"r-{number}" for number in range(count)]
    starts = [RunStart(PROJECT, pipeline, "refs/heads/main", name, {"requestId": name}, now) for name in names]
    refs = [azure.start(start).ref for start in starts]
    while any(not azure.approvals(ref, azure.timeline(ref)) for ref in refs):
        time.sleep(0.1)
    return refs


def run(count: int, minutes: int) -> dict[str, float]:
    """Start a server, fill it, measure."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        server = AzureDevOpsServer(ServerConfig(root / "azure", parallel_runs=count))
        (root / "source").mkdir()
        (root / "source" / "release.yml").write_text(YAML, encoding="utf-8")
        seed.repository(server.organization, PROJECT, root / "source")
        seed.environment(server.organization, PROJECT, "production", [ApprovalCheck()])
        pipeline = seed.pipeline(server.organization, PROJECT, "release", "release.yml")
        with server:
            azure: Any = build_pipelines(AzureDevOpsConfig(server.url, PersonalAccessToken(SecretStr("any"))))
            with closing(azure):
                refs = _started(azure, pipeline.id, count)
                return measure(_bench(server, azure, root, refs), minutes)


def _bench(server: AzureDevOpsServer, azure: ReleasePipelines, root: Path, refs: list[RunRef]) -> Bench:
    engine, clock = open_engine(f"sqlite:///{root / 'portal.db'}"), WalkingClock()
    metadata.create_all(engine)
    units = Units(engine, KeyRing(SigningKey.generate("bench.local/ledger")), clock)
    return Bench(server.address, azure, units, clock, refs)


def main() -> None:
    """Measure, print the table, and the JSON line last."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="one minute instead of five")
    minutes = QUICK_MINUTES if parser.parse_args().quick else MINUTES
    found = run(RUNS, minutes)
    print(f"{RUNS} running releases, {minutes} min of the portal's clock, requests a minute")
    for name, label in LABELS.items():
        print(f"{label:>28} {found[name]:>10,.1f}")
    print(json.dumps({"runs": RUNS, **{name: round(value, 1) for name, value in found.items()}}))


if __name__ == "__main__":
    main()
