"""Break-glass: promote without signatures in an emergency. A separate, announced, short-lived right; reviewed later."""

from __future__ import annotations

from dataclasses import replace

from services.database.unit import Unit, Units
from services.domain.identity.people import Actor
from services.domain.promotions.oversight import Finding, FindingKind, Severity
from services.domain.promotions.promotion import Incident, PromotionRequest
from services.domain.promotions.requests import Decision, DecisionKind, RequestEvent, next_state
from services.domain.promotions.rights import UserAction
from services.errors import ConflictError
from services.ledger.actions import Action
from services.ports.time import Clock, Ids
from services.promotions.desk import PromotionDesk
from services.promotions.forms import reason_of, request_and_plan
from services.promotions.sealed_request import frozen_policy

INCIDENT = "break_glass"


class EmergencyDesk:
    """Bypasses quorum and checks; the seal and the exactly-once rollout still apply."""

    def __init__(self, units: Units, desk: PromotionDesk, *, clock: Clock, ids: Ids) -> None:
        self._units = units
        self._desk = desk
        self._clock = clock
        self._ids = ids

    def break_glass(
        self, actor: Actor, request_id: str, *, seen: str, reason: str, idempotency_key: str
    ) -> PromotionRequest:
        """Promote immediately. Raises RefusedError, ConflictError, InvalidInputError."""
        reason = reason_of(reason, "Describe the emergency; it is reviewed afterwards.")
        with self._units.read() as unit:
            request, plan = request_and_plan(unit, request_id)
            is_made = any(d.kind is DecisionKind.BREAK_GLASS for d in unit.requests.decisions(request_id))
            if not is_made:
                self._desk.demand(unit, actor, request, UserAction.BREAK_GLASS)
        if not is_made:
            self._desk.demand_seal(request, plan, seen)
        made = Decision(self._ids.new("dec"), DecisionKind.BREAK_GLASS, actor.person, seen, reason, self._clock.now())
        with self._units.begin() as unit:
            return self._write(unit, actor, request_id, made, idempotency_key)

    def _write(
        self, unit: Unit, actor: Actor, request_id: str, made: Decision, idempotency_key: str
    ) -> PromotionRequest:
        request = unit.requests.get(request_id)
        if not unit.requests.add_decision(request_id, made, idempotency_key=idempotency_key):
            return request
        self._desk.demand(unit, actor, request, UserAction.BREAK_GLASS)
        state = next_state(request.state, RequestEvent.BREAK_GLASS)
        if state is None or made.plan_digest != request.plan_digest:
            raise ConflictError("The request has changed since you looked at it.")
        saved = unit.requests.save(replace(request, state=state, updated=made.at))
        finding = self._owe_review(unit, actor, saved, made)
        details = {"environment": saved.environment, "review": finding.id, "review_due": finding.due.isoformat()}
        self._desk.record(unit, actor, Action.BREAK_GLASS_USED, saved, after=dict(details), reason=made.reason)
        return self._desk.start_rollout(unit, saved, was="open, without signatures")

    def _owe_review(self, unit: Unit, actor: Actor, request: PromotionRequest, made: Decision) -> Finding:
        glass = frozen_policy(unit, request).break_glass
        assert glass is not None  # noqa: S101 - `demand` has refused otherwise
        sentence = f"{actor.person.name} promoted {request.key} to {request.environment} without signatures."
        unit.deployments.open_incident(
            Incident(
                self._ids.new("inc"), INCIDENT, request.key.model, str(request.key), "", request.id, sentence, made.at
            )
        )
        finding = Finding(
            id=self._ids.new("fnd"),
            kind=FindingKind.BREAK_GLASS,
            model=request.key.model,
            version=None,
            environment=request.environment,
            severity=Severity.HIGH,
            title=f"Review the break-glass of {request.id}",
            owner=actor.person,
            due=made.at + glass.review_within,
            opener=actor.person,
            opened=made.at,
            request_id=request.id,
        )
        unit.oversight.add_finding(finding, idempotency_key=f"break-glass-{request.id}")
        details = {"finding": finding.id, "severity": finding.severity.value, "due": finding.due.isoformat()}
        self._desk.record(unit, actor, Action.FINDING_OPENED, request, after=dict(details))
        return finding
