"""A rollout worker as a process: ``python -m tests.outside.worker DATABASE FOLDER AHEAD [STEP OPERATION TURN]``.

Works until its request has ended. Given an operation of the protocol, it kills itself with kill -9 when it stands before
that operation for the `TURN`-th time, which is after everything before it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from services.clock import RandomIds
from services.comparisons.held_out import HeldOutPredictions
from services.database.engine import open_engine
from services.database.times import ClockTimes
from services.database.unit import Units
from services.domain.promotions.requests import FINAL
from services.ledger.signing.keys import load_or_create
from services.promotions.material import MaterialReader
from services.promotions.sealed.sealer import Sealer
from services.rollout.context import Observer, Tools, nobody
from services.rollout.lease import LeaseTimes
from services.rollout.worker import RolloutWorker
from tests.outside.kept import Kept
from tests.simulators.basics import START
from tests.world import NoWitness, _no_comparison, governance

LEDGER = "test.local/ledger"
LIMIT = 90.0
SPEED = 20


class QuickClock:
    """Runs 20 times as fast as the machine's, from a start of its own."""

    def __init__(self, ahead: float) -> None:
        self._begun = time.monotonic()
        self._start = START + timedelta(seconds=ahead)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=SPEED * (time.monotonic() - self._begun))


def killer(step: str, operation: str, turn: str) -> Observer:
    """Ends the process as `kill -9` does, before this operation."""
    seen = 0

    def observe(_: str, at_step: str, at_operation: str) -> None:
        nonlocal seen
        seen += (at_step, at_operation) == (step, operation)
        if seen == int(turn):
            os.kill(os.getpid(), signal.SIGKILL)

    return observe


def main() -> int:
    url, folder, ahead, *kill = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), *sys.argv[4:]
    engine, clock, registry = open_engine(url), QuickClock(ahead), Kept(folder / "registry")
    units = Units(engine, load_or_create(folder / "ledger.pem", LEDGER), clock, times=ClockTimes(clock))
    pipelines = Kept(folder / "pipelines")
    held_out = HeldOutPredictions(registry, folder / "cache", clock)
    reader = MaterialReader(registry, held_out, pipelines=pipelines, generation=units.generation)
    tools = Tools(
        units=units, reader=registry, writer=registry, pipelines=pipelines,
        sealer=Sealer(reader, governance(), _no_comparison), clock=clock, ids=RandomIds(), witness=NoWitness(),
        settle=timedelta(seconds=30), lease=LeaseTimes(timedelta(seconds=30 * SPEED), timedelta(seconds=1)),
        observe=killer(*kill) if kill else nobody,
    )  # fmt: skip
    worker, end = RolloutWorker(tools), time.monotonic() + LIMIT
    while time.monotonic() < end:
        if not worker.run_once():
            time.sleep(0.02)
        with units.read() as unit:
            if unit.requests.get("req-1").state in FINAL:
                return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
