"""The gate: may this version be deployed there, now? Asked by a pipeline, or by Azure DevOps, before each deployment.

Only the run that an active rollout has started, read back and recorded is allowed, for exactly this version, target and
plan, while the model's files are what was signed. Permission and its condition are written in one statement: from then
on the rollout waits for the run instead of stopping it. Everything else is refused; a run that the rollout has not
recorded yet must ask again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.database.unit import Unit, Units
from services.domain.promotions.plan import Plan
from services.domain.promotions.promotion import Deployment, PromotionRequest
from services.domain.promotions.requests import Decision, RequestState, glass_broken, standing_signatures
from services.domain.promotions.rollout import Rollout, RolloutState, request_of
from services.domain.registry import VersionKey
from services.errors import NotFoundError, UpstreamUnavailableError
from services.ports.registry import RegistryReader
from services.promotions.sealed_request import plan_of

NAME_THE_RUN = "Pass run_id: $(Build.BuildId), or $(Release.ReleaseId) with a minus for a classic release."


@dataclass(frozen=True)
class GateQuestion:
    """What a pipeline asks."""

    request_id: str
    """The mark of the run: the request's id, with ``-undo`` for a run that releases the previous version again."""
    key: VersionKey
    environment: str
    plan_digest: str | None = None
    check_files: bool = True
    run: int | None = None
    """Number of the run that asks (`RunRef.number`)."""


@dataclass(frozen=True)
class GateAnswer:
    """Allowed or not, why, and what the pipeline may check for itself."""

    allowed: bool
    why: str
    request_id: str
    approvers: tuple[str, ...] = ()
    plan_digest: str = ""
    artifact_digest: str | None = None
    glass_broken_by: str = ""
    """Who promoted it in an emergency, without signatures; empty for everything that was approved."""


@dataclass(frozen=True)
class _Case:
    """What the database says about a question."""

    request: PromotionRequest
    plan: Plan
    approvers: tuple[str, ...]
    glass_broken_by: str
    rollout: Rollout | None
    reason: str | None


class Gate:
    """Answers pipelines."""

    def __init__(self, units: Units, registry: RegistryReader) -> None:
        self._units = units
        self._registry = registry

    def ask(self, question: GateQuestion) -> GateAnswer:
        """The answer.

        Raises UpstreamUnavailableError while the rollout has not recorded its run, and UpstreamError when the model's
        files cannot be read: then the pipeline asks again.
        """
        with self._units.read() as unit:
            try:
                case = _case(unit, question)
            except NotFoundError:
                return GateAnswer(False, f"There is no request {question.request_id}.", question.request_id)
        reason = case.reason
        if reason is None and question.check_files:
            reason = self._why_not_files(question.key, case.plan)
        if reason is None:
            reason = self._admit(question, case)
        return GateAnswer(
            allowed=reason is None,
            why=reason or _yes(question, case),
            request_id=question.request_id,
            approvers=case.approvers,
            plan_digest=question.plan_digest or case.request.plan_digest,
            artifact_digest=case.plan.artifact_digest,
            glass_broken_by=case.glass_broken_by,
        )

    def _admit(self, question: GateQuestion, case: _Case) -> str | None:
        """Record the permission, unless the rollout has moved on meanwhile."""
        if case.rollout is None or question.run is None:
            return None
        with self._units.begin() as unit:
            is_admitted = unit.rollouts.admit(case.rollout.id, run_id=question.run)
        return None if is_admitted else "The rollout has moved on: it no longer waits for this run."

    def _why_not_files(self, key: VersionKey, plan: Plan) -> str | None:
        if plan.artifact_digest is None:
            return None
        now = self._registry.artifact_digest(key)
        return None if now == plan.artifact_digest else f"The model's files changed: {plan.artifact_digest} → {now}."


