"""What the steps of a rollout work with, and how a step tells its outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Protocol

from services.database.stores.rollouts import Claim, JournalLine
from services.database.unit import Unit, Units
from services.domain.identity.people import SYSTEM
from services.domain.policy import Environment, PromotionPolicy
from services.domain.promotions.plan import Plan
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.rollout import RolloutStep
from services.domain.registry import VersionKey
from services.domain.releases import RunStart
from services.errors import PortalError
from services.ledger.actions import Action
from services.ledger.subjects import version_subject
from services.ledger.writer import EntryFields
from services.ports.pipelines import ReleasePipelines
from services.ports.registry import RegistryReader, RegistryWriter
from services.ports.time import Clock, Ids
from services.promotions.sealed.sealer import Sealer
from services.releases.following import RunFollower

LEASE = timedelta(minutes=5)
"""Longer than any step: each outside call has a time-out of its own, and hashing a model is bounded."""


class RolloutFailedError(PortalError):
    """The rollout cannot go on; what was done is undone."""

    code = "rollout_failed"


class Wait(Exception):  # noqa: N818 - not an error: the step asks to be called again
    """The step is under way; look again after `delay`."""

    def __init__(self, why: str, delay: timedelta = timedelta(seconds=2)) -> None:
        super().__init__(why)
        self.delay = delay


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
    """How long a start whose answer was lost is looked for before it counts as not made."""
    deadline: timedelta = timedelta(hours=2)
    """How long a release may take."""

    @cached_property
    def follower(self) -> RunFollower:
        """Follows the runs of all rollouts together."""
        return RunFollower(self.pipelines, self.units, self.clock)


class WitnessGate(Protocol):
    """Tells whether a witness outside the portal has seen the ledger so far."""

    def has_seen(self, request_id: str) -> bool:
        """True when the approval's entry is covered by a witnessed checkpoint."""


@dataclass(frozen=True)
class Context:
    """One rollout under way."""

    claim: Claim
    request: PromotionRequest
    plan: Plan
    policy: PromotionPolicy
    environment: Environment
    journal: Mapping[RolloutStep, JournalLine]
    asked_at: datetime
    public_url: str = ""

    @property
    def key(self) -> VersionKey:
        """The version that is promoted."""
        return self.request.key

    def data(self, step: RolloutStep) -> Mapping[str, Any]:
        """What an earlier step left for later ones."""
        line = self.journal.get(step)
        return line.data if line else {}

    def run_start(self) -> RunStart:
        """The one start of the pipeline that this rollout may make."""
        pipeline = self.environment.pipeline
        if pipeline is None:
            raise RolloutFailedError(f"The environment {self.environment.name} has no pipeline.")
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
            asked_at=self.asked_at,
            kind=pipeline.kind,
        )


@dataclass(frozen=True)
class Done:
    """A step has had its effect."""

    detail: str
    data: Mapping[str, Any] = field(default_factory=dict)


def record(unit: Unit, context: Context, action: Action, **fields: Any) -> None:
    """Write a ledger entry of the portal itself about this rollout."""
    told: EntryFields = {"request_id": context.request.id, "plan_digest": context.request.plan_digest, **fields}  # type: ignore[typeddict-item]  # callers pass fields of EntryFields
    unit.ledger.append(SYSTEM, action, version_subject(context.key), **told)
