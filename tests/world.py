"""A whole portal over the simulators and a real database: what most tests of use cases work with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from services.comparisons.held_out import HeldOutPredictions
from services.database.times import ClockTimes
from services.database.unit import Units
from services.domain.identity.people import Actor
from services.domain.policy import Governance
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.requests import DecisionKind
from services.domain.registry import VersionKey
from services.evidence.record import Comparison
from services.ledger.signing.keys import KeyRing, SigningKey
from services.policies.reading import parse_governance
from services.promotions.desk import PromotionDesk
from services.promotions.material import MaterialReader
from services.promotions.sealed.sealer import Sealer
from services.rollout.context import Observer, Tools, nobody
from services.rollout.lease import LeaseTimes
from services.rollout.worker import RolloutWorker
from tests.fake_evidence import comparison
from tests.schema import make_tables
from tests.simulators.basics import ANA, BEN, CHLOE, DEV, CountingIds, StillClock
from tests.simulators.pipelines import PipelinesSimulator
from tests.simulators.registry import RegistrySimulator

GOVERNANCE = """
version: 1
environments:
  production:
    stage: Production
    alias: champion
    pipeline: {project: ml, id: 12}
    registry: REGISTRY
policies:
  - models: "*"
    environment: production
    quorum: QUORUM
    expires_after_days: 14
    checks:
      - {kind: tests_passed}
      - {kind: artifact_digest}
      - {kind: lineage_complete, enforcement: warn}
"""
MODEL = "census"


class NoWitness:
    """A gate that always says that the witness has seen it."""

    def has_seen(self, request_id: str) -> bool:
        return bool(request_id)


def governance(*, registry: str = "before", quorum: int = 1) -> Governance:
    return parse_governance(GOVERNANCE.replace("REGISTRY", registry).replace("QUORUM", str(quorum)))


@dataclass
class World:
    """The portal's use cases, and the other side to play with."""

    engine: Engine
    folder: Path
    rules: Governance = field(default_factory=governance)
    clock: StillClock = field(default_factory=StillClock)
    ids: CountingIds = field(default_factory=CountingIds)
    registry: RegistrySimulator = field(default_factory=RegistrySimulator)
    pipelines: PipelinesSimulator = field(default_factory=PipelinesSimulator)
    known: tuple[Actor, ...] = (ANA, BEN, CHLOE, DEV)
    """Whom the portal has seen."""
    observe: Observer = nobody
    """Sees each operation of the workers."""

    def __post_init__(self) -> None:
        make_tables(self.engine)
        self.signer = KeyRing(SigningKey.generate("test.local/ledger"))
        self.units = Units(self.engine, self.signer, self.clock, times=ClockTimes(self.clock))
        held_out = HeldOutPredictions(self.registry, self.folder / "cache", self.clock)
        reader = MaterialReader(self.registry, held_out, pipelines=self.pipelines, generation=self.units.generation)
        self.sealer = Sealer(reader, self.rules, _no_comparison)
        self.desk = PromotionDesk(self.units, self.sealer, clock=self.clock, ids=self.ids, people=lambda: self.known)
        for version in (1, 2, 3):
            self.registry.add_version(MODEL, version, auc=0.8 + version / 50)
        self.registry.hold(VersionKey(MODEL, 1), stage="Production", alias="champion")

    def worker(self) -> RolloutWorker:
        """A new worker, as a new process would have it."""
        tools = Tools(
            units=self.units, reader=self.registry, writer=self.registry, pipelines=self.pipelines,
            sealer=self.sealer, clock=self.clock, ids=self.ids, witness=NoWitness(), settle=timedelta(seconds=30),
            lease=LeaseTimes(beat=None), observe=self.observe,
        )  # fmt: skip
        return RolloutWorker(tools)

    def open(self, version: int = 2) -> PromotionRequest:
        return self.desk.open(ANA, VersionKey(MODEL, version), "production", reason="Better on women.")

    def approve(self, request: PromotionRequest, actor: Any = CHLOE, *, key: str = "") -> PromotionRequest:
        return self.desk.decide(
            actor, request.id, DecisionKind.APPROVE, seen=request.plan_digest, reason="Looks right.",
            idempotency_key=key or f"{actor.person.id}-{request.id}-{request.plan_digest}",
        )  # fmt: skip

    def run(self, *, rounds: int = 50) -> None:
        """Let workers work until nothing is due, with time passing."""
        for _ in range(rounds):
            if not self.worker().run_once():
                self.clock.advance(5)

    def state(self, request: PromotionRequest) -> str:
        with self.units.read() as unit:
            return unit.requests.get(request.id).state.value

    def actions(self) -> list[str]:
        """The ledger's actions in their order."""
        with self.units.read() as unit:
            size = unit.archive.head()
            stored = list(unit.archive.stream(1, size.size)) if size else []
        return [str(entry.columns["action"]) for entry in stored]


def _no_comparison(candidate: object, current: object, settings: object) -> Comparison:
    del candidate, current, settings
    return comparison(recommendation="promote", verdict="better", reason="Better in this test.", curves={})
