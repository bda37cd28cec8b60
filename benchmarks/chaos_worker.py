"""One rollout worker of `benchmarks.chaos` as a process: real leases on the database's clock, outside systems in files.

    python -m benchmarks.chaos_worker DATABASE FOLDER ORDER SECONDS [kill|stop STEP OPERATION TURN]

Works for so many seconds, or until no rollout is left. Given a place, it kills or stops itself (SIGKILL, SIGSTOP)
before that operation of the protocol, for the `TURN`-th time that it stands there.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

from services.clock import RandomIds, SystemClock
from services.comparisons.held_out import HeldOutPredictions
from services.database.engine import open_engine
from services.database.unit import Units
from services.domain.promotions.rollout import RolloutState
from services.ledger.signing.keys import load_or_create
from services.promotions.material import MaterialReader
from services.promotions.sealed.sealer import Sealer
from services.rollout.context import Observer, Tools, nobody
from services.rollout.lease import lease_of
from services.rollout.worker import RolloutWorker
from tests.outside.kept import Kept
from tests.world import NoWitness, _no_comparison, governance

LEDGER = "test.local/ledger"
LEASE = 2.0
SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def saboteur(how: str, step: str, operation: str, turn: str) -> Observer:
    """Sends this process the signal at the place named."""
    seen = 0

    def observe(_: str, at_step: str, at_operation: str) -> None:
        nonlocal seen
        is_here = (at_step, at_operation) == (step, operation)
        seen += is_here
        if is_here and seen == int(turn):
            os.kill(os.getpid(), SIGNALS[how])

    return observe


def main() -> int:
    """0 once no rollout is at work any more."""
    url, folder, order, seconds, *place = sys.argv[1], Path(sys.argv[2]), sys.argv[3], float(sys.argv[4]), *sys.argv[5:]
    engine, clock = open_engine(url), SystemClock()
    registry, pipelines = Kept(folder / "registry"), Kept(folder / "pipelines")
    units = Units(engine, load_or_create(folder / "ledger.pem", LEDGER), clock)
    held_out = HeldOutPredictions(registry, folder / "cache", clock)
    reader = MaterialReader(registry, held_out, pipelines=pipelines, generation=units.generation)
    tools = Tools(
        units=units, reader=registry, writer=registry, pipelines=pipelines,
        sealer=Sealer(reader, governance(registry=order), _no_comparison), clock=clock, ids=RandomIds(),
        witness=NoWitness(), settle=timedelta(seconds=1), lease=lease_of(LEASE),
        observe=saboteur(*place) if place else nobody,
    )  # fmt: skip
    worker, end = RolloutWorker(tools), time.monotonic() + seconds
    while time.monotonic() < end:
        if not worker.run_once():
            time.sleep(0.05)
        with units.read() as unit:
            counts = unit.rollouts.counts()
        if not {RolloutState.RUNNING.value, RolloutState.COMPENSATING.value} & counts.keys():
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
