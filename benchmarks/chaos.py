"""Breaks rollouts on purpose, with real worker processes on SQLite and PostgreSQL, and counts what went wrong.

    python -m benchmarks.chaos [--quick]

Each trial is a database of its own with one or two approved requests. Workers are processes with real leases on the
database's clock (2 s here). *kill*: one worker dies before each operation of the protocol, which is after everything
before it; another takes over. *freeze*: one is stopped with SIGSTOP, another takes over and ends the rollout, the
first wakes up. *drop*: requests or answers to MLflow and Azure DevOps are lost, two workers. *pair*: two requests
sealed against the same state, two workers. Registry and pipelines are simulators that live in files, so that what was
done stays done when a process dies; faults of real networks, servers that restart, upgrades and opposite decisions are
not part of this. A takeover counts from the death to the next claim, the start of the second process included. The
last line is JSON; exit 0 only if nothing is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from services.clock import SystemClock
from services.database import migrate
from services.database.engine import open_engine
from services.domain.promotions.promotion import PromotionRequest
from services.domain.releases import RunResult
from services.ledger.signing.keys import write_private
from tests.outside.kept import keep_pipelines, keep_registry
from tests.outside.portal import ROOT, environment
from tests.postgres import fresh_database, start_postgres
from tests.world import MODEL, World, governance

SECONDS = 60.0
PLACES = (
    ("reserve_target", "lock", 1), ("recheck_plan", "compare", 1), ("move_registry", "intent", 1),
    ("move_registry", "look", 1), ("move_registry", "test_token", 1), ("move_registry", "write", 1),
    ("move_registry", "look", 2), ("move_registry", "write", 2), ("move_registry", "look", 3),
    ("move_registry", "write", 3), ("move_registry", "look", 4), ("start_run", "intent", 1),
    ("start_run", "probe_run", 1), ("start_run", "compare", 1), ("start_run", "test_token", 1),
    ("start_run", "send_start", 1), ("start_run", "note_run", 1), ("follow_run", "look_at_run", 1),
    ("mark_live", "look", 1), ("mark_live", "commit", 1),
)  # fmt: skip
FROZEN = (("move_registry", "test_token", 1), ("start_run", "test_token", 1), ("mark_live", "commit", 1))
DROPS = ("start answer", "start request", "alias answer", "stage answer")
Place = tuple[str, str, int]


@dataclass(frozen=True)
class Trial:
    """One way to break one rollout."""

    kind: str
    database: str
    order: str
    place: Place | None = None
    drop: str = ""

    def __str__(self) -> str:
        """For people."""
        where = f" {'.'.join(map(str, self.place))}" if self.place else f" {self.drop}" if self.drop else ""
        return f"{self.kind}{where} ({self.database}, registry {self.order})"


@dataclass
class Count:
    """What went wrong, over all trials."""

    trials: int = 0
    failed: int = 0
    lost: int = 0
    doubled: int = 0
    both_promoted: int = 0
    ledger_untrue: int = 0
    locks_left: int = 0
    two_live: int = 0
    takeovers: list[float] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        told = {name: value for name, value in vars(self).items() if name != "takeovers"}
        p95 = statistics.quantiles(self.takeovers, n=20)[-1] if len(self.takeovers) > 1 else None
        return {**told, "takeover_s_p95": None if p95 is None else round(p95, 2)}

    @property
    def is_well(self) -> bool:
        """Nothing is wrong."""
        wrong = (self.failed, self.lost, self.doubled, self.both_promoted, self.ledger_untrue, self.locks_left)
        return not any((*wrong, self.two_live))


class Site:
    """The database, the outside in files, and workers."""

    def __init__(self, url: str, folder: Path, order: str) -> None:
        self.url, self.folder, self.order = url, folder, order
        self.engine = open_engine(url)
        migrate.upgrade(self.engine)
        registry, pipelines = keep_registry(folder / "registry"), keep_pipelines(folder / "pipelines")
        self.world = World(
            self.engine, folder, governance(registry=order), clock=cast("Any", SystemClock()),
            registry=cast("Any", registry), pipelines=cast("Any", pipelines),
        )  # fmt: skip
        write_private(folder / "ledger.pem", self.world.signer.to_text())

    def worker(self, *place: str) -> subprocess.Popen[bytes]:
        """A worker process, with the place at which it breaks."""
        program = [sys.executable, "-m", "benchmarks.chaos_worker"]
        command = [*program, self.url, str(self.folder), self.order, str(SECONDS)]
        with (self.folder / "workers.log").open("ab") as log:
            return subprocess.Popen([*command, *place], cwd=ROOT, env=environment({}), stdout=log, stderr=log)

    def fences(self) -> int:
        """How often rollouts have been claimed."""
        with self.engine.connect() as connection:
            return int(connection.exec_driver_sql("select sum(fence) from rollout").scalar_one() or 0)


def stopped(process: subprocess.Popen[bytes], *, is_kill: bool) -> bool:
    """Wait until the worker has killed or stopped itself; False when it ended otherwise."""
    flags = 0 if is_kill else os.WUNTRACED
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        found, status = os.waitpid(process.pid, flags | os.WNOHANG)
        if found:
            return os.WIFSIGNALED(status) if is_kill else os.WIFSTOPPED(status)
        time.sleep(0.02)
    return False


def run(site: Site, trial: Trial, count: Count) -> list[PromotionRequest]:
    """Do it; the requests once their rollouts have ended, or the time is over."""
    requests = [site.world.open(version) for version in ((2, 3) if trial.kind == "pair" else (2,))]
    for request in requests:
        site.world.approve(request)
    if trial.drop:
        _drop(site, trial.drop)
    if trial.place is None:
        workers = [site.worker(), site.worker()]
    else:
        how = "kill" if trial.kind == "kill" else "stop"
        first = site.worker(how, *map(str, trial.place))
        if not stopped(first, is_kill=how == "kill"):
            count.failed += 1
        workers = _take_over(site, first, count, is_kill=how == "kill")
    for worker in workers:
        worker.wait(SECONDS * 2)
    return requests


def _take_over(
    site: Site, first: subprocess.Popen[bytes], count: Count, *, is_kill: bool
) -> list[subprocess.Popen[bytes]]:
    """Another worker goes on; the frozen one wakes up once that one has ended."""
    begun, fences = time.monotonic(), site.fences()
    second = site.worker()
    while site.fences() == fences and time.monotonic() < begun + SECONDS and second.poll() is None:
        time.sleep(0.02)
    count.takeovers.append(time.monotonic() - begun)
    if is_kill:
        first.returncode = -signal.SIGKILL  # it was waited for already
        return [second]
    second.wait(SECONDS)
    first.send_signal(signal.SIGCONT)
    return [first, second]


def _drop(site: Site, what: str) -> None:
    if what == "start answer":
        site.world.pipelines.lose_answers = 1
    elif what == "start request":
        site.world.pipelines.drop_requests = 1
    else:
        site.world.registry.lose_answer_of = {"set_alias" if what == "alias answer" else "move_stage"}


def judge(site: Site, requests: list[PromotionRequest], count: Count) -> list[str]:
    """Compare the registry, the portal's record and the ledger; what is wrong, in words."""
    world, wrong = site.world, []
    states = [world.state(request) for request in requests]
    held = world.registry.holders(MODEL, stage="Production", alias="champion")
    promoted = [request for request, state in zip(requests, states, strict=True) if state == "promoted"]
    expected = promoted[0].key.version if promoted else 1
    runs = world.pipelines.started
    checks = {
        "lost": not promoted or any(state == "rolling_out" for state in states),
        "both_promoted": len(promoted) > 1,
        "doubled": len(runs) > len(promoted) or _repeated(world) or _twice(world.actions(), len(promoted)),
        "two_live": held.in_stage != (expected,) or held.alias_version != expected,
        "ledger_untrue": _is_untrue(world, expected),
        "locks_left": _holder(world) is not None,
    }
    for name, is_wrong in checks.items():
        if is_wrong:
            setattr(count, name, getattr(count, name) + 1)
            wrong.append(name)
    if any(run.result is not RunResult.SUCCEEDED for run in runs):
        count.failed += 1
        wrong.append("failed")
    return wrong


