"""What another policy would have decided on past requests, from the evidence that was sealed with each.

Nothing is read from outside: a replay judges what was known then. What cannot be judged again is reported: a
comparison keeps the figures that were sealed, and a person who is not among those given counts without a discipline.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.database.stores.requests import RequestFilter
from services.database.unit import Unit, Units
from services.domain.checks import Check
from services.domain.identity.people import Actor
from services.domain.model_metrics import MetricValue
from services.domain.policy import CheckRule, Governance, Meaning, PromotionPolicy
from services.domain.promotions.plan import Plan
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.quorum import Signed, standing
from services.domain.promotions.requests import Decision, DecisionKind, RequestState
from services.domain.registry import ModelVersion, RegistrySnapshot, Run, VersionKey
from services.promotions.checks import Compared, evaluate
from services.promotions.material import Material
from services.promotions.sealed.evidence import SealedEvidence, SealedRun
from services.promotions.sealed_request import evidence_of, plan_of

PAGE = 200
REJUDGED = {"artifact_digest", "comparison", "lineage_complete", "metric_floor", "model_card", "tests_passed"}
"""Checks that every sealed evidence holds enough for."""
FROM_COMPARISON = {"slice_floor", "calibration", "fairness_bound"}
FROM_MODEL = {"signature", "dependencies", "safe_format"}
"""What these are judged from, where it was sealed; for others the sealed verdict is used, if there is one."""
_LET_THROUGH = {RequestState.APPROVED, RequestState.ROLLING_OUT, RequestState.PROMOTED, RequestState.ROLLED_BACK}

_RENAMED = {
    "Compared with what is live": "Comparison with live",
    "Compared with a baseline": "Comparison with a baseline",
}
"""Names of checks in evidence that earlier releases sealed."""


@dataclass(frozen=True)
class Replayed:
    """One past request under the other policy."""

    request_id: str
    key: VersionKey
    environment: str
    was: RequestState
    would_pass: bool
    reasons: tuple[str, ...]
    """Why it would not have passed; empty when it would."""
    notes: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """True when the other policy decides otherwise."""
        return self.would_pass != (self.was in _LET_THROUGH)

    def in_words(self) -> str:
        """One line."""
        would = "would pass" if self.would_pass else f"would be refused: {'; '.join(self.reasons)}"
        note = f" ({'; '.join(self.notes)})" if self.notes else ""
        mark = "DIFFERS" if self.differs else "same   "
        return f"{mark} {self.request_id} {self.key} to {self.environment}: was {self.was.value}, {would}{note}"


def replay(units: Units, rules: Governance, people: Sequence[Actor] = ()) -> Iterator[Replayed]:
    """All requests, newest change first."""
    known = {actor.person.id: actor for actor in people}
    page = 1
    while True:
        with units.read() as unit:
            rows, _ = unit.requests.find(RequestFilter(page=page, page_size=PAGE))
            outcomes = [_one(unit, request, rules, known) for request in rows]
        yield from outcomes
        if len(rows) < PAGE:
            return
        page += 1


def _one(unit: Unit, request: PromotionRequest, rules: Governance, known: Mapping[str, Actor]) -> Replayed:
    policy = rules.policy_for(request.key.model, request.environment)
    if policy is None:
        told = ("no policy allows it there",)
        return Replayed(request.id, request.key, request.environment, request.state, False, told)
    evidence = evidence_of(unit, request)
    frozen = json.loads(unit.requests.document(request.policy_digest))["policy"]
    decisions = unit.requests.decisions(request.id)
    checks, notes = _checks(policy, plan_of(unit, request), evidence, frozen, request.created)
    reasons = [*_requester(policy, request, known), *_blocking(checks), *_signatures(policy, request, decisions, known)]
    return Replayed(
        request.id, request.key, request.environment, request.state, not reasons, tuple(reasons), tuple(notes)
    )


def _requester(policy: PromotionPolicy, request: PromotionRequest, known: Mapping[str, Actor]) -> list[str]:
    person = request.participants.requester
    if policy.requesters is None or person.id in policy.requesters.people:
        return []
    actor = known.get(person.id)
    if actor is not None and policy.requesters.has(actor):
        return []
    return [f"{person.name} may not ask" if actor else f"whether {person.name} may ask is unknown"]


def _blocking(checks: Sequence[Check]) -> list[str]:
    return [f"{check.name}: {check.sentence}" for check in checks if check.is_blocking]


def _signatures(
    policy: PromotionPolicy, request: PromotionRequest, decisions: Sequence[Decision], known: Mapping[str, Actor]
) -> list[str]:
    """The last word of each person, void or not: a replay asks whether people would have sufficed."""
    last = {
        d.person.id: d for d in sorted(decisions, key=lambda d: d.at) if d.at <= request.created + policy.expires_after
    }
    refused = [d.person.name for d in last.values() if d.kind is DecisionKind.REJECT]
    if refused:
        return [f"rejected by {', '.join(refused)}"]
    signed = [_signed(policy, d, known.get(d.person.id)) for d in last.values() if d.kind is DecisionKind.APPROVE]
    now = standing(policy.quorum, policy.slots, signed)
    return [] if now.is_reached else [f"missing: {now.in_words()}"]


def _signed(policy: PromotionPolicy, decision: Decision, actor: Actor | None) -> Signed:
    own = [slot.discipline for slot in policy.slots if actor is not None and slot.members.has(actor)]
    return Signed(decision.person.id, own[0] if own else "", Meaning.APPROVED)


def _checks(
    policy: PromotionPolicy, plan: Plan, evidence: SealedEvidence, frozen: Mapping[str, Any], at: datetime
) -> tuple[tuple[Check, ...], list[str]]:
    compared = replace(evidence.compared, is_first=plan.current_version is None)
    notes = []
    comparing = [_settings(checks, "comparison") for checks in (policy.checks, frozen["checks"])]
    if compared.result is not None and comparing[0] != comparing[1]:
        notes.append("compared under the settings at that time")
    checks: list[Check] = []
    for rule in policy.checks:
        judged = evaluate(replace(policy, checks=(rule,)), _material(plan, evidence, at), compared)
        if rule.kind in REJUDGED or _has_input(rule, compared):
            checks += judged
            continue
        sealed = {_RENAMED.get(check.name, check.name): check for check in evidence.checks}
        checks += [replace(sealed[c.name], enforcement=c.enforcement) for c in judged if c.name in sealed]
        notes += [f"{c.name} was not sealed then" for c in judged if c.name not in sealed]
        if _settings(policy.checks, rule.kind) != _settings(frozen["checks"], rule.kind):
            notes += [f"{c.name} judged as it was then" for c in judged if c.name in sealed]
    return tuple(checks), notes


def _has_input(rule: CheckRule, compared: Compared) -> bool:
    """Whether the part of the evidence that a check is judged from was sealed."""
    if rule.kind == "drift":
        return (compared.live if rule.settings.get("against") == "live" else compared.drift) is not None
    if rule.kind in FROM_MODEL:
        return compared.model is not None
    return rule.kind in FROM_COMPARISON and compared.result is not None


def _settings(checks: Sequence[Any], kind: str) -> list[Any]:
    """Of all checks of a kind, in a policy or as they were frozen."""
    found = [c if isinstance(c, Mapping) else {"kind": c.kind, "settings": dict(c.settings)} for c in checks]
    return [c["settings"] for c in found if c["kind"] == kind]


def _material(plan: Plan, evidence: SealedEvidence, at: datetime) -> Material:
    return Material(
        version=ModelVersion(plan.model, plan.version, at, at, run_id=plan.run_id),
        run=None if evidence.run is None else _run(evidence.run),
        holders=RegistrySnapshot(alias_version=plan.current_version),
        artifact_digest=plan.artifact_digest,
        artifact_problem="",
        tests=tuple(tests.report for tests in evidence.tests),
        card=evidence.card,
        predictions=None,
        predictions_problem="",
        metrics={} if evidence.run is None else _metrics(evidence.run),
    )


def _metrics(run: SealedRun) -> Mapping[str, MetricValue]:
    """As sealed; earlier seals hold the run's values only, whichever of its models they are about."""
    if run.metric_values is not None:
        return run.metric_values
    return {name: MetricValue(name, value, f"run {run.run_id}") for name, value in run.metrics.items()}


def _run(run: SealedRun) -> Run:
    return Run(
        run_id=run.run_id,
        experiment_id="",
        user=run.user,
        params=run.params,
        metrics=run.metrics,
        tags={"mlflow.source.git.commit": run.commit} if run.commit else {},
        datasets=run.datasets,
    )
