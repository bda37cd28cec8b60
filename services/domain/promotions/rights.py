"""Which actions on a request a person may take now, and why not the others. Pages and API both use this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from services.domain.checks import Check
from services.domain.identity.people import Actor, Permission
from services.domain.policy import Meaning, PromotionPolicy, Slot
from services.domain.promotions.oversight import Assignment, Finding, delegated_slots, is_asked_by_name, waits_for
from services.domain.promotions.quorum import Standing, fills, next_slots, standing
from services.domain.promotions.requests import (
    Decision,
    Participants,
    RequestEvent,
    RequestState,
    next_state,
    signed,
    standing_signatures,
)

FRESH = timedelta(minutes=15)
"""Maximum age of a sign-in if the policy requires a fresh one."""
NOT_FRESH = "The policy requires a fresh sign-in: sign in again, then sign within 15 minutes."


def why_not_decide(actor: Actor, participants: Participants) -> str | None:
    """None if the person may decide; otherwise the reason in one sentence."""
    if actor.is_service:
        return "A service token can only read and open requests; people decide."
    if not actor.may(Permission.DECIDE):
        return "Only reviewers can decide."
    return why_party(actor, participants)


def why_party(actor: Actor, participants: Participants) -> str | None:
    """Four eyes: why this person is too involved in the promotion to decide on it; None for others."""
    if actor.is_known_as(participants.requester.id):
        return "You requested this promotion, so another person must decide."
    if actor.is_known_as(participants.author):
        return "You are the author of the run, so another person must decide."
    if actor.is_known_as(participants.registrar):
        return "You registered this version, so another person must decide."
    return None


class UserAction(StrEnum):
    """An action on a request."""

    APPROVE = "approve"
    REVIEW = "review"
    REJECT = "reject"
    REQUEST_CHANGES = "request_changes"
    DELEGATE = "delegate"
    REASSIGN = "reassign"
    DEFER = "defer"
    WITHDRAW = "withdraw"
    RESEAL = "reseal"
    COMMENT = "comment"
    RAISE_FINDING = "raise_finding"
    BREAK_GLASS = "break_glass"


@dataclass(frozen=True)
class ActionState:
    """Whether this person may take an action now, and if not, why not."""

    action: UserAction
    reason: str | None = None

    @property
    def is_open(self) -> bool:
        """True if the person may do it now."""
        return self.reason is None


_EVENT_OF = {
    UserAction.APPROVE: RequestEvent.SIGN,
    UserAction.REVIEW: RequestEvent.SIGN,
    UserAction.REJECT: RequestEvent.REJECT,
    UserAction.REQUEST_CHANGES: RequestEvent.REQUEST_CHANGES,
    UserAction.WITHDRAW: RequestEvent.WITHDRAW,
    UserAction.RESEAL: RequestEvent.RESEAL,
    UserAction.BREAK_GLASS: RequestEvent.BREAK_GLASS,
    UserAction.DELEGATE: RequestEvent.SIGN,
    UserAction.REASSIGN: RequestEvent.SIGN,
    UserAction.DEFER: RequestEvent.SIGN,
}
_SIGNS = {UserAction.APPROVE: Meaning.APPROVED, UserAction.REVIEW: Meaning.REVIEWED}
_TALKS = {UserAction.COMMENT, UserAction.RAISE_FINDING}


@dataclass(frozen=True)
class Outline:
    """What lists need to decide whose turn it is. Nothing here comes from the evidence."""

    state: RequestState
    participants: Participants
    decisions: tuple[Decision, ...]
    plan_digest: str
    policy: PromotionPolicy | None = None
    """As frozen into the request. None (only in small tests): no slots, no break-glass."""
    assignments: tuple[Assignment, ...] = ()
    now: datetime | None = field(default=None)

    def standing(self) -> Standing:
        """Progress of quorum and slots."""
        quorum = self.policy.quorum if self.policy else None
        slots = self.policy.slots if self.policy else ()
        return standing(quorum, slots, signed(self.decisions, self.plan_digest))


@dataclass(frozen=True, kw_only=True)
class RequestFacts(Outline):
    """What the rules need to allow or refuse actions on a request."""

    checks: tuple[Check, ...]
    stale: tuple[str, ...] = ()
    """What changed since it was sealed; nobody can sign after a change."""
    findings: tuple[Finding, ...] = ()
    """Open findings against it."""


def actions(actor: Actor, facts: RequestFacts) -> tuple[ActionState, ...]:
    """Every action, with the reason if this person may not take it now."""
    return tuple(ActionState(action, _why_closed(action, actor, facts)) for action in UserAction)


def waits_for_person(actor: Actor, outline: Outline) -> bool:
    """True if it is this person's turn.

    They may decide on it, have not signed, snoozed or reassigned it, and a slot for their signature is open or
    somebody asked them by name.
    """
    if next_state(outline.state, RequestEvent.SIGN) is None or why_not_decide(actor, outline.participants):
        return False
    person = actor.person.id
    if person in _signers(outline) or outline.now is None:
        return False
    if not waits_for(person, outline.assignments, outline.now):
        return False
    is_asked = is_asked_by_name(person, outline.assignments)
    return is_asked or _why_no_place(Meaning.APPROVED, actor, outline) is None


def slots_open_to(actor: Actor, facts: Outline, meaning: Meaning = Meaning.APPROVED) -> tuple[str, ...]:
    """Disciplines that this person could sign for now; empty if only plain signatures are missing."""
    if facts.policy is None:
        return ()
    delegated = delegated_slots(actor.person.id, facts.assignments)
    waiting = next_slots(facts.policy, facts.standing())
    return tuple(s.discipline for s in waiting if _is_theirs(actor, s, delegated) and fills(meaning, s))


def _is_theirs(actor: Actor, slot: Slot, delegated: frozenset[str]) -> bool:
    return slot.members.has(actor) or slot.discipline in delegated


def _why_closed(action: UserAction, actor: Actor, facts: RequestFacts) -> str | None:
    if action in _TALKS:
        return None if actor.may(Permission.COMMENT) else "Your role is read-only; it cannot comment."
    if next_state(facts.state, _EVENT_OF[action]) is None:
        return _closed_by_state(facts)
    if action in {UserAction.WITHDRAW, UserAction.RESEAL}:
        return _why_not_own(actor, facts)
    if action is UserAction.BREAK_GLASS:
        return _why_not_break_glass(actor, facts)
    return _why_not_judge(action, actor, facts)


def _closed_by_state(facts: RequestFacts) -> str:
    if facts.state is RequestState.CHANGES_REQUESTED:
        return f"{facts.participants.requester.name} has been asked for changes. You can decide again after a reseal."
    return f"The request is {facts.state.in_words}."


def _blocked_by(names: Sequence[str]) -> str:
    """``You can't approve: Tests and Lineage are blocking.``."""
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return f"You can't approve: {listed} {'is' if len(names) == 1 else 'are'} blocking."


