"""The rollout: the named steps of a promotion, their order, and how each ends.

A step is *intent → probe → do → done*. The journal keeps what happened, so that any worker can go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.domain.policy import RegistryOrder

DEFINITION_VERSION = 1
"""A worker refuses, visibly, a rollout that was begun under another definition."""


class RolloutStep(StrEnum):
    """One step."""

    RECHECK = "recheck_plan"
    WITNESS = "wait_for_witness"
    RESERVE = "reserve_target"
    MOVE_REGISTRY = "move_registry"
    START_RUN = "start_run"
    FOLLOW_RUN = "follow_run"
    MARK_LIVE = "mark_live"


class RolloutState(StrEnum):
    """Where a rollout stands."""

    RUNNING = "running"
    COMPENSATING = "compensating"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    NEEDS_HUMAN = "needs_human"
    """The portal could neither finish nor undo: a person must look."""


class StepState(StrEnum):
    """What the journal says of a step."""

    INTENT = "intent"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"


@dataclass(frozen=True)
class StepRecord:
    """One line of the journal."""

    name: RolloutStep
    state: StepState
    at: datetime
    detail: str = ""


@dataclass(frozen=True)
class Rollout:
    """A rollout with its journal."""

    id: str
    request_id: str
    state: RolloutState
    steps: tuple[StepRecord, ...]
    attempts: int
    error: str = ""
    run_id: int | None = None
    created: datetime | None = None
    updated: datetime | None = None


def steps_for(order: RegistryOrder, *, has_pipeline: bool, witness: bool) -> tuple[RolloutStep, ...]:
    """The steps of a promotion in their order."""
    release = (RolloutStep.START_RUN, RolloutStep.FOLLOW_RUN) if has_pipeline else ()
    registry = (RolloutStep.MOVE_REGISTRY,)
    middle = registry + release if order is RegistryOrder.BEFORE else release + registry
    first = (RolloutStep.RECHECK, *((RolloutStep.WITNESS,) if witness else ()), RolloutStep.RESERVE)
    return (*first, *middle, RolloutStep.MARK_LIVE)