def _case(unit: Unit, question: GateQuestion) -> _Case:
    request = unit.requests.get(request_of(question.request_id))
    if request.id != question.request_id:
        return _case_of_undo(unit, question, request)
    broken = glass_broken(unit.requests.decisions(request.id), request.plan_digest)
    plan, rollout = plan_of(unit, request), unit.rollouts.of_request(request.id)
    reason = _why_not(question, request)
    if reason is None and plan.pipeline_id is None:
        return _Case(request, plan, _approvers(unit, request), _name(broken), None, _why_not_live(unit, request))
    reason = reason or _why_not_run(question, rollout)
    return _Case(request, plan, _approvers(unit, request), _name(broken), rollout, reason)


def _case_of_undo(unit: Unit, question: GateQuestion, undone: PromotionRequest) -> _Case:
    """A run that releases the previous version again: judged by the request that promoted that version."""
    rollout, live = unit.rollouts.of_request(undone.id), _live(unit, undone)
    brought = unit.requests.get(live.request_id) if live and live.request_id else undone
    plan = plan_of(unit, brought)
    reason = None if live and live.key == question.key else f"{question.key} is not the version that was live before."
    reason = reason or (None if question.environment == undone.environment else f"It is for {undone.environment}.")
    if brought is undone:  # nobody signed for the files of that version here
        plan = replace(plan, artifact_digest=None)
    if reason is None and (rollout is None or question.run is None or rollout.undo_run_id != question.run):
        reason = "The rollout does not wait for this run."
    return _Case(brought, plan, _approvers(unit, brought), "", rollout, reason)


def _live(unit: Unit, request: PromotionRequest) -> Deployment | None:
    found = unit.deployments.of(model=request.key.model, live_only=True)
    return next((d for d in found if d.environment == request.environment), None)


def _why_not(question: GateQuestion, request: PromotionRequest) -> str | None:
    if request.key != question.key:
        return f"The request is about {request.key}, not {question.key}."
    if request.environment != question.environment:
        return f"The request is for {request.environment}, not {question.environment}."
    if question.plan_digest and question.plan_digest != request.plan_digest:
        return "The plan digest is not the one that was signed."
    if request.stale:
        return "The seal is broken: " + "; ".join(request.stale)
    if request.state not in {RequestState.ROLLING_OUT, RequestState.PROMOTED}:
        return f"The request is {request.state.in_words}."
    return None


def _why_not_run(question: GateQuestion, rollout: Rollout | None) -> str | None:
    """Only the recorded run of an active rollout. Raises UpstreamUnavailableError while no run is recorded."""
    if rollout is None or rollout.state is not RolloutState.RUNNING:
        return f"The rollout is {rollout.state.value.replace('_', ' ')}." if rollout else "There is no rollout."
    if question.run is None:
        return f"The question names no run. {NAME_THE_RUN}"
    if rollout.run_id is None:
        raise UpstreamUnavailableError(
            "The rollout has not recorded its run yet.", system="countersign", code="run_not_noted",
            hint="Ask again in a few seconds.", retry_after=3.0,
        )  # fmt: skip
    same = rollout.run_id == question.run
    return None if same else f"The run is not the one that was started for {rollout.request_id}."


def _why_not_live(unit: Unit, request: PromotionRequest) -> str | None:
    """A target without a pipeline has no run to record: the gate allows it while the request rolls out or is live."""
    if request.state is not RequestState.PROMOTED:
        return None
    live = unit.deployments.of(model=request.key.model, version=request.key.version, live_only=True)
    is_live = any(d.request_id == request.id for d in live)
    return None if is_live else "Another version has taken its place since."


def _yes(question: GateQuestion, case: _Case) -> str:
    if question.request_id != request_of(question.request_id):
        return "Previously live, and released again by a rollout that is being undone."
    return "Glass broken, sealed, and under way." if case.glass_broken_by else "Approved, sealed, and under way."


def _name(broken: Decision | None) -> str:
    return broken.person.name if broken else ""


def _approvers(unit: Unit, request: PromotionRequest) -> tuple[str, ...]:
    signed = standing_signatures(unit.requests.decisions(request.id), request.plan_digest)
    return tuple(decision.person.name for decision in signed.values())
