"""Reads a request with everything around it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.database.stores.requests import RequestFilter
from services.database.unit import Unit
from services.domain.checks import Check, worst_first
from services.domain.identity.people import Actor
from services.domain.policy import Environment, PipelineTarget, PromotionPolicy, RegistryOrder
from services.domain.promotions.oversight import Finding
from services.domain.promotions.plan import Plan, differences
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.requests import RequestState
from services.domain.promotions.rights import Outline, RequestFacts, actions, slots_open_to
from services.domain.releases import RunKind
from services.policies.frozen import policy_of
from services.promotions.answers import RequestDetail, Since
from services.promotions.sealed.evidence import SealedEvidence, checks_of


def plan_of(unit: Unit, request: PromotionRequest) -> Plan:
    """The plan that the signatures cover."""
    return Plan.from_dict(json.loads(unit.requests.document(request.plan_digest)))


def frozen_policy(unit: Unit, request: PromotionRequest) -> PromotionPolicy:
    """The policy as it was frozen into the request."""
    return policy_of(json.loads(unit.requests.document(request.policy_digest))["policy"])


def frozen_policies(unit: Unit, requests: Iterable[PromotionRequest]) -> Mapping[str, PromotionPolicy]:
    """The policies frozen into these requests by digest, each read once however many requests share it."""
    found = unit.requests.documents({request.policy_digest for request in requests})
    return {digest: policy_of(json.loads(body)["policy"]) for digest, body in found.items()}


def outlines_of(unit: Unit, requests: Sequence[PromotionRequest], now: datetime) -> Sequence[Outline]:
    """Who must act next on each of many requests: four statements in all, without evidence."""
    ids = [request.id for request in requests]
    policies = frozen_policies(unit, requests)
    decisions, assignments = unit.requests.decisions_of(ids), unit.oversight.assignments_of(ids)
    return [
        Outline(
            request.state, request.participants, decisions.get(request.id, ()), request.plan_digest,
            policies[request.policy_digest], assignments.get(request.id, ()), now,
        )
        for request in requests
    ]  # fmt: skip


def evidence_of(unit: Unit, request: PromotionRequest) -> SealedEvidence:
    """The evidence as it was sealed. Raises IntegrityError when it cannot be read."""
    return SealedEvidence.from_json(json.loads(unit.requests.document(request.evidence_digest)))


def facts_of(unit: Unit, request: PromotionRequest, now: datetime) -> RequestFacts:
    """What the rules need to know of a request."""
    return _facts(unit, request, now, checks_of(json.loads(unit.requests.document(request.evidence_digest))))


def _facts(unit: Unit, request: PromotionRequest, now: datetime, checks: tuple[Check, ...]) -> RequestFacts:
    return RequestFacts(
        state=request.state,
        participants=request.participants,
        decisions=unit.requests.decisions(request.id),
        checks=checks,
        plan_digest=request.plan_digest,
        stale=request.stale,
        policy=frozen_policy(unit, request),
        findings=findings_against(unit, request),
        assignments=unit.oversight.assignments(request.id),
        now=now,
    )


def findings_against(unit: Unit, request: PromotionRequest) -> tuple[Finding, ...]:
    """Open findings that block the request."""
    found = unit.oversight.findings(model=request.key.model)
    return tuple(f for f in found if f.stands_against(request.key, request.environment))


def detail_of(unit: Unit, actor: Actor, request: PromotionRequest, now: datetime) -> RequestDetail:
    """One request as this person sees it."""
    plan = plan_of(unit, request)
    policy = json.loads(unit.requests.document(request.policy_digest))
    evidence = evidence_of(unit, request)
    facts = _facts(unit, request, now, evidence.checks)
    standing = facts.standing()
    rollout = unit.rollouts.of_request(request.id)
    environment = environment_of(policy["environment"])
    has_run = rollout is not None and rollout.run_id is not None and plan.pipeline_project is not None
    return RequestDetail(
        request=request,
        plan=plan,
        checks=worst_first(facts.checks),
        evidence=evidence,
        decisions=facts.decisions,
        comments=unit.requests.comments(request.id),
        actions=actions(actor, facts),
        rollout=rollout,
        quorum=int(policy["policy"]["quorum"]),
        signatures=standing.approvals,
        missing=standing.in_words(),
        slots=slots_open_to(actor, facts),
        findings=facts.findings,
        assignments=facts.assignments,
        since=_since(unit, request, plan),
        consequences=consequences(plan),
        environment=environment,
        release=(str(plan.pipeline_project), int(rollout.run_id or 0)) if rollout and has_run else None,
        live_version=_live_version(unit, request),
    )


def _live_version(unit: Unit, request: PromotionRequest) -> int | None:
    live = unit.deployments.of(model=request.key.model, live_only=True)
    return next((d.key.version for d in live if d.environment == request.environment), None)


_ALWAYS_DIFFERENT = {
    "model",
    "version",
    "version_created",
    "run_id",
    "artifact_digest",
    "evidence_digest",
    "current_version",
}
_APPROVED = (RequestState.PROMOTED, RequestState.ROLLED_BACK)


def _since(unit: Unit, request: PromotionRequest, plan: Plan) -> Since | None:
    wanted = RequestFilter(_APPROVED, model=request.key.model, environment=request.environment, page_size=20)
    earlier = [r for r in unit.requests.find(wanted)[0] if r.id != request.id and r.created < request.created]
    if not earlier:
        return None
    last = max(earlier, key=lambda r: r.updated)
    changes = tuple(c for c in differences(plan_of(unit, last), plan) if c.what not in _ALWAYS_DIFFERENT)
    return Since(last.id, last.key.version, changes)


def environment_of(frozen: dict[str, object]) -> Environment:
    """The environment as it was frozen into the request."""
    pipeline = frozen["pipeline"]
    return Environment(
        name=str(frozen["name"]),
        stage=frozen["stage"],  # type: ignore[arg-type]  # written by `policy.frozen_form`
        alias=frozen["alias"],  # type: ignore[arg-type]  # as above
        pipeline=_target(pipeline) if isinstance(pipeline, dict) else None,
        registry=RegistryOrder(str(frozen["registry"])),
    )


def _target(frozen: dict[str, Any]) -> PipelineTarget:
    """Requests from before classic releases were supported have no kind."""
    return PipelineTarget(**{**frozen, "kind": RunKind(frozen.get("kind", RunKind.PIPELINE))})


def consequences(plan: Plan) -> tuple[str, ...]:
    """What approving will do, in words and in order."""
    registry = _registry_lines(plan)
    release = [f"start pipeline {plan.pipeline_id} in {plan.pipeline_project} for v{plan.version}"]
    release = release if plan.pipeline_id is not None else []
    ordered = registry + release if plan.registry_order == RegistryOrder.BEFORE.value else release + registry
    return (*ordered, f"mark v{plan.version} as live in {plan.environment} once all of that has succeeded")


def _registry_lines(plan: Plan) -> list[str]:
    old = f"v{plan.current_version}" if plan.current_version is not None else None
    lines = []
    if plan.alias:
        origin = f"from {old} " if old else ""
        lines.append(f"move the alias {plan.alias} {origin}to v{plan.version}")
    if plan.stage:
        lines.append(f"move v{plan.version} to the stage {plan.stage}" + (f" and archive {old}" if old else ""))
    return lines
