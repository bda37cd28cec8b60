"""Compares the current state with the whole seal: signatures, plan, target and release."""

from __future__ import annotations

from services.domain.promotions.plan import Change, differences
from services.domain.promotions.requests import why_not_released
from services.domain.promotions.target import RegistryMove, TargetState, target_state
from services.domain.registry import RegistrySnapshot
from services.errors import ConflictError, NotFoundError, RefusedError
from services.rollout.context import Context, Work
from services.rollout.outcomes import RolloutFailedError, SealDiffersError

_TARGET = ("target", "current_version")
"""Leaves of the plan that `RegistryMove.progress` judges: they change while the rollout itself moves the target."""


def demand_signatures(work: Work, context: Context) -> None:
    """The signatures must still stand. Raises RolloutFailedError."""
    with work.tools.units.read() as unit:
        decisions = unit.requests.decisions(context.request.id)
    reason = why_not_released(decisions, context.request.plan_digest, context.policy, work.tools.clock.now())
    if reason is not None:
        raise RolloutFailedError(reason)


def demand_seal(work: Work, context: Context, *, moved: bool) -> TargetState:
    """Everything that was signed is as it was, the target untouched or (`moved`) wholly moved by this rollout.

    Gives the state of the target. Raises SealDiffersError with both states, UpstreamError.
    """
    try:
        now = work.tools.sealer.plan_now(context.plan)
        held = read_target(work, context)
    except (NotFoundError, ConflictError, RefusedError) as error:
        raise SealDiffersError(f"Changed since the approval: {error.message}") from error
    changes = [c for c in differences(context.plan, now) if c.what.split(".")[0] not in _TARGET]
    move = context.move(held)
    changes += _target_changes(context, move, held, expected=move.whole if moved else 0)
    if changes:
        changed = "; ".join(change.sentence() for change in changes)
        raise SealDiffersError(f"Changed since the approval: {changed}.")
    return move.base


def read_target(work: Work, context: Context) -> RegistrySnapshot:
    """The target as the registry shows it now. Raises UpstreamError, NotFoundError (the model is deleted)."""
    env = context.environment
    return work.tools.reader.holders(context.key.model, stage=env.stage, alias=env.alias)


def _target_changes(context: Context, move: RegistryMove, held: RegistrySnapshot, *, expected: int) -> list[Change]:
    if move.progress(held) == expected:
        return []
    env, signed = context.environment, move.states[expected]
    now = target_state(held, context.key.version, stage=env.stage)
    before, after = (state.sentence(stage=env.stage, alias=env.alias) for state in (signed, now))
    recreated = [f"v{v}" for v, at in signed.created.items() if now.created.get(v, at) != at]
    deleted = [f"v{v}" for v in signed.created if v not in held.created]
    after += f" ({', '.join(recreated)} created again)" if recreated else ""
    after += f" ({', '.join(deleted)} deleted)" if deleted else ""
    if before == after:  # only a stage besides the holders differs
        before, after = (", ".join(f"v{v} in {s}" for v, s in sorted(x.stages.items())) for x in (signed, now))
    return [Change("the registry", before, after)]