def _repeated(world: World) -> bool:
    writes = [write for write in world.registry.writes if write[0] in {"set_alias", "move_stage"}]
    return len(set(writes)) != len(writes)


def _twice(actions: list[str], promotions: int) -> bool:
    once = ("registry:version:live", "promotion:request:promoted", "registry:version:promoted")
    return any(actions.count(action) != promotions for action in once)


def _is_untrue(world: World, expected: int) -> bool:
    """The ledger's last word on what is live, and the portal's record, must be what the registry holds."""
    with world.units.read() as unit:
        live = [d.key.version for d in unit.deployments.of(model=MODEL, live_only=True)]
        rows = [row.columns for row in unit.archive.stream(1, 100_000)]
    told = [str(row["subject_id"]) for row in rows if row["action"] == "registry:version:live"]
    return live != [expected] or not told or not told[-1].endswith(f"/{expected}")


def _holder(world: World) -> str | None:
    with world.units.read() as unit:
        return unit.rollouts.target_holder(MODEL, "production")


def trials(*, is_quick: bool) -> Iterator[Trial]:
    """All of them; `--quick` takes each kind on both databases."""
    pairs = 2 if is_quick else 50
    for database in ("sqlite", "postgresql"):
        for order in ("before",) if is_quick else ("before", "after"):
            places = PLACES[1::3] if is_quick else PLACES * 2
            yield from (Trial("kill", database, order, place) for place in places)
            yield from (Trial("freeze", database, order, place) for place in FROZEN)
            yield from (Trial("drop", database, order, drop=drop) for drop in DROPS)
            yield from (Trial("pair", database, order) for _ in range(pairs if is_quick else pairs // 2))


@contextmanager
def opened(trial: Trial, server: str, folder: Path) -> Iterator[Site]:
    """A separate site."""
    with ExitStack() as stack:
        is_sqlite = trial.database == "sqlite"
        url = f"sqlite:///{folder / 'portal.db'}" if is_sqlite else stack.enter_context(fresh_database(server))
        site = Site(url, folder, trial.order)
        stack.callback(site.engine.dispose)
        yield site


def main() -> int:
    """Run all trials and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="each kind on both databases, a few minutes")
    given = parser.parse_args()
    count = Count()
    with tempfile.TemporaryDirectory() as kept, start_postgres(Path(kept)) as server:
        for number, trial in enumerate(trials(is_quick=given.quick)):
            folder = Path(kept) / f"trial-{number}"
            folder.mkdir()
            count.trials += 1
            with opened(trial, server, folder) as site:
                wrong = judge(site, run(site, trial, count), count)
            print(f"{trial}: {', '.join(wrong) or 'as it should'}", flush=True)
    print(json.dumps(count.as_json()))
    return 0 if count.is_well else 1


if __name__ == "__main__":
    sys.exit(main())
