"""The steps before any effect: wait for the witness, reserve the target, compare with the seal under the lock."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.domain.promotions.requests import glass_broken
from services.rollout import journal
from services.rollout.context import Context, Work
from services.rollout.outcomes import RolloutFailedError, Wait
from services.rollout.seal import demand_seal, demand_signatures

LONGEST_LOOK = timedelta(minutes=5)
"""How often a rollout that waits for a window is checked, so that nothing depends on one distant timer."""


def wait_for_witness(work: Work, context: Context) -> None:
    """Nothing irreversible happens before an outside witness has seen the approval."""
    work.at("see_witness")
    if not work.tools.witness.has_seen(context.request.id):
        raise Wait("Waiting for the witness to see the approval.")
    journal.done(work, context, "The witness has seen the approval.")


def reserve(work: Work, context: Context) -> None:
    """One rollout at a time per model and environment; waiting for windows comes first, without the lock."""
    work.at("lock")
    _wait_for_window(work, context)
    with work.tools.units.begin() as unit:
        holder = unit.rollouts.lock_target(work.lease.claim, context.key.model, context.environment.name)
        if holder is None:
            journal.done(work, context, "The target is reserved.", unit=unit)
    if holder is not None:
        raise Wait(f"Waiting for rollout {holder} into the same target.")


def _wait_for_window(work: Work, context: Context) -> None:
    """Windows and freezes apply to everything except an emergency."""
    with work.tools.units.read() as unit:
        decisions = unit.requests.decisions(context.request.id)
    if glass_broken(decisions, context.request.plan_digest) is None:
        _demand_open(context, work.tools.clock.now())


def _demand_open(context: Context, now: datetime) -> None:
    closed = context.policy.calendar.why_closed(now)
    if closed is None:
        return
    opening = context.policy.calendar.next_opening(now)
    if opening is None:
        raise RolloutFailedError(f"{closed} It does not open within 400 days.", code="never_open")
    raise Wait(f"{closed} It continues {opening:%Y-%m-%d %H:%M} UTC.", min(opening - now, LONGEST_LOOK))


def recheck(work: Work, context: Context) -> None:
    """After the last wait and before the first effect, under the lock: everything is as it was signed."""
    work.at("compare")
    demand_signatures(work, context)
    target = demand_seal(work, context, moved=False)
    unsealed = context.plan.unsealed()
    detail = "The plan is as it was signed."
    detail += f" Not sealed in it, so not compared: {', '.join(unsealed)}." if unsealed else ""
    journal.done(work, context, detail, {"target": target.as_dict()})
