"""The ways out of "needs a person": retry, undo, accept the current state, give up.

Each action replaces the token, so any worker still active stops; each closes the incident and is in the ledger with
its reason. The target stays locked through a retry and an undo, and is free once the rollout has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.database.unit import Unit, Units
from services.domain.identity.people import Actor, Permission
from services.domain.policy import Environment
from services.domain.promotions.promotion import Deployment, PromotionRequest
from services.domain.promotions.requests import RequestEvent, next_state
from services.domain.promotions.rollout import Cause, RecoveryAction, Rollout, RolloutState, RolloutStep, StepState
from services.domain.registry import VersionKey
from services.errors import ConflictError, NotAllowedError
from services.ledger.actions import Action
from services.ports.pipelines import ReleasePipelines
from services.ports.registry import RegistryReader
from services.ports.time import Clock, Ids
from services.promotions.forms import reason_of
from services.promotions.sealed_request import plan_of
from services.promotions.suspending import suspend_others
from services.rollout.agreement import agreed_version, deployed_version
from services.rollout.answers import RecoveryOption
from services.rollout.context import Context
from services.rollout.journal import NEEDS_PERSON, context_of
from services.rollout.record import record
from services.rollout.steps import UNDO, steps_of

NOT_YOURS = "Only operators can decide how a rollout continues."
_LEDGER = {
    RecoveryAction.RETRY: Action.ROLLOUT_RETRIED,
    RecoveryAction.UNDO: Action.ROLLOUT_UNDO_CHOSEN,
    RecoveryAction.ACCEPT: Action.ROLLOUT_ACCEPTED,
    RecoveryAction.GIVE_UP: Action.ROLLOUT_GIVEN_UP,
}


@dataclass(frozen=True)
class _Choice:
    actor: Actor
    action: RecoveryAction
    reason: str
    accepted: int | None = None


class RecoveryDesk:
    """Implements `services.rollout.answers.Recovery`."""

    def __init__(
        self, units: Units, registry: RegistryReader, pipelines: ReleasePipelines | None, *, clock: Clock, ids: Ids
    ) -> None:
        self._units = units
        self._registry = registry
        self._pipelines = pipelines
        self._clock = clock
        self._ids = ids

    def options(self, actor: Actor, rollout: Rollout | None) -> Sequence[RecoveryOption]:
        """All actions for a rollout that needs a person; empty for any other."""
        if rollout is None or rollout.state is not RolloutState.NEEDS_HUMAN:
            return ()
        closed = _why_not(actor)
        return [RecoveryOption(action, closed) for action in RecoveryAction]

    def choose(self, actor: Actor, request_id: str, action: RecoveryAction, *, reason: str) -> Rollout:
        """Do it in one transaction."""
        closed = _why_not(actor)
        if closed is not None:
            raise NotAllowedError(closed)
        reason = reason_of(reason, "Give a reason; it becomes part of the record.")
        with self._units.read() as unit:
            rollout = _waiting(unit, request_id)
            context = context_of(unit, request_id, rollout.id)
            before = _live(unit, context.request)
        accepted = self._accepted(context, before) if action is RecoveryAction.ACCEPT else None
        choice = _Choice(actor, action, reason, accepted)
        with self._units.begin() as unit:
            _waiting(unit, request_id)
            self._write(unit, context, rollout, choice)
            self._close_incident(unit, context.request, rollout, actor)
            told = {"rollout": rollout.id, "version": accepted} if accepted else {"rollout": rollout.id}
            record(unit, context.request, _LEDGER[action], by=actor, before=rollout.error, after=told, reason=reason)
        with self._units.read() as unit:
            return unit.rollouts.get(rollout.id)

    def _accepted(self, context: Context, before: Deployment | None) -> int:
        was = before.key.version if before else context.plan.current_version
        deployed = was
        if context.environment.pipeline is not None and self._pipelines is not None:
            mine = context.key.version
            deployed = deployed_version(self._pipelines, context.run_start(), mine=mine, before=was)
        return agreed_version(self._registry, context.request, context.environment, deployed=deployed)

    def _write(self, unit: Unit, context: Context, rollout: Rollout, choice: _Choice) -> None:
        if choice.action is RecoveryAction.RETRY:
            unit.rollouts.recover(rollout.id, RolloutState.RUNNING, cause=("", ""))
            _reopen(unit, context, rollout)
        elif choice.action is RecoveryAction.UNDO:
            cause = None if rollout.cause else (f"{choice.actor.person.name} chose to undo it.", Cause.CHOSEN.value)
            unit.rollouts.recover(rollout.id, RolloutState.COMPENSATING, undo_all=True, cause=cause)
        elif choice.action is RecoveryAction.GIVE_UP:
            unit.rollouts.recover(rollout.id, RolloutState.GIVEN_UP)
            self._end(unit, context.request, RequestEvent.FAIL_ROLLOUT, Action.REQUEST_FAILED, choice)
        else:
            unit.rollouts.recover(rollout.id, RolloutState.ACCEPTED)
            self._accept(unit, context, choice)

    def _accept(self, unit: Unit, context: Context, choice: _Choice) -> None:
        """The portal's record follows: the accepted version is live, and plans sealed earlier are no longer valid."""
        request, key = context.request, VersionKey(context.key.model, int(choice.accepted or 0))
        unit.rollouts.raise_generation(key.model, request.environment)
        before = _live(unit, request)
        if before is None or before.key != key:
            is_own = key == request.key
            live = _deployment(self._ids.new("dep"), key, unit, request if is_own else None, context.environment)
            unit.deployments.begin(replace(live, environment=request.environment))
            told = {"environment": request.environment, "run": live.run_id, "release": live.run_name}
            was = {"version": before.key.version if before else None}
            record(unit, replace(request, key=key), Action.VERSION_LIVE, by=choice.actor, before=was, after=told)
        if key == request.key:
            self._end(unit, request, RequestEvent.FINISH_ROLLOUT, Action.REQUEST_PROMOTED, choice)
            suspend_others(unit, request, unit.rollouts.now())
        else:
            self._end(unit, request, RequestEvent.FAIL_ROLLOUT, Action.REQUEST_FAILED, choice)

    def _end(self, unit: Unit, request: PromotionRequest, event: RequestEvent, action: Action, choice: _Choice) -> None:
        request = unit.requests.get(request.id)
        state = next_state(request.state, event)
        if state is None:
            raise ConflictError(f"The request is already {request.state.in_words}.")
        unit.requests.save(replace(request, state=state, updated=self._clock.now()))
        record(unit, request, action, by=choice.actor, before="rolling_out", after=state.value, reason=choice.reason)

    def _close_incident(self, unit: Unit, request: PromotionRequest, rollout: Rollout, actor: Actor) -> None:
        for found in unit.deployments.incidents():
            if found.kind == NEEDS_PERSON and found.after == rollout.id:
                unit.deployments.close_incident(found.id, self._clock.now())
                record(unit, request, Action.INCIDENT_CLOSED, by=actor, after={"incident": found.id})


