"""The use cases of promotion requests: open, decide, withdraw.

Order in every command: read the state (network), then one transaction with state change and ledger entry. The
transaction reads the request again and writes it over the revision that it read: two clicks, two replicas or two
reviewers at the same moment cannot both win.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Unpack

from services.access.admission import admit
from services.audit.evidence_reads import EvidenceReads
from services.database.stores.requests import RequestFilter
from services.database.unit import Unit, Units
from services.domain.identity.people import SYSTEM, Actor, Permission, Person
from services.domain.policy import Environment, PromotionPolicy
from services.domain.promotions.mentions import Mentioned
from services.domain.promotions.plan import Change, Plan, differences, in_words
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.requests import (
    FINAL,
    Comment,
    Decision,
    DecisionKind,
    RequestEvent,
    RequestState,
    next_state,
    quorum_reached,
)
from services.domain.promotions.rights import UserAction, actions, waits_for_person
from services.domain.registry import VersionKey
from services.errors import ConflictError, InvalidInputError, NotAllowedError, RefusedError
from services.ledger.actions import Action
from services.ledger.subjects import version_subject
from services.ledger.writer import EntryFields
from services.ports.time import Clock, Ids
from services.promotions.answers import RequestDetail, RequestPage
from services.promotions.forms import (
    SIGNS,
    comment_form,
    decision_form,
    next_in_turn,
    participants_of,
    reason_of,
    request_and_plan,
    resealed,
    same_click,
    sealed_form,
    slot_of,
    told_people,
)
from services.promotions.sealed.sealer import Sealed, Sealer
from services.promotions.sealed_request import detail_of, facts_of, frozen_policy, outlines_of

_ACTION_OF = {
    DecisionKind.APPROVE: UserAction.APPROVE,
    DecisionKind.REVIEW: UserAction.REVIEW,
    DecisionKind.REJECT: UserAction.REJECT,
    DecisionKind.REQUEST_CHANGES: UserAction.REQUEST_CHANGES,
}
_LEDGER_OF = {
    DecisionKind.APPROVE: Action.DECISION_APPROVED,
    DecisionKind.REVIEW: Action.DECISION_REVIEWED,
    DecisionKind.REJECT: Action.DECISION_REJECTED,
    DecisionKind.REQUEST_CHANGES: Action.DECISION_CHANGES_REQUESTED,
}
_EVENT_OF = {
    DecisionKind.REVIEW: RequestEvent.SIGN,
    DecisionKind.REJECT: RequestEvent.REJECT,
    DecisionKind.REQUEST_CHANGES: RequestEvent.REQUEST_CHANGES,
}


class PromotionDesk:
    """Implements `services.promotions.answers.Promotions`."""

    def __init__(
        self,
        units: Units,
        sealer: Sealer,
        *,
        clock: Clock,
        ids: Ids,
        people: Callable[[], Sequence[Actor]] = tuple,
    ) -> None:
        self._units = units
        self._sealer = sealer
        self._clock = clock
        self._ids = ids
        self._people = people
        self.reads = EvidenceReads(units, clock)

    def environments(self, model: str) -> Sequence[Environment]:
        """Environments to which the model may be promoted."""
        governance = self._sealer.governance
        return [env for name, env in governance.environments.items() if governance.policy_for(model, name)]

    def find(
        self, *, states: Sequence[RequestState] = (), requester: str = "", text: str = "", page: int = 1
    ) -> RequestPage:
        """Requests, newest change first."""
        wanted = RequestFilter(states=tuple(states), requester_id=requester or None, text=text, page=max(1, page))
        with self._units.read() as unit:
            rows, total = unit.requests.find(wanted)
        return RequestPage(tuple(rows), total, wanted.page, wanted.page_size)

    def waiting_for(self, actor: Actor) -> Sequence[PromotionRequest]:
        """All open requests that wait for this person, first to expire first."""
        with self._units.read() as unit:
            rows = unit.requests.in_states([RequestState.OPEN])
            outlines = outlines_of(unit, rows, self._clock.now())
        found = [row for row, outline in zip(rows, outlines, strict=True) if waits_for_person(actor, outline)]
        return sorted(found, key=lambda request: request.expires)

    def detail(self, actor: Actor, request_id: str) -> RequestDetail:
        """One request as this person sees it; that the evidence was read is recorded."""
        admit(actor)
        with self._units.read() as unit:
            found = detail_of(unit, actor, unit.requests.get(request_id), self._clock.now())
        self.reads.note(actor, found.request)
        return found

    def open(self, actor: Actor, key: VersionKey, environment: str, *, reason: str) -> PromotionRequest:
        """Collect, seal, open."""
        policy = self.demand_asking(actor, key.model, environment)
        reason = reason_of(reason, "Give a reason for promoting this version.")
        sealed = self._sealer.seal(key, environment)
        if sealed.plan.current_version == key.version:
            raise RefusedError(f"{key} is already live in {environment}.")
        now = self._clock.now()
        request = PromotionRequest(
            id=self._ids.new("req"),
            key=key,
            environment=environment,
            state=RequestState.OPEN,
            revision=1,
            participants=participants_of(actor, sealed),
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
            self.record(unit, actor, Action.REQUEST_OPENED, request, reason=reason, after=sealed_form(request, sealed))
        return request

    def demand_asking(self, actor: Actor, model: str, environment: str) -> PromotionPolicy:
        """The policy under which this person may open a request. Raises NotAllowedError, RefusedError (no policy)."""
        if not actor.may(Permission.OPEN_REQUEST):
            raise NotAllowedError("Your role can't request promotions.", hint="Ask a data scientist of the team.")
        policy, _ = self._sealer.rules(model, environment)
        if policy.requesters is not None and not policy.requesters.has(actor):
            raise NotAllowedError(
                f"The policy does not allow you to request {model} in {environment}.",
                hint=f"These may: {policy.requesters.in_words()}.",
            )
        return policy

    def tell(self, actor: Actor, action: Action, request: PromotionRequest, **fields: Unpack[EntryFields]) -> None:
        """Write a ledger entry about a request in a separate transaction."""
        with self._units.begin() as unit:
            self.record(unit, actor, action, request, **fields)

    def decide(
        self,
        actor: Actor,
        request_id: str,
        kind: DecisionKind,
        *,
        seen: str,
        reason: str,
        idempotency_key: str,
        slot: str = "",
    ) -> PromotionRequest:
        """Decide on the plan digest that was seen; `slot` where a person could sign for several disciplines."""
        if kind not in _ACTION_OF:
            raise InvalidInputError("Unknown decision.", hint="Use approve, review, reject or request changes.")
        reason = reason_of(reason, "Give a reason; the ledger records it.")
        with self._units.read() as unit:
            request, plan = request_and_plan(unit, request_id)
            made = same_click(unit, request_id, actor, kind, seen)
            if made is None:
                self.demand(unit, actor, request, _ACTION_OF[kind])
        if made is None and kind in SIGNS:
            request = self.demand_seal(request, plan, seen)
        decision = Decision(self._ids.new("dec"), kind, actor.person, seen, reason, self._clock.now(), slot=slot)
        with self._units.begin() as unit:
            return self._write_decision(unit, actor, request_id, decision, idempotency_key)

    def _write_decision(
        self, unit: Unit, actor: Actor, request_id: str, decision: Decision, idempotency_key: str
    ) -> PromotionRequest:
        request, _ = request_and_plan(unit, request_id)
        facts = facts_of(unit, request, self._clock.now())
        if decision.kind in SIGNS:
            decision = replace(decision, slot=slot_of(actor, facts, decision))
        if not unit.requests.add_decision(request_id, decision, idempotency_key=idempotency_key):
            return request
        others = tuple(d for d in unit.requests.decisions(request_id) if d.id != decision.id)
        self.demand(unit, actor, request, _ACTION_OF[decision.kind], decisions=others)
        if decision.plan_digest != request.plan_digest:
            raise ConflictError("The request was resealed since you loaded it.")
        event = self._event(unit, request, decision)
        state = next_state(request.state, event)
        if state is None:
            raise ConflictError(f"The request is {request.state.in_words} by now.")
        saved = unit.requests.save(replace(request, state=state, updated=decision.at))
        told = decision_form(decision, next_in_turn(self._people(), facts, decision, state))
        self.record(unit, actor, _LEDGER_OF[decision.kind], saved, reason=decision.reason, after=told)
        if saved.state is RequestState.APPROVED:
            return self.start_rollout(unit, saved)
        if saved.state is RequestState.REJECTED:
            self.record(unit, actor, Action.REQUEST_REJECTED, saved, before="open", after="rejected")
        return saved

    def _event(self, unit: Unit, request: PromotionRequest, decision: Decision) -> RequestEvent:
        if decision.kind not in SIGNS:
            return _EVENT_OF[decision.kind]
        policy = frozen_policy(unit, request)
        decisions = unit.requests.decisions(request.id)
        reached = quorum_reached(decisions, request.plan_digest, policy.quorum, policy.slots)
        return RequestEvent.REACH_QUORUM if reached else RequestEvent.SIGN

    def start_rollout(self, unit: Unit, request: PromotionRequest, *, was: str = "open") -> PromotionRequest:
        """The approval and the order to roll out commit together: no approval is ever lost."""
        rollout_id = self._ids.new("roll")
        unit.rollouts.start(rollout_id, request.id)
        saved = unit.requests.save(replace(request, state=RequestState.ROLLING_OUT))
        self.record(unit, SYSTEM, Action.REQUEST_APPROVED, saved, before=was, after="approved")
        self.record(unit, SYSTEM, Action.ROLLOUT_STARTED, saved, after={"rollout": rollout_id})
        return saved

    def reseal(self, actor: Actor, request_id: str) -> PromotionRequest:
        """Collect evidence and reseal; earlier signatures are void."""
        with self._units.read() as unit:
            request, _ = request_and_plan(unit, request_id)
            self.demand(unit, actor, request, UserAction.RESEAL)
        sealed = self._sealer.seal(request.key, request.environment)
        with self._units.begin() as unit:
            request, old = request_and_plan(unit, request_id)
            self.demand(unit, actor, request, UserAction.RESEAL)
            changes = [c.sentence() for c in differences(old, sealed.plan)]
            self._keep(unit, sealed)
            unit.requests.void_decisions(request_id, "The requester sealed the request again.")
            saved = unit.requests.save(resealed(request, sealed, self._clock.now()))
            self.record(
                unit, actor, Action.REQUEST_SEALED, saved, before=list(changes), after=sealed_form(saved, sealed)
            )
        return saved

    def withdraw(self, actor: Actor, request_id: str, *, reason: str) -> PromotionRequest:
        """Take the request back."""
        reason = reason_of(reason, "Say why the request is withdrawn.")
        with self._units.begin() as unit:
            request, _ = request_and_plan(unit, request_id)
            self.demand(unit, actor, request, UserAction.WITHDRAW)
            return self.close(
                unit, actor, request, event=RequestEvent.WITHDRAW, action=Action.REQUEST_WITHDRAWN, reason=reason
            )

    def comment(
        self,
        actor: Actor,
        request_id: str,
        text: str,
        *,
        idempotency_key: str,
        reply_to: str | None = None,
        tell: Sequence[str] = (),
    ) -> Mentioned:
        """Add or answer a comment; people mentioned with ``@name``, or by id in `tell`, are notified."""
        text = reason_of(text, "Write something first.")
        if not actor.may(Permission.COMMENT):
            raise NotAllowedError("Your role is read-only; it cannot comment.")
        named = told_people(text, tell, self._people())
        with self._units.begin() as unit:
            request = unit.requests.get(request_id)
            if reply_to and reply_to not in {c.id for c in unit.requests.comments(request_id)}:
                raise InvalidInputError("The comment that you answer is not part of this discussion.")
            said = Comment(
                self._ids.new("com"), actor.person, text, self._clock.now(), reply_to, tuple(p.id for p in named.people)
            )
            if unit.requests.add_comment(request_id, said, idempotency_key=idempotency_key):
                self.record(unit, actor, Action.COMMENT_ADDED, request, after=comment_form(said))
        return named

    def mentions(self, actor: Actor) -> Sequence[tuple[PromotionRequest, Comment]]:
        """Comments in undecided requests that name this person; one is answered by any comment of theirs after it."""
        undecided = [state for state in RequestState if state not in FINAL]
        with self._units.read() as unit:
            return unit.requests.unanswered(actor.person.id, undecided)

    def people(self) -> Sequence[Person]:
        """People who can be notified: everybody whom the portal knows."""
        return sorted((known.person for known in self._people()), key=lambda person: person.name)

    def expire_due(self) -> int:
        """Close requests whose time is over; called by the worker."""
        waiting = [s for s in RequestState if s not in FINAL and s is not RequestState.ROLLING_OUT]
        with self._units.begin() as unit:
            due = unit.requests.expired(self._clock.now(), waiting)
            for request in due:
                self.close(
                    unit,
                    SYSTEM,
                    request,
                    event=RequestEvent.EXPIRE,
                    action=Action.REQUEST_EXPIRED,
                    reason="Nobody decided in time; this counts as rejected.",
                )
        return len(due)

    def close(
        self,
        unit: Unit,
        actor: Actor,
        request: PromotionRequest,
        *,
        event: RequestEvent,
        action: Action,
        reason: str,
    ) -> PromotionRequest:
        """End a request. Raises ConflictError when the table does not allow it."""
        state = next_state(request.state, event)
        if state is None:
            raise ConflictError(f"The request is {request.state.in_words} by now.")
        saved = unit.requests.save(replace(request, state=state, updated=self._clock.now()))
        self.record(unit, actor, action, saved, before=request.state.value, after=state.value, reason=reason)
        return saved

    def demand_seal(self, request: PromotionRequest, plan: Plan, seen: str) -> PromotionRequest:
        """Refuse to sign after a change: in the portal since it was read, or in the registry since it was sealed."""
        if seen != request.plan_digest:
            raise ConflictError("The request was resealed since you loaded it.")
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
            if tuple(in_words(kept) for kept in request.stale) == sentences or request.is_final:
                return
            unit.requests.void_decisions(request_id, "; ".join(sentences))
            saved = unit.requests.save(replace(request, stale=sentences, updated=self._clock.now()))
            self.record(unit, SYSTEM, Action.REQUEST_SUSPENDED, saved, after=list(sentences))

    def demand(
        self,
        unit: Unit,
        actor: Actor,
        request: PromotionRequest,
        action: UserAction,
        *,
        decisions: tuple[Decision, ...] | None = None,
    ) -> None:
        """Raise RefusedError with the reason while the action is closed to this person."""
        facts = facts_of(unit, request, self._clock.now())
        facts = facts if decisions is None else replace(facts, decisions=decisions)
        state = next(a for a in actions(actor, facts) if a.action is action)
        if state.reason is not None:
            raise RefusedError(state.reason, code=f"{action.value}_closed")

    def _keep(self, unit: Unit, sealed: Sealed) -> None:
        for document in (sealed.plan_document, sealed.evidence_document, sealed.policy_document):
            unit.requests.put_document(document.digest, document.kind, document.body, self._clock.now())

    def record(
        self,
        unit: Unit,
        actor: Actor,
        action: Action,
        request: PromotionRequest,
        **fields: Unpack[EntryFields],
    ) -> None:
        """Write a ledger entry about a request in the caller's transaction."""
        fields["request_id"], fields["plan_digest"] = request.id, request.plan_digest
        unit.ledger.append(actor, action, version_subject(request.key), **fields)
