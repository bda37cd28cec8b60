"""The gate: may this version be deployed there, now? Asked by a pipeline before each deployment.

Allowed only while a rollout of an approved request (or of one let through by breaking glass) for exactly this version,
target and plan is under way, or has succeeded and the version is still live, and the model's files are what was signed.
Everything else is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.database.unit import Unit, Units
from services.domain.promotions.plan import Plan
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.requests import RequestState, glass_broken, standing_signatures
from services.domain.registry import VersionKey
from services.errors import NotFoundError
from services.ports.registry import RegistryReader
from services.promotions.sealed_request import plan_of


@dataclass(frozen=True)
class GateQuestion:
    """What a pipeline asks."""

    request_id: str
    key: VersionKey
    environment: str
    plan_digest: str | None = None
    check_files: bool = True


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
    """Who promoted it in an emergency, past the signatures; empty for everything that was approved."""


class Gate:
    """Answers pipelines."""

    def __init__(self, units: Units, registry: RegistryReader) -> None:
        self._units = units
        self._registry = registry

    def ask(self, question: GateQuestion) -> GateAnswer:
        """The answer. Raises UpstreamError when the model's files cannot be read: then the pipeline asks again."""
        with self._units.read() as unit:
            try:
                request = unit.requests.get(question.request_id)
            except NotFoundError:
                return GateAnswer(False, f"There is no request {question.request_id}.", question.request_id)
            plan, approvers = plan_of(unit, request), _approvers(unit, request)
            broken = glass_broken(unit.requests.decisions(request.id), request.plan_digest)
            reason = _why_not(question, request) or _why_not_live(unit, request)
        if reason is None and question.check_files:
            reason = self._why_not_files(question.key, plan)
        return GateAnswer(
            allowed=reason is None,
            why=reason or ("Glass broken, sealed, and under way." if broken else "Approved, sealed, and under way."),
            request_id=request.id,
            approvers=approvers,
            plan_digest=request.plan_digest,
            artifact_digest=plan.artifact_digest,
            glass_broken_by=broken.person.name if broken else "",
        )

    def _why_not_files(self, key: VersionKey, plan: Plan) -> str | None:
        if plan.artifact_digest is None:
            return None
        now = self._registry.artifact_digest(key)
        return None if now == plan.artifact_digest else f"The model's files changed: {plan.artifact_digest} → {now}."


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
        return f"The request is {request.state.value.replace('_', ' ')}."
    return None


def _why_not_live(unit: Unit, request: PromotionRequest) -> str | None:
    if request.state is not RequestState.PROMOTED:
        return None
    live = unit.deployments.of(model=request.key.model, version=request.key.version, live_only=True)
    is_live = any(d.request_id == request.id for d in live)
    return None if is_live else "Another version has taken its place since."


def _approvers(unit: Unit, request: PromotionRequest) -> tuple[str, ...]:
    signed = standing_signatures(unit.requests.decisions(request.id), request.plan_digest)
    return tuple(decision.person.name for decision in signed.values())
