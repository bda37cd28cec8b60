"""The transactions of a worker. Each tests the token, writes the journal and the ledger, and commits all or nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from services.database.unit import Unit
from services.domain.promotions.promotion import Deployment, Incident
from services.domain.promotions.requests import RequestEvent, next_state
from services.domain.promotions.rollout import Cause, RolloutState, RolloutStep, StepState
from services.domain.promotions.target import RegistryMove
from services.domain.registry import RegistrySnapshot
from services.errors import ConflictError
from services.ledger.actions import Action
from services.policies.reading import policy_of
from services.promotions.sealed_request import environment_of, plan_of
from services.promotions.suspending import suspend_others
from services.rollout.context import Context, Work
from services.rollout.outcomes import RolloutFailedError, SealDiffersError
from services.rollout.record import record

NEEDS_PERSON = "rollout_needs_human"


def read_context(work: Work) -> Context:
    """Everything from the database: policy and environment as they were frozen into the request."""
    with work.tools.units.read() as unit:
        return context_of(unit, work.lease.claim.request_id, work.rollout_id)


def context_of(unit: Unit, request_id: str, rollout_id: str) -> Context:
    """The same in the caller's transaction."""
    request = unit.requests.get(request_id)
    frozen = json.loads(unit.requests.document(request.policy_digest))
    return Context(
        request=request,
        plan=plan_of(unit, request),
        policy=policy_of(frozen["policy"]),
        environment=environment_of(frozen["environment"]),
        journal=unit.rollouts.journal(rollout_id),
        now=unit.rollouts.now(),
    )


def move_of(unit: Unit, rollout_id: str) -> RegistryMove:
    """The move that a rollout makes in the registry."""
    context = context_of(unit, unit.rollouts.get(rollout_id).request_id, rollout_id)
    return context.move(RegistrySnapshot())


def intend(work: Work, context: Context, data: Mapping[str, Any] | None = None) -> None:
    """The step begins; `data` is added to its data."""
    assert work.step is not None  # noqa: S101 - only steps intend
    kept = {**context.data(work.step), **(data or {})}
    with work.tools.units.begin() as unit:
        unit.rollouts.write_step(work.lease.claim, work.step, StepState.INTENT, data=kept)


def note(work: Work, context: Context, **data: Any) -> None:
    """Store data with the active step; this also tests the token and leaves a trace."""
    intend(work, context, data)


def done(
    work: Work, context: Context, detail: str, data: Mapping[str, Any] | None = None, *, unit: Unit | None = None
) -> None:
    """The step has had its effect; in the caller's transaction, or in a separate one."""
    if unit is None:
        with work.tools.units.begin() as own:
            done(work, context, detail, data, unit=own)
        return
    assert work.step is not None  # noqa: S101 - only steps are done
    kept = {**context.data(work.step), **(data or {})}
    unit.rollouts.write_step(work.lease.claim, work.step, StepState.DONE, detail=detail, data=kept)
    record(unit, context.request, Action.ROLLOUT_STEP_DONE, after={"step": work.step.value, "detail": detail})


def undone(work: Work, context: Context, detail: str, *, restored: Mapping[str, Any] | None = None) -> None:
    """The step's effect is undone; `restored` is what was read back from the registry."""
    assert work.step is not None  # noqa: S101 - only steps are undone
    with work.tools.units.begin() as unit:
        unit.rollouts.write_step(work.lease.claim, work.step, StepState.UNDONE, detail=detail)
        told = {"step": work.step.value, "detail": detail}
        record(unit, context.request, Action.ROLLOUT_STEP_COMPENSATED, after=told)
        if restored is not None:
            record(unit, context.request, Action.VERSION_RESTORED, after=dict(restored))


def pause(work: Work, *, delay: timedelta, attempts: int, error: str) -> None:
    """Release the claim until later."""
    work.lease.end()
    with work.tools.units.begin() as unit:
        unit.rollouts.release(work.lease.claim, delay=delay, attempts=attempts, error=error)


def turn_back(work: Work, context: Context, error: RolloutFailedError) -> None:
    """From now on completed steps are undone; an existing first cause is kept."""
    work.lease.end()
    with work.tools.units.begin() as unit:
        unit.rollouts.finish(work.lease.claim, RolloutState.COMPENSATING, error=error.sentence(), cause=error.cause)
        record(unit, context.request, Action.ROLLOUT_FAILED, after=error.message, reason=error.code)