def _why_not_own(actor: Actor, facts: RequestFacts) -> str | None:
    """Rights require the exact id: a name from another provider makes nobody the requester."""
    if actor.person.id != facts.participants.requester.id:
        return "Only the requester can do this."
    return None if actor.may(Permission.OPEN_REQUEST) else "Your role can no longer request promotions."


def _why_not_judge(action: UserAction, actor: Actor, facts: RequestFacts) -> str | None:
    closed = why_not_decide(actor, facts.participants)
    if closed or action not in {*_SIGNS, UserAction.DELEGATE}:
        return closed
    if actor.person.id in _signers(facts):
        return "You have already signed; each person counts once."
    return _why_not_delegate(actor, facts) if action is UserAction.DELEGATE else _why_not_sign(action, actor, facts)


def _signers(facts: Outline) -> set[str]:
    return set(standing_signatures(facts.decisions, facts.plan_digest)) | {
        s.person_id for s in signed(facts.decisions, facts.plan_digest)
    }


def _why_not_sign(action: UserAction, actor: Actor, facts: RequestFacts) -> str | None:
    if facts.stale:
        return "The request is out of date: something changed since it was sealed. The requester must reseal it."
    if facts.policy is not None and facts.policy.reauthenticate and not _is_fresh(actor, facts):
        return NOT_FRESH
    if action is UserAction.APPROVE:
        blocking = [check.name for check in facts.checks if check.is_blocking]
        blocking += [f"finding {finding.id} ({finding.title})" for finding in facts.findings]
        if blocking:
            return _blocked_by(blocking)
    return _why_no_place(_SIGNS[action], actor, facts)


def _is_fresh(actor: Actor, facts: RequestFacts) -> bool:
    return actor.signed_in is not None and facts.now is not None and facts.now - actor.signed_in <= FRESH


def _why_no_place(meaning: Meaning, actor: Actor, facts: Outline) -> str | None:
    """An open slot of the person's discipline, or a plain approval that the quorum still lacks."""
    if facts.policy is None or slots_open_to(actor, facts, meaning):
        return None
    now = facts.standing()
    reserved = sum(count for _, count in now.missing)
    if meaning is Meaning.REVIEWED or now.quorum - now.approvals > reserved:
        return None
    if facts.policy.in_order:
        waiting = next_slots(facts.policy, now)
        return f"{waiting[0].discipline} must sign first." if waiting else "No signature is missing."
    return f"Signatures are missing for {', '.join(name for name, _ in now.missing)}; you cannot sign for any of these."


def _why_not_delegate(actor: Actor, facts: RequestFacts) -> str | None:
    own = slots_open_to(actor, facts, Meaning.APPROVED)
    return None if own else "You have no open signature to delegate."


def _why_not_break_glass(actor: Actor, facts: RequestFacts) -> str | None:
    glass = facts.policy.break_glass if facts.policy else None
    if actor.is_service:
        return "Only people can break glass."
    if glass is None:
        return "The policy does not allow break-glass here."
    if not glass.who.has(actor):
        return f"Break-glass is limited to: {glass.who.in_words()}."
    if not actor.works_here:
        return "The policy names you, but your role is read-only."
    if facts.stale:
        return "The request is out of date: something changed since it was sealed. The requester must reseal it."
    return None
