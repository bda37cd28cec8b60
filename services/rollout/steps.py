"""The steps of a rollout: what does each, and what undoes it. ADR 9 has the table of the protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from services.domain.promotions.rollout import RolloutStep, steps_for
from services.rollout.context import Context, Work
from services.rollout.registry import move_registry, take_registry_back
from services.rollout.release import follow_run, start_run
from services.rollout.undo_release import take_release_back
from services.rollout.waits import recheck, reserve, wait_for_witness

Doing = Callable[[Work, Context], None]
"""Does a step, or undoes it, and records that in the journal.

Raises Wait, RolloutFailedError, NeedsPersonError, LeaseLostError, UpstreamError; may be called again after any of them.
"""

STEPS: Mapping[RolloutStep, Doing] = {
    RolloutStep.WITNESS: wait_for_witness,
    RolloutStep.RESERVE: reserve,
    RolloutStep.RECHECK: recheck,
    RolloutStep.MOVE_REGISTRY: move_registry,
    RolloutStep.START_RUN: start_run,
    RolloutStep.FOLLOW_RUN: follow_run,
}
UNDO: Mapping[RolloutStep, Doing] = {
    RolloutStep.MOVE_REGISTRY: take_registry_back,
    RolloutStep.START_RUN: take_release_back,
}
"""Steps with an outside effect; the lock is released when the rollout ends."""


def steps_of(context: Context) -> tuple[RolloutStep, ...]:
    """The steps of this rollout in order, except the last, which marks the version live."""
    steps = steps_for(
        context.environment.registry,
        has_pipeline=context.environment.pipeline is not None,
        witness=context.policy.witness_before_release,
    )
    return tuple(step for step in steps if step is not RolloutStep.MARK_LIVE)