def void(work: Work, context: Context, error: SealDiffersError) -> None:
    """Nothing was done yet: the rollout ends and the target is free, in one transaction."""
    work.lease.end()
    with work.tools.units.begin() as unit:
        unit.rollouts.unlock_target(work.lease.claim)
        _end_request(work, unit, context, RequestEvent.VOID)
        unit.rollouts.finish(work.lease.claim, RolloutState.VOID, error=error.sentence(), cause=Cause.DIFFERS)
        record(unit, context.request, Action.ROLLOUT_VOIDED, after=error.message, reason=error.code)
        record(unit, context.request, Action.REQUEST_VOIDED, before="rolling_out", after="void", reason=error.message)


def end_undone(work: Work, context: Context) -> None:
    """Everything is undone: void where something was not as signed, else failed. The target is free."""
    work.lease.end()
    with work.tools.units.begin() as unit:
        unit.rollouts.unlock_target(work.lease.claim)
        rollout = unit.rollouts.get(work.rollout_id)
        is_void = rollout.cause_code == Cause.DIFFERS.value
        why = rollout.cause or rollout.error
        _end_request(work, unit, context, RequestEvent.VOID if is_void else RequestEvent.FAIL_ROLLOUT)
        state = RolloutState.VOID if is_void else RolloutState.FAILED
        unit.rollouts.finish(work.lease.claim, state, error=why)
        record(unit, context.request, Action.ROLLOUT_COMPENSATED, after={"version": context.plan.current_version})
        ended = Action.REQUEST_VOIDED if is_void else Action.REQUEST_FAILED
        record(unit, context.request, ended, before="rolling_out", after=state.value, reason=why)


def go_live(work: Work, context: Context) -> None:
    """One transaction says that the version is live, raises the target's generation, and frees the target."""
    work.lease.end()
    with work.tools.units.begin() as unit:
        now = unit.rollouts.now()
        live = _deployment(work, context)
        done(work, context, f"Live in {live.environment} since {now:%Y-%m-%d %H:%M:%S} UTC.", unit=unit)
        unit.deployments.begin(replace(live, live_from=now))
        unit.rollouts.raise_generation(context.key.model, live.environment)
        unit.rollouts.unlock_target(work.lease.claim)
        _end_request(work, unit, context, RequestEvent.FINISH_ROLLOUT)
        unit.rollouts.finish(work.lease.claim, RolloutState.SUCCEEDED, error="")
        told = {"environment": live.environment, "run": live.run_id, "release": live.run_name}
        record(unit, context.request, Action.VERSION_LIVE, before={"version": context.plan.current_version}, after=told)
        record(unit, context.request, Action.REQUEST_PROMOTED, before="rolling_out", after="promoted")
        suspend_others(unit, context.request, now)


def _deployment(work: Work, context: Context) -> Deployment:
    started = context.data(RolloutStep.START_RUN)
    return Deployment(
        id=work.tools.ids.new("dep"),
        key=context.key,
        environment=context.environment.name,
        live_from=context.now,
        request_id=context.request.id,
        run_project=started.get("project"),
        run_id=started.get("run"),
        run_name=str(started.get("name", "")),
        run_url=str(started.get("url", "")),
        version_created=context.plan.version_created,
    )


def hand_over(work: Work, context: Context, why: str) -> None:
    """A person must choose: the state is named, the incident is open, the target stays reserved."""
    work.lease.end()
    sentence = f"The rollout of {context.key} to {context.environment.name} needs a person. {why}"
    with work.tools.units.begin() as unit:
        unit.rollouts.finish(work.lease.claim, RolloutState.NEEDS_HUMAN, error=why)
        found = Incident(
            id=work.tools.ids.new("inc"), kind=NEEDS_PERSON, model=context.key.model, subject=context.request.id,
            before="", after=work.rollout_id, sentence=sentence, opened=unit.rollouts.now(),
        )  # fmt: skip
        if unit.deployments.open_incident(found):
            told = {"incident": found.id, "sentence": sentence}
            record(unit, context.request, Action.INCIDENT_OPENED, after=told)
        record(unit, context.request, Action.ROLLOUT_STOPPED, reason=why)


def _end_request(work: Work, unit: Unit, context: Context, event: RequestEvent) -> None:
    request = unit.requests.get(context.request.id)
    state = next_state(request.state, event)
    if state is None:
        raise ConflictError(f"Request {request.id} is {request.state.in_words}, not rolling out.")
    unit.requests.save(replace(request, state=state, updated=work.tools.clock.now()))
