"""Rollouts by real worker processes on SQLite and PostgreSQL: killed with kill -9, or several at the same time."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from services.database import migrate
from services.database.engine import open_engine
from services.domain.registry import VersionKey
from services.domain.releases import RunResult
from services.ledger.signing.keys import write_private
from tests.outside.kept import keep_pipelines, keep_registry
from tests.outside.portal import ROOT, environment
from tests.world import MODEL, World

pytestmark = [
    pytest.mark.integration, pytest.mark.outage, pytest.mark.timeout(600),
]  # fmt: skip

LATER = 3600.0
"""Seconds by which the clock of the next worker is ahead: the lease of the killed one has ended by then."""
POINTS = (
    ("reserve_target", "lock", 1), ("recheck_plan", "compare", 1), ("move_registry", "intent", 1),
    ("move_registry", "write", 1), ("move_registry", "look", 2), ("move_registry", "write", 3),
    ("move_registry", "look", 4), ("start_run", "send_start", 1), ("start_run", "note_run", 1),
    ("follow_run", "look_at_run", 1), ("mark_live", "commit", 1),
)  # fmt: skip
"""Operations, and for which time: before each effect, and after it."""


@dataclass
class Site:
    """A world whose outside lies in files, and workers that are processes."""

    url: str
    folder: Path
    world: World

    def worker(self, *more: str, ahead: float = 0) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.outside.worker", self.url, str(self.folder), str(ahead), *more]
        log = (self.folder / "workers.log").open("ab")
        try:
            return subprocess.Popen(command, cwd=ROOT, env=environment({}), stdout=log, stderr=log)
        finally:
            log.close()

    def ended(self, process: subprocess.Popen[bytes]) -> int:
        try:
            return process.wait(150)
        finally:
            process.kill()
            process.wait()

    def log(self) -> str:
        return (self.folder / "workers.log").read_text()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'portal.db'}" if is_sqlite else request.getfixturevalue("postgres_database")
    engine = open_engine(url)
    migrate.upgrade(engine)
    registry, pipelines = keep_registry(tmp_path / "registry"), keep_pipelines(tmp_path / "pipelines")
    world = World(engine, tmp_path, registry=cast("Any", registry), pipelines=cast("Any", pipelines))
    write_private(tmp_path / "ledger.pem", world.signer.to_text())
    yield Site(url, tmp_path, world)
    engine.dispose()


def assert_done_once(site: Site) -> None:
    """Promoted; each effect on the outside, and each entry about an end, exactly once."""
    world = site.world
    assert len(world.pipelines.started) == 1
    writes = [write for write in world.registry.writes if write[0] in {"set_alias", "move_stage"}]
    assert sorted(set(writes)) == sorted(writes)
    assert ("set_alias", MODEL, "champion", "2") in writes
    held = world.registry.holders(MODEL, stage="Production", alias="champion")
    assert (held.in_stage, held.alias_version) == ((2,), 2)
    actions = world.actions()
    for action in ("registry:version:live", "promotion:request:promoted", "registry:version:promoted"):
        assert actions.count(action) == 1, action
    with world.units.read() as unit:
        assert [d.key for d in unit.deployments.of(model=MODEL, live_only=True)] == [VersionKey(MODEL, 2)]
        assert unit.rollouts.target_holder(MODEL, "production") is None


@pytest.mark.parametrize("point", POINTS, ids=lambda point: f"{point[0]}.{point[1]}-{point[2]}")
def test_worker__killed_before_an_operation__another_process_finishes_and_does_nothing_twice(
    site: Site, point: tuple[str, str, int]
) -> None:
    request = site.world.approve(site.world.open())
    assert site.ended(site.worker(*map(str, point))) == -signal.SIGKILL, site.log()
    assert site.world.state(request) == "rolling_out"
    assert site.ended(site.worker(ahead=LATER)) == 0, site.log()
    assert site.world.state(request) == "promoted"
    assert_done_once(site)


def test_workers__three_at_once__do_one_rollout_once(site: Site) -> None:
    request = site.world.approve(site.world.open())
    workers = [site.worker() for _ in range(3)]
    assert [site.ended(worker) for worker in workers] == [0, 0, 0], site.log()
    assert site.world.state(request) == "promoted"
    assert_done_once(site)


def test_worker__killed_while_a_failed_release_is_undone__another_process_restores_the_old_version(site: Site) -> None:
    site.world.pipelines.ends_with = RunResult.FAILED
    request = site.world.approve(site.world.open())
    assert site.ended(site.worker("follow_run", "look_at_run", "1")) == -signal.SIGKILL
    assert site.ended(site.worker(ahead=LATER)) == 0, site.log()
    assert site.world.state(request) == "failed"
    held = site.world.registry.holders(MODEL, stage="Production", alias="champion")
    assert (held.in_stage, held.alias_version) == ((1,), 1)
    assert site.world.actions().count("promotion:request:failed") == 1
    assert len(site.world.pipelines.started) == 1
