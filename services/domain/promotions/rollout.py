"""The rollout: the named steps of a promotion, their order, and how each ends. ADR 9 has the protocol.

A step is *intent → probe → do → done*. The journal keeps what happened, so that any worker can go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.domain.policy import RegistryOrder

DEFINITION_VERSION = 2
"""A worker adopts a rollout of version 1 (see `services.rollout.adopting`) and refuses, visibly, any other."""
WORKER_GRACE = timedelta(seconds=15)
"""A rollout that is due longer than this without being taken waits for a worker that is not there."""
UNDO_MARK = "-undo"
"""Ends the mark of the run that releases the previous version again."""


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
    """Everything is undone; nothing is released."""
    VOID = "void"
    """The target, the version or the release was not as signed; everything is undone."""
    NEEDS_HUMAN = "needs_human"
    """The portal could neither finish nor undo: a person must choose a `RecoveryAction`."""
    ACCEPTED = "accepted"
    """A person accepted what is there."""
    GIVEN_UP = "given_up"
    """A person ended it as it is; what is wrong stays an incident of the watch."""


ENDED = frozenset(
    {RolloutState.SUCCEEDED, RolloutState.FAILED, RolloutState.VOID, RolloutState.ACCEPTED, RolloutState.GIVEN_UP}
)
"""Nothing is written outside for such a rollout, and it holds no target."""


class StepState(StrEnum):
    """What the journal says of a step."""

    INTENT = "intent"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"


class Cause(StrEnum):
    """Why a rollout turned back."""

    DIFFERS = "differs"
    """Something is not as it was signed: it ends as void."""
    FAILED = "failed"
    SLOW = "slow"
    CHOSEN = "chosen"
    """A person chose to undo it."""


class RecoveryAction(StrEnum):
    """What a person can choose for a rollout that needs one."""

    RETRY = "retry"
    UNDO = "undo"
    ACCEPT = "accept"
    GIVE_UP = "give_up"


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
    """What it waits for or met last."""
    run_id: int | None = None
    created: datetime | None = None
    updated: datetime | None = None
    cause: str = ""
    """Why it turned back: the first cause, which nothing later overwrites."""
    cause_code: str = ""
    undo_run_id: int | None = None
    """The run that releases the previous version again."""
    undo_all: bool = False
    """A person chose to undo, release included."""
    waits_for_worker_since: datetime | None = None
    """Set while it is due and no worker has taken it."""


def steps_for(order: RegistryOrder, *, has_pipeline: bool, witness: bool) -> tuple[RolloutStep, ...]:
    """The steps of a promotion in their order: waits first, then the lock, then the recheck under the lock."""
    release = (RolloutStep.START_RUN, RolloutStep.FOLLOW_RUN) if has_pipeline else ()
    registry = (RolloutStep.MOVE_REGISTRY,)
    middle = registry + release if order is RegistryOrder.BEFORE else release + registry
    first = (*((RolloutStep.WITNESS,) if witness else ()), RolloutStep.RESERVE, RolloutStep.RECHECK)
    return (*first, *middle, RolloutStep.MARK_LIVE)


UNDOABLE = (RolloutStep.MOVE_REGISTRY, RolloutStep.START_RUN)
"""Steps with an effect outside."""


def undo_mark(request_id: str) -> str:
    """The mark of the run that undoes the release of a request."""
    return request_id + UNDO_MARK


def request_of(mark: str) -> str:
    """The request that a run's mark belongs to."""
    return mark.removesuffix(UNDO_MARK)
