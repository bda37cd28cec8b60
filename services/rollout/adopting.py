"""Adopts rollouts that the previous release began, under definition 1: they continue under the current rules.

Definition 1 compared with the seal before the waits and without the lock. A rollout without an effect so far is
compared again under the lock; any other continues from its step, judged by the registry's reading as usual.
"""

from __future__ import annotations

from services.domain.promotions.rollout import DEFINITION_VERSION, RolloutStep, StepState
from services.rollout.context import Context, Work
from services.rollout.outcomes import NeedsPersonError

_EFFECTS = (RolloutStep.START_RUN, RolloutStep.MOVE_REGISTRY)


def adopt(work: Work, context: Context) -> None:
    """Take over an older rollout in one transaction. Raises NeedsPersonError for any but definition 1."""
    begun = work.lease.claim.definition_version
    if begun != 1:
        raise NeedsPersonError(f"It was begun under definition {begun}; this release uses {DEFINITION_VERSION}.")
    with work.tools.units.begin() as unit:
        unit.rollouts.adopt(work.lease.claim)
        if RolloutStep.RECHECK in context.journal and not any(step in context.journal for step in _EFFECTS):
            detail = "To be compared again under the lock."
            unit.rollouts.write_step(work.lease.claim, RolloutStep.RECHECK, StepState.UNDONE, detail=detail)
