"""The worker: claims a rollout, goes through its steps, and ends it in a named state.

Any number of workers may run; the lease lets one at a time hold a rollout, and the fence keeps a late one from
writing. Everything that a worker knows is in the database, so `kill -9` at any point loses nothing.
"""

from __future__ import annotations

import json
import logging
import random
from dataclasses import replace
from datetime import datetime, timedelta

from services.database.stores.rollouts import Claim, JournalLine
from services.database.unit import Unit
from services.domain.promotions.promotion import Deployment, Incident
from services.domain.promotions.requests import RequestEvent, next_state
from services.domain.promotions.rollout import DEFINITION_VERSION, RolloutState, RolloutStep, StepState, steps_for
from services.errors import ConflictError, PortalError, UpstreamError, UpstreamRefusedError
from services.ledger.actions import Action
from services.policies.reading import policy_of
from services.promotions.sealed_request import environment_of, plan_of
from services.promotions.suspending import suspend_others
from services.rollout.context import LEASE, Context, Done, RolloutFailedError, Tools, Wait, record
from services.rollout.steps import STEPS

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 200
LONGEST_PAUSE = 60.0


class RolloutWorker:
    """Carries out rollouts."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def run_once(self) -> bool:
        """Work on one rollout until it waits or ends; False when nothing is due."""
        now = self._tools.clock.now()
        with self._tools.units.begin() as unit:
            claim = unit.rollouts.claim(now, now + LEASE)
        if claim is None:
            return False
        try:
            self._work(claim)
        except ConflictError:
            log.warning("rollout %s was taken over by another worker", claim.rollout_id)
        return True

    def _work(self, claim: Claim) -> None:
        try:
            if claim.definition_version != DEFINITION_VERSION:
                self._hand_over(claim, f"It was begun under definition {claim.definition_version}.")
            elif claim.state is RolloutState.COMPENSATING:
                self._compensate(claim)
            else:
                self._forward(claim)
        except Wait as wait:
            self._pause(claim, delay=wait.delay, attempts=0, error=str(wait))
        except RolloutFailedError as error:
            self._turn_back(claim, error)
        except UpstreamError as error:
            self._again_later(claim, error)
        except ConflictError:
            raise
        except PortalError as error:
            self._fail_or_hand_over(claim, error)
        except Exception:
            log.exception("rollout %s met an error that nobody foresaw", claim.rollout_id)
            self._again_later(claim, PortalError("An unforeseen error; the log has the details."))

    def _forward(self, claim: Claim) -> None:
        for step in self._steps(self._context(claim)):
            context = self._context(claim)
            line = context.journal.get(step)
            if line and line.state is StepState.DONE:
                continue
            self._advance(context, step, line)
        self._mark_live(self._context(claim))

    def _advance(self, context: Context, step: RolloutStep, line: JournalLine | None) -> None:
        if line is None:
            intended = STEPS[step].intent(self._tools, context)
            self._write(context, step, StepState.INTENT, Done("", intended))
            context = self._context(context.claim)
            outcome = None
        else:
            outcome = STEPS[step].probe(self._tools, context)
        outcome = outcome or STEPS[step].do(self._tools, context)
        self._write(context, step, StepState.DONE, outcome)

    def _write(self, context: Context, step: RolloutStep, state: StepState, outcome: Done) -> None:
        now = self._tools.clock.now()
        data = {**context.data(step), **outcome.data}
        with self._tools.units.begin() as unit:
            unit.rollouts.renew(context.claim, now + LEASE)
            unit.rollouts.write_step(context.claim, step, state, now=now, detail=outcome.detail, data=data)
            if state is StepState.DONE:
                told = {"step": step.value, "detail": outcome.detail}
                record(unit, context, Action.ROLLOUT_STEP_DONE, after=told)
                if step is RolloutStep.MOVE_REGISTRY:
                    self._record_move(unit, context)

    def _record_move(self, unit: Unit, context: Context) -> None:
        old, new = context.plan.current_version, context.key.version
        target = {"environment": context.environment.name, "alias": context.environment.alias}
        target["stage"] = context.environment.stage
        record(unit, context, Action.VERSION_PROMOTED, before={"version": old}, after={**target, "version": new})
        if old is not None and context.environment.stage:
            record(unit, context, Action.VERSION_ARCHIVED, after={"version": old})

    def _mark_live(self, context: Context) -> None:
        """The last step is ours alone: one transaction says that it is live, promoted and done."""
        now, started = self._tools.clock.now(), context.data(RolloutStep.START_RUN)
        live = Deployment(
            id=self._tools.ids.new("dep"),
            key=context.key,
            environment=context.environment.name,
            live_from=now,
            request_id=context.request.id,
            run_project=started.get("project"),
            run_id=started.get("run"),
            run_name=str(started.get("name", "")),
            run_url=str(started.get("url", "")),
        )
        with self._tools.units.begin() as unit:
            done = Done(f"Live in {live.environment} since {now:%Y-%m-%d %H:%M:%S} UTC.")
            unit.rollouts.write_step(
                context.claim, RolloutStep.MARK_LIVE, StepState.DONE, now=now, detail=done.detail, data={}
            )
            unit.deployments.begin(live)
            unit.rollouts.unlock_target(context.claim.rollout_id)
            self._end_request(unit, context, RequestEvent.FINISH_ROLLOUT, now)
            unit.rollouts.finish(context.claim, RolloutState.SUCCEEDED, error="", now=now)
            told = {"environment": live.environment, "run": live.run_id, "release": live.run_name}
            record(unit, context, Action.VERSION_LIVE, before={"version": context.plan.current_version}, after=told)
            record(unit, context, Action.REQUEST_PROMOTED, before="rolling_out", after="promoted")
            suspend_others(unit, context.request, now)

    def _turn_back(self, claim: Claim, error: RolloutFailedError) -> None:
        now = self._tools.clock.now()
        context = self._context(claim)
        with self._tools.units.begin() as unit:
            unit.rollouts.finish(claim, RolloutState.COMPENSATING, error=error.sentence(), now=now)
            record(unit, context, Action.ROLLOUT_FAILED, after=error.message, reason=error.code)

    def _compensate(self, claim: Claim) -> None:
        context = self._context(claim)
        for step in reversed(self._steps(context)):
            line = context.journal.get(step)
            if line is None or line.state is StepState.UNDONE:
                continue
            detail = STEPS[step].undo(self._tools, context)
            self._write_undone(context, step, detail)
        self._end_failed(self._context(claim))

    def _write_undone(self, context: Context, step: RolloutStep, detail: str) -> None:
        now = self._tools.clock.now()
        with self._tools.units.begin() as unit:
            unit.rollouts.renew(context.claim, now + LEASE)
            unit.rollouts.write_step(context.claim, step, StepState.UNDONE, now=now, detail=detail)
            record(unit, context, Action.ROLLOUT_STEP_COMPENSATED, after={"step": step.value, "detail": detail})
            if step is RolloutStep.MOVE_REGISTRY:
                record(unit, context, Action.VERSION_RESTORED, after={"version": context.plan.current_version})

    def _end_failed(self, context: Context) -> None:
        now = self._tools.clock.now()
        with self._tools.units.begin() as unit:
            unit.rollouts.unlock_target(context.claim.rollout_id)
            error = unit.rollouts.get(context.claim.rollout_id).error
            self._end_request(unit, context, RequestEvent.FAIL_ROLLOUT, now)
            unit.rollouts.finish(context.claim, RolloutState.FAILED, error=error, now=now)
            record(unit, context, Action.ROLLOUT_COMPENSATED, after={"version": context.plan.current_version})
            record(unit, context, Action.REQUEST_FAILED, before="rolling_out", after="failed", reason=error)

    def _end_request(self, unit: Unit, context: Context, event: RequestEvent, now: datetime) -> None:
        request = unit.requests.get(context.request.id)
        state = next_state(request.state, event)
        if state is None:
            raise ConflictError(f"Request {request.id} is {request.state.value}, not rolling out.")
        unit.requests.save(replace(request, state=state, updated=now))

    def _again_later(self, claim: Claim, error: PortalError) -> None:
        """Outages are waited for; what the other side refuses is turned back, or handed over while turning back."""
        if isinstance(error, UpstreamRefusedError):
            self._fail_or_hand_over(claim, error)
        elif claim.attempts >= MAX_ATTEMPTS:
            self._hand_over(claim, error.sentence())
        else:
            pause = min(LONGEST_PAUSE, 2.0 ** min(claim.attempts, 6)) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
            asked = getattr(error, "retry_after", None) or 0.0  # a system that says when it wants to be asked again
            delay = timedelta(seconds=max(pause, asked))
            self._pause(claim, delay=delay, attempts=claim.attempts + 1, error=error.sentence())

    def _fail_or_hand_over(self, claim: Claim, error: PortalError) -> None:
        if claim.state is RolloutState.COMPENSATING:
            self._hand_over(claim, error.sentence())
        else:
            self._turn_back(claim, RolloutFailedError(error.message, hint=error.hint, code=error.code))

    def _hand_over(self, claim: Claim, why: str) -> None:
        """A person must look: the state is named, the incident is open, nothing is hidden."""
        now, context = self._tools.clock.now(), self._context(claim)
        sentence = f"The rollout of {context.key} to {context.environment.name} needs a person. {why}"
        found = Incident(
            id=self._tools.ids.new("inc"), kind="rollout_needs_human", model=context.key.model,
            subject=context.request.id, before="", after=claim.rollout_id, sentence=sentence, opened=now,
        )  # fmt: skip
        with self._tools.units.begin() as unit:
            unit.rollouts.finish(claim, RolloutState.NEEDS_HUMAN, error=why, now=now)
            if unit.deployments.open_incident(found):
                record(unit, context, Action.INCIDENT_OPENED, after={"incident": found.id, "sentence": sentence})
            record(unit, context, Action.ROLLOUT_STOPPED, reason=why)

    def _pause(self, claim: Claim, *, delay: timedelta, attempts: int, error: str) -> None:
        now = self._tools.clock.now()
        with self._tools.units.begin() as unit:
            unit.rollouts.release(claim, not_before=now + delay, attempts=attempts, error=error, now=now)

    def _steps(self, context: Context) -> list[RolloutStep]:
        steps = steps_for(
            context.environment.registry,
            has_pipeline=context.environment.pipeline is not None,
            witness=context.policy.witness_before_release,
        )
        return [step for step in steps if step is not RolloutStep.MARK_LIVE]

    def _context(self, claim: Claim) -> Context:
        """Everything from the database: policy and environment as they were frozen into the request."""
        with self._tools.units.read() as unit:
            request = unit.requests.get(claim.request_id)
            plan = plan_of(unit, request)
            frozen = json.loads(unit.requests.document(request.policy_digest))
            journal = unit.rollouts.journal(claim.rollout_id)
        begun = journal.get(RolloutStep.START_RUN)
        return Context(
            claim=claim,
            request=request,
            plan=plan,
            policy=policy_of(frozen["policy"]),
            environment=environment_of(frozen["environment"]),
            journal=journal,
            asked_at=begun.started if begun else self._tools.clock.now(),
        )
