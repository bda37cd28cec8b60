"""The desk where requests are opened, judged and withdrawn.

Order in every command: look at the world (network), then one transaction with state change and ledger entry. The
transaction reads the request again and writes it over the revision that it read: two clicks, two replicas or two
reviewers at the same moment cannot both win.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Unpack

from services.domain.people import SYSTEM, Actor, Permission
from services.domain.plan import Change, Plan, differences
from services.domain.policy import Environment
from services.domain.promotion import PromotionRequest
from services.domain.registry import VersionKey
from services.domain.requests import (
    FINAL,
    Comment,
    Decision,
    DecisionKind,
    Participants,
    RequestEvent,
    RequestState,
    UserAction,
    actions,
    next_state,
    quorum_reached,
)
from services.errors import ConflictError, InvalidInputError, NotAllowedError, RefusedError
from services.ledger.actions import Action
from services.ledger.canonical import Json
from services.ledger.entry import Subject
from services.ledger.writer import EntryFields
from services.portal import RequestDetail, RequestPage
from services.ports import Clock, Ids
from services.promotions.sealing import Sealed, Sealer
from services.promotions.views import detail_of, facts_of, plan_of
from services.stores import RequestFilter, Unit, Units

REASON_LIMIT = 4000
_ACTION_OF = {
    DecisionKind.APPROVE: UserAction.APPROVE,
    DecisionKind.REJECT: UserAction.REJECT,
    DecisionKind.REQUEST_CHANGES: UserAction.REQUEST_CHANGES,
}
_LEDGER_OF = {
    DecisionKind.APPROVE: Action.DECISION_APPROVED,
    DecisionKind.REJECT: Action.DECISION_REJECTED,
    DecisionKind.REQUEST_CHANGES: Action.DECISION_CHANGES_REQUESTED,
}
_EVENT_OF = {
    DecisionKind.REJECT: RequestEvent.REJECT,
    DecisionKind.REQUEST_CHANGES: RequestEvent.REQUEST_CHANGES,
}


class PromotionDesk:
    """Implements `services.portal.Promotions`."""

    def __init__(self, units: Units, sealer: Sealer, *, clock: Clock, ids: Ids) -> None:
        self._units = units
        self._sealer = sealer
        self._clock = clock
        self._ids = ids

    def environments(self, model: str) -> Sequence[Environment]:
        """Where the model may be promoted to."""
        governance = self._sealer.governance
        return [env for name, env in governance.environments.items() if governance.policy_for(model, name)]

    def find(
        self, *, states: Sequence[RequestState] = (), model: str = "", text: str = "", page: int = 1
    ) -> RequestPage:
        """Requests, newest change first."""
        wanted = RequestFilter(states=tuple(states), model=model or None, text=text, page=max(1, page))
        with self._units.read() as unit:
            rows, total = unit.requests.find(wanted)
        return RequestPage(tuple(rows), total, wanted.page, wanted.page_size)

    def waiting_for(self, actor: Actor) -> Sequence[PromotionRequest]:
        """Open requests that this person could decide now."""
        with self._units.read() as unit:
            rows, _ = unit.requests.find(RequestFilter(states=(RequestState.OPEN,), page_size=200))
            return [row for row in rows if _may_reject(unit, actor, row)]

    def detail(self, actor: Actor, request_id: str) -> RequestDetail:
        """One request as this person sees it."""
        with self._units.read() as unit:
            return detail_of(unit, actor, unit.requests.get(request_id))

    def open(self, actor: Actor, key: VersionKey, environment: str, *, reason: str) -> PromotionRequest:
        """Collect, seal, open."""
        if not actor.may(Permission.OPEN_REQUEST):
            raise NotAllowedError("Your role cannot ask for promotions.", hint="Ask a data scientist of the team.")
        reason = _reason(reason, "Say why this version should be promoted.")
        sealed = self._sealer.seal(key, environment)
        if sealed.plan.current_version == key.version:
            raise RefusedError(f"{key} is live in {environment} already.")
        policy, _ = self._sealer.rules(key.model, environment)
        now = self._clock.now()
        request = PromotionRequest(
            id=self._ids.new("req"),
            key=key,
            environment=environment,
            state=RequestState.OPEN,
            revision=1,
            participants=_participants(actor, sealed),
            reason=reason,
            plan_digest=sealed.plan_document.digest,
            evidence_digest=sealed.evidence_document.digest,
            policy_digest=sealed.policy_document.digest,
            created=now,
            updated=now,
            expires=now + policy.expires_after,
        )
        with self._units.begin() as unit:
            self._keep(unit, sealed)
            unit.requests.insert(request)
            self._record(
                unit, actor, Action.REQUEST_OPENED, request, reason=reason, after=_sealed_form(request, sealed)
            )
        return request

    def decide(
        self, actor: Actor, request_id: str, kind: DecisionKind, *, seen: str, reason: str, idempotency_key: str
    ) -> PromotionRequest:
        """Decide on the plan digest that was seen."""
        reason = _reason(reason, "Give a reason: it is part of the record.")
        with self._units.read() as unit:
            request, plan = _request_and_plan(unit, request_id)
            made = _same_click(unit, request_id, actor, kind, seen)
            if made is None:
                self._demand(unit, actor, request, _ACTION_OF[kind])
        if made is None and kind is DecisionKind.APPROVE:
            request = self._demand_seal(request, plan, seen)
        decision = Decision(self._ids.new("dec"), kind, actor.person, seen, reason, self._clock.now())
        with self._units.begin() as unit:
            return self._write_decision(unit, actor, request_id, decision, idempotency_key)

    def _write_decision(
        self, unit: Unit, actor: Actor, request_id: str, decision: Decision, idempotency_key: str
    ) -> PromotionRequest:
        request, _ = _request_and_plan(unit, request_id)
        if not unit.requests.add_decision(request_id, decision, idempotency_key=idempotency_key):
            return request
        others = tuple(d for d in unit.requests.decisions(request_id) if d.id != decision.id)
        self._demand(unit, actor, request, _ACTION_OF[decision.kind], decisions=others)
        if decision.plan_digest != request.plan_digest:
            raise ConflictError("The request was sealed again since you looked at it.")
        event = self._event(unit, request, decision)
        state = next_state(request.state, event)
        if state is None:
            raise ConflictError(f"The request is {request.state.value} by now.")
        saved = unit.requests.save(replace(request, state=state, updated=decision.at))
        self._record(unit, actor, _LEDGER_OF[decision.kind], saved, reason=decision.reason)
        if saved.state is RequestState.APPROVED:
            return self._start_rollout(unit, saved)
        if saved.state is RequestState.REJECTED:
            self._record(unit, actor, Action.REQUEST_REJECTED, saved, before="open", after="rejected")
        return saved

    def _event(self, unit: Unit, request: PromotionRequest, decision: Decision) -> RequestEvent:
        if decision.kind is not DecisionKind.APPROVE:
            return _EVENT_OF[decision.kind]
        policy = json.loads(unit.requests.document(request.policy_digest))["policy"]
        signed = quorum_reached(unit.requests.decisions(request.id), request.plan_digest, policy.get("quorum"))
        return RequestEvent.REACH_QUORUM if signed else RequestEvent.SIGN

    def _start_rollout(self, unit: Unit, request: PromotionRequest) -> PromotionRequest:
        """The approval and the order to roll out commit together: no approval is ever lost."""
        rollout_id = self._ids.new("roll")
        unit.rollouts.start(rollout_id, request.id, self._clock.now())
        saved = unit.requests.save(replace(request, state=RequestState.ROLLING_OUT))
        self._record(unit, SYSTEM, Action.REQUEST_APPROVED, saved, before="open", after="approved")
        self._record(unit, SYSTEM, Action.ROLLOUT_STARTED, saved, after={"rollout": rollout_id})
        return saved

    def reseal(self, actor: Actor, request_id: str) -> PromotionRequest:
        """Collect and seal again; earlier signatures are void."""
        with self._units.read() as unit:
            request, _ = _request_and_plan(unit, request_id)
            self._demand(unit, actor, request, UserAction.RESEAL)
        sealed = self._sealer.seal(request.key, request.environment)
        with self._units.begin() as unit:
            request, old = _request_and_plan(unit, request_id)
            self._demand(unit, actor, request, UserAction.RESEAL)
            changes = [c.sentence() for c in differences(old, sealed.plan)]
            self._keep(unit, sealed)
            unit.requests.void_decisions(request_id, "The requester sealed the request again.")
            saved = unit.requests.save(_resealed(request, sealed, self._clock.now()))
            self._record(
                unit, actor, Action.REQUEST_SEALED, saved, before=list(changes), after=_sealed_form(saved, sealed)
            )
        return saved

    def withdraw(self, actor: Actor, request_id: str, *, reason: str) -> PromotionRequest:
        """Take the request back."""
        reason = _reason(reason, "Say why the request is withdrawn.")
        with self._units.begin() as unit:
            request, _ = _request_and_plan(unit, request_id)
            self._demand(unit, actor, request, UserAction.WITHDRAW)
            return self._close(
                unit, actor, request, event=RequestEvent.WITHDRAW, action=Action.REQUEST_WITHDRAWN, reason=reason
            )

    def comment(self, actor: Actor, request_id: str, text: str, *, idempotency_key: str) -> None:
        """Add to the discussion."""
        text = _reason(text, "Write something first.")
        if not actor.may(Permission.COMMENT):
            raise NotAllowedError("Your role reads and does not comment.")
        with self._units.begin() as unit:
            request = unit.requests.get(request_id)
            said = Comment(self._ids.new("com"), actor.person, text, self._clock.now())
            if unit.requests.add_comment(request_id, said, idempotency_key=idempotency_key):
                self._record(unit, actor, Action.COMMENT_ADDED, request, after={"comment": said.id})

    def expire_due(self) -> int:
        """Close requests whose time is over; called by the worker."""
        waiting = [s for s in RequestState if s not in FINAL and s is not RequestState.ROLLING_OUT]
        with self._units.begin() as unit:
            due = unit.requests.expired(self._clock.now(), waiting)
            for request in due:
                self._close(
                    unit,
                    SYSTEM,
                    request,
                    event=RequestEvent.EXPIRE,
                    action=Action.REQUEST_EXPIRED,
                    reason="Nobody decided in time; this counts as rejected.",
                )
        return len(due)

    def _close(
        self,
        unit: Unit,
        actor: Actor,
        request: PromotionRequest,
        *,
        event: RequestEvent,
        action: Action,
        reason: str,
    ) -> PromotionRequest:
        state = next_state(request.state, event)
        if state is None:
            raise ConflictError(f"The request is {request.state.value} by now.")
        saved = unit.requests.save(replace(request, state=state, updated=self._clock.now()))
        self._record(unit, actor, action, saved, before=request.state.value, after=state.value, reason=reason)
        return saved

    def _demand_seal(self, request: PromotionRequest, plan: Plan, seen: str) -> PromotionRequest:
        """Refuse to sign what changed: in the portal since it was looked at, or in the world since it was sealed."""
        if seen != request.plan_digest:
            raise ConflictError("The request was sealed again since you looked at it.")
        changes = differences(plan, self._sealer.plan_now(plan))
        if changes:
            self.break_seal(request.id, changes)
            raise RefusedError(
                "What the request describes has changed: " + "; ".join(c.sentence() for c in changes) + ".",
                hint="Signatures are void. The requester can seal the request again.",
                code="seal_broken",
            )
        return request

    def break_seal(self, request_id: str, changes: Sequence[Change]) -> None:
        """Void the signatures and say why; the request stays open."""
        sentences = tuple(change.sentence() for change in changes)
        with self._units.begin() as unit:
            request = unit.requests.get(request_id)
            if request.stale == sentences or request.is_final:
                return
            unit.requests.void_decisions(request_id, "; ".join(sentences))
            saved = unit.requests.save(replace(request, stale=sentences, updated=self._clock.now()))
            self._record(unit, SYSTEM, Action.REQUEST_SUSPENDED, saved, after=list(sentences))

    def _demand(
        self,
        unit: Unit,
        actor: Actor,
        request: PromotionRequest,
        action: UserAction,
        *,
        decisions: tuple[Decision, ...] | None = None,
    ) -> None:
        facts = facts_of(unit, request)
        facts = facts if decisions is None else replace(facts, decisions=decisions)
        state = next(a for a in actions(actor, facts) if a.action is action)
        if state.reason is not None:
            raise RefusedError(state.reason, code=f"{action.value}_closed")

    def _keep(self, unit: Unit, sealed: Sealed) -> None:
        for document in (sealed.plan_document, sealed.evidence_document, sealed.policy_document):
            unit.requests.put_document(document.digest, document.kind, document.body, self._clock.now())

    def _record(
        self,
        unit: Unit,
        actor: Actor,
        action: Action,
        request: PromotionRequest,
        **fields: Unpack[EntryFields],
    ) -> None:
        fields["request_id"], fields["plan_digest"] = request.id, request.plan_digest
        unit.ledger.append(actor, action, version_subject(request.key), **fields)


def version_subject(key: VersionKey) -> Subject:
    """How the ledger names a version."""
    return Subject("model_version", f"{key.model}/{key.version}")


def _participants(actor: Actor, sealed: Sealed) -> Participants:
    run = sealed.material.run
    registrar = sealed.material.version.tags.get("countersign.registered_by")
    return Participants(actor.person, (run.user or None) if run else None, registrar)


def _sealed_form(request: PromotionRequest, sealed: Sealed) -> dict[str, Json]:
    return {
        "environment": request.environment,
        "plan": sealed.plan_document.digest,
        "evidence": sealed.evidence_document.digest,
        "policy": sealed.policy_document.digest,
        "artifact": sealed.plan.artifact_digest,
    }


def _resealed(request: PromotionRequest, sealed: Sealed, now: datetime) -> PromotionRequest:
    return replace(
        request,
        state=RequestState.OPEN,
        plan_digest=sealed.plan_document.digest,
        evidence_digest=sealed.evidence_document.digest,
        policy_digest=sealed.policy_document.digest,
        stale=(),
        updated=now,
    )


def _request_and_plan(unit: Unit, request_id: str) -> tuple[PromotionRequest, Plan]:
    request = unit.requests.get(request_id)
    return request, plan_of(unit, request)


def _same_click(unit: Unit, request_id: str, actor: Actor, kind: DecisionKind, seen: str) -> Decision | None:
    """A decision that this person has made already: the same click again must not be an error."""
    for decision in unit.requests.decisions(request_id):
        if (decision.person.id, decision.kind, decision.plan_digest) == (actor.person.id, kind, seen):
            return decision
    return None


def _may_reject(unit: Unit, actor: Actor, request: PromotionRequest) -> bool:
    states = actions(actor, facts_of(unit, request))
    return any(s.action is UserAction.REJECT and s.is_open for s in states)


def _reason(text: str, hint: str) -> str:
    text = text.strip()
    if not text:
        raise InvalidInputError("The reason is empty.", hint=hint)
    if len(text) > REASON_LIMIT:
        raise InvalidInputError(f"The text is longer than {REASON_LIMIT} characters.", hint="Shorten it.")
    return text.replace("\x00", "")