def _why_not(actor: Actor) -> str | None:
    if actor.is_service:
        return "Only people can decide how a rollout continues."
    return None if actor.may(Permission.OPERATE_RELEASE) else NOT_YOURS


def _waiting(unit: Unit, request_id: str) -> Rollout:
    rollout = unit.rollouts.of_request(request_id)
    if rollout is None or rollout.state is not RolloutState.NEEDS_HUMAN:
        raise ConflictError("The rollout does not need a person (or no longer does).")
    return rollout


def _live(unit: Unit, request: PromotionRequest) -> Deployment | None:
    found = unit.deployments.of(model=request.key.model, live_only=True)
    return next((d for d in found if d.environment == request.environment), None)


def _deployment(
    new_id: str, key: VersionKey, unit: Unit, request: PromotionRequest | None, environment: Environment
) -> Deployment:
    """The version that a person accepted as live; one that nobody signed for has no known creation time."""
    now = unit.rollouts.now()
    if request is None:
        return Deployment(new_id, key, environment.name, now)
    rollout, plan = unit.rollouts.of_request(request.id), plan_of(unit, request)
    run = rollout.run_id if rollout else None
    project = plan.pipeline_project if run is not None else None
    return Deployment(
        new_id, key, environment.name, now, request_id=request.id, run_project=project, run_id=run,
        version_created=plan.version_created,
    )  # fmt: skip


def _reopen(unit: Unit, context: Context, rollout: Rollout) -> None:
    """Continue from where it stopped: that step is checked again, later ones are repeated."""
    steps = steps_of(context)
    stopped = _stopped_at(context, steps, is_back=bool(rollout.cause))
    for step in steps[steps.index(stopped) :]:
        if step in context.journal:
            state = StepState.INTENT if step is stopped else StepState.UNDONE
            unit.rollouts.reopen_step(rollout.id, step, state)


def _stopped_at(context: Context, steps: Sequence[RolloutStep], *, is_back: bool) -> RolloutStep:
    if is_back:
        for step in reversed(steps):
            line = context.journal.get(step)
            if step in UNDO and line is not None and line.state is not StepState.UNDONE:
                return step
    done = {step for step, line in context.journal.items() if line.state is StepState.DONE}
    return next((step for step in steps if step not in done), steps[-1])
