"""What the steps of a rollout work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Protocol

from services.database.stores.rollouts import JournalLine
from services.database.unit import Units
from services.domain.policy import Environment, PipelineTarget, PromotionPolicy
from services.domain.promotions.plan import Plan
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.rollout import RolloutStep
from services.domain.promotions.target import RegistryMove, TargetState, target_state
from services.domain.registry import RegistrySnapshot, VersionKey
from services.domain.releases import RunStart
from services.ports.pipelines import ReleasePipelines
from services.ports.registry import RegistryReader, RegistryWriter
from services.ports.time import Clock, Ids
from services.promotions.sealed.sealer import Sealer
from services.releases.desk import demand_azure
from services.releases.following import RunFollower
from services.rollout.lease import Lease, LeaseTimes
from services.rollout.outcomes import RolloutFailedError

Observer = Callable[[str, str, str], None]
"""Is called before each operation with rollout id (empty before a claim), step and operation, as ADR 9 names them."""


def nobody(rollout_id: str, step: str, operation: str) -> None:
    """Observes nothing."""
    del rollout_id, step, operation


class WitnessGate(Protocol):
    """Reports whether an outside witness has seen the ledger so far."""

    def has_seen(self, request_id: str) -> bool:
        """True when the approval's entry is covered by a witnessed checkpoint."""


@dataclass(frozen=True)
class Tools:
    """What every rollout uses."""

    units: Units
    reader: RegistryReader
    writer: RegistryWriter
    pipelines: ReleasePipelines | None
    sealer: Sealer
    clock: Clock
    ids: Ids
    witness: WitnessGate
    settle: timedelta = timedelta(seconds=90)
    """How long to look for a start whose answer was lost before it counts as not made."""
    deadline: timedelta = timedelta(hours=2)
    """How long a release may take."""
    lease: LeaseTimes = field(default_factory=LeaseTimes)
    observe: Observer = nobody

    @cached_property
    def follower(self) -> RunFollower:
        """Follows the runs of all rollouts together."""
        return RunFollower(self.pipelines, self.units, self.clock)

    @property
    def azure(self) -> ReleasePipelines:
        """Azure DevOps. Raises UpstreamUnavailableError where none is set."""
        return demand_azure(self.pipelines)


@dataclass(frozen=True)
class Context:
    """One active rollout, as read from the database."""

    request: PromotionRequest
    plan: Plan
    policy: PromotionPolicy
    environment: Environment
    journal: Mapping[RolloutStep, JournalLine]
    now: datetime
    """The database's time when all of this was read."""

    @property
    def key(self) -> VersionKey:
        """The version that is promoted."""
        return self.request.key

    def data(self, step: RolloutStep) -> Mapping[str, Any]:
        """Data that an earlier step left for later ones."""
        line = self.journal.get(step)
        return line.data if line else {}

    def begun(self, step: RolloutStep) -> datetime:
        """When the step first began; now, if it did not."""
        line = self.journal.get(step)
        return line.started if line else self.now

    @property
    def pipeline(self) -> PipelineTarget:
        """The pipeline that releases. Raises RolloutFailedError."""
        if self.environment.pipeline is None:
            raise RolloutFailedError(f"The environment {self.environment.name} has no pipeline.")
        return self.environment.pipeline

    def run_start(self) -> RunStart:
        """The one start of the pipeline that this rollout may make, at the sealed commit."""
        pipeline = self.pipeline
        own = {
            "modelName": self.key.model,
            "modelVersion": str(self.key.version),
            "requestId": self.request.id,
            "planDigest": self.request.plan_digest,
            "artifactDigest": self.plan.artifact_digest or "",
        }
        return RunStart(
            project=pipeline.project,
            pipeline_id=pipeline.pipeline_id,
            branch=pipeline.branch,
            request_id=self.request.id,
            parameters={**pipeline.parameters, **own},
            asked_at=self.begun(RolloutStep.START_RUN),
            kind=pipeline.kind,
            commit=(self.plan.release or {}).get("commit"),
        )

    def move(self, held: RegistrySnapshot) -> RegistryMove:
        """The move that was signed. `held` fills in what an older plan did not seal, before anything was moved."""
        return RegistryMove(self._base(held), self.key.version, self.environment.stage, self.environment.alias)

    def _base(self, held: RegistrySnapshot) -> TargetState:
        if self.plan.target is not None:
            return TargetState.from_dict(self.plan.target)
        kept = self.data(RolloutStep.RECHECK).get("target")
        moved = self.data(RolloutStep.MOVE_REGISTRY)
        if kept or "stages" in moved:  # the latter was written by a worker of definition 1
            return TargetState.from_dict(kept or moved)
        return base_of_older_plan(self, held)


def replace_mark(start: RunStart, mark: str) -> RunStart:
    """The same start under another mark."""
    return replace(start, request_id=mark, parameters={**start.parameters, "requestId": mark})


def base_of_older_plan(context: Context, held: RegistrySnapshot) -> TargetState:
    """An older plan sealed who holds the target, and no stages: the holder it names, and what else is read."""
    read = target_state(held, context.key.version, stage=context.environment.stage)
    current, stage = context.plan.current_version, context.environment.stage
    stages = {version: found for version, found in read.stages.items() if version in {current, context.key.version}}
    if stage and current is not None:
        stages[current] = stage
    alias = current if context.environment.alias else None
    return replace(read, alias=alias, stages=stages, created={})


@dataclass
class Work:
    """One claim at work."""

    tools: Tools
    lease: Lease
    step: RolloutStep | None = None

    @property
    def rollout_id(self) -> str:
        """The rollout."""
        return self.lease.claim.rollout_id

    def at(self, operation: str) -> None:
        """Report which operation begins."""
        self.tools.observe(self.rollout_id, self.step.value if self.step else "end", operation)
