"""A rollout worker as a process: ``python -m tests.outside.worker DATABASE FOLDER AHEAD [STEP before|after]``.

Works until its request has ended. Given a step, it kills itself with kill -9 before or after that step's effect, which is
before anything was written about it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from services.clock import RandomIds
from services.comparisons.held_out import HeldOutPredictions
from services.database.engine import open_engine
from services.database.unit import Units
from services.domain.promotions.requests import FINAL
from services.domain.promotions.rollout import RolloutStep
from services.ledger.signing.keys import load_or_create
from services.promotions.material import MaterialReader
from services.promotions.sealed.sealer import Sealer
from services.rollout import steps
from services.rollout.context import Tools
from services.rollout.worker import RolloutWorker
from tests.outside.kept import Kept
from tests.simulators.basics import START
from tests.world import NoWitness, _no_comparison, governance

LEDGER = "test.local/ledger"
LIMIT = 90.0


class QuickClock:
    """Runs 20 times as fast as the machine's, from a start of its own."""

    def __init__(self, ahead: float) -> None:
        self._begun = time.monotonic()
        self._start = START + timedelta(seconds=ahead)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=20 * (time.monotonic() - self._begun))


class Killing:
    """A step that ends the process as `kill -9` does."""

    def __init__(self, real: Any, when: str) -> None:
        self.intent, self.probe, self.undo = real.intent, real.probe, real.undo
        self._real, self._when = real, when

    def do(self, tools: Any, context: Any) -> Any:
        if self._when == "after":
            self._real.do(tools, context)
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    url, folder, ahead, *kill = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), *sys.argv[4:]
    if kill:
        step = RolloutStep(kill[0])
        steps.STEPS[step] = Killing(steps.STEPS[step], kill[1])
    engine, clock, registry = open_engine(url), QuickClock(ahead), Kept(folder / "registry")
    units = Units(engine, load_or_create(folder / "ledger.pem", LEDGER), clock)
    reader = MaterialReader(registry, HeldOutPredictions(registry, folder / "cache", clock))
    tools = Tools(
        units=units, reader=registry, writer=registry, pipelines=Kept(folder / "pipelines"),
        sealer=Sealer(reader, governance(), _no_comparison), clock=clock, ids=RandomIds(), witness=NoWitness(),
        settle=timedelta(seconds=30),
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
