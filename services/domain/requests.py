"""Promotion requests: the states, one table of transitions, who may do what, and when a quorum holds.

Rules kept here, and nowhere else:
- a state changes only along `TRANSITIONS`;
- requester, author of the run and registrar never decide (four eyes);
- a signature counts only while it covers the plan digest in force; one person counts once;
- a quorum that is not configured is never reached.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.domain.checks import Check
from services.domain.people import Actor, Permission, Person


class RequestState(StrEnum):
    """Where a request stands."""

    DRAFT = "draft"
    OPEN = "open"
    CHANGES_REQUESTED = "changes_requested"
    APPROVED = "approved"
    ROLLING_OUT = "rolling_out"
    PROMOTED = "promoted"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    VOID = "void"


class RequestEvent(StrEnum):
    """What moves a request."""

    SUBMIT = "submit"
    SIGN = "sign"
    REACH_QUORUM = "reach_quorum"
    REJECT = "reject"
    REQUEST_CHANGES = "request_changes"
    RESEAL = "reseal"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"
    VOID = "void"
    START_ROLLOUT = "start_rollout"
    FINISH_ROLLOUT = "finish_rollout"
    FAIL_ROLLOUT = "fail_rollout"
    ROLL_BACK = "roll_back"


_S, _E = RequestState, RequestEvent
TRANSITIONS: dict[tuple[RequestState, RequestEvent], RequestState] = {
    (_S.DRAFT, _E.SUBMIT): _S.OPEN,
    (_S.DRAFT, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.OPEN, _E.SIGN): _S.OPEN,
    (_S.OPEN, _E.REACH_QUORUM): _S.APPROVED,
    (_S.OPEN, _E.REJECT): _S.REJECTED,
    (_S.OPEN, _E.REQUEST_CHANGES): _S.CHANGES_REQUESTED,
    (_S.OPEN, _E.RESEAL): _S.OPEN,
    (_S.OPEN, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.OPEN, _E.EXPIRE): _S.EXPIRED,
    (_S.OPEN, _E.VOID): _S.VOID,
    (_S.CHANGES_REQUESTED, _E.RESEAL): _S.OPEN,
    (_S.CHANGES_REQUESTED, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.CHANGES_REQUESTED, _E.EXPIRE): _S.EXPIRED,
    (_S.CHANGES_REQUESTED, _E.VOID): _S.VOID,
    (_S.APPROVED, _E.START_ROLLOUT): _S.ROLLING_OUT,
    (_S.APPROVED, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.APPROVED, _E.EXPIRE): _S.EXPIRED,
    (_S.APPROVED, _E.VOID): _S.VOID,
    (_S.ROLLING_OUT, _E.FINISH_ROLLOUT): _S.PROMOTED,
    (_S.ROLLING_OUT, _E.FAIL_ROLLOUT): _S.FAILED,
    (_S.ROLLING_OUT, _E.VOID): _S.VOID,
    (_S.PROMOTED, _E.ROLL_BACK): _S.ROLLED_BACK,
}

FINAL = frozenset({_S.PROMOTED, _S.FAILED, _S.ROLLED_BACK, _S.REJECTED, _S.WITHDRAWN, _S.EXPIRED, _S.VOID})
"""Nothing waits for anybody in these states."""


def next_state(state: RequestState, event: RequestEvent) -> RequestState | None:
    """Where the event leads; None when the table does not allow it."""
    return TRANSITIONS.get((state, event))


class DecisionKind(StrEnum):
    """What a reviewer said."""

    APPROVE = "approve"
    REJECT = "reject"
    REQUEST_CHANGES = "request_changes"


@dataclass(frozen=True)
class Decision:
    """A signature, bound to the plan digest that the reviewer saw."""

    id: str
    kind: DecisionKind
    person: Person
    plan_digest: str
    reason: str
    at: datetime
    void_reason: str = ""
    """Empty while the signature stands."""


@dataclass(frozen=True)
class Comment:
    """One line of the discussion."""

    id: str
    person: Person
    text: str
    at: datetime


@dataclass(frozen=True)
class Participants:
    """The people who made what is to be judged: none of them may judge it."""

    requester: Person
    author: str | None = None
    """The run's user; None when unknown."""
    registrar: str | None = None
    """Who registered the version, where it is recorded."""


def standing_signatures(decisions: Iterable[Decision], plan_digest: str) -> dict[str, Decision]:
    """Approvals that count now, by person id: on this digest, not void, one a person, the latest."""
    standing: dict[str, Decision] = {}
    for decision in sorted(decisions, key=lambda d: d.at):
        if decision.plan_digest == plan_digest and not decision.void_reason:
            standing[decision.person.id] = decision
    return {k: d for k, d in standing.items() if d.kind is DecisionKind.APPROVE}


def quorum_reached(decisions: Iterable[Decision], plan_digest: str, quorum: int | None) -> bool:
    """True when enough different people signed this very plan; False whenever no quorum is set."""
    return quorum is not None and quorum >= 1 and len(standing_signatures(decisions, plan_digest)) >= quorum


def why_not_decide(actor: Actor, participants: Participants) -> str | None:
    """None when the person may judge; otherwise the reason in one sentence."""
    if actor.is_service:
        return "A service token can open requests and read; only people decide."
    if not actor.may(Permission.DECIDE):
        return "Only reviewers decide."
    if actor.is_known_as(participants.requester.id):
        return "You asked for this promotion, so another person decides."
    if actor.is_known_as(participants.author):
        return "You are the author of the run, so another person decides."
    if actor.is_known_as(participants.registrar):
        return "You registered this version, so another person decides."
    return None


class UserAction(StrEnum):
    """A button, or its absence with a reason."""

    APPROVE = "approve"
    REJECT = "reject"
    REQUEST_CHANGES = "request_changes"
    WITHDRAW = "withdraw"
    RESEAL = "reseal"
    COMMENT = "comment"


@dataclass(frozen=True)
class ActionState:
    """Whether an action is open to this person now, and if not, why."""

    action: UserAction
    reason: str | None = None

    @property
    def is_open(self) -> bool:
        """True when the person may do it now."""
        return self.reason is None


_EVENT_OF = {
    UserAction.APPROVE: RequestEvent.SIGN,
    UserAction.REJECT: RequestEvent.REJECT,
    UserAction.REQUEST_CHANGES: RequestEvent.REQUEST_CHANGES,
    UserAction.WITHDRAW: RequestEvent.WITHDRAW,
    UserAction.RESEAL: RequestEvent.RESEAL,
}


@dataclass(frozen=True)
class RequestFacts:
    """What the rules need to know of a request to open or close actions."""

    state: RequestState
    participants: Participants
    decisions: tuple[Decision, ...]
    checks: tuple[Check, ...]
    plan_digest: str
    stale: tuple[str, ...] = ()
    """What changed since it was sealed; while anything did, nobody signs."""


def actions(actor: Actor, facts: RequestFacts) -> tuple[ActionState, ...]:
    """Every action with the reason why it is closed to this person now, if it is: page and API both ask here."""
    return tuple(ActionState(action, _why_closed(action, actor, facts)) for action in UserAction)


def _why_closed(action: UserAction, actor: Actor, facts: RequestFacts) -> str | None:
    if action is UserAction.COMMENT:
        return None if actor.may(Permission.COMMENT) else "Your role reads and does not comment."
    if next_state(facts.state, _EVENT_OF[action]) is None:
        return f"The request is {facts.state.value.replace('_', ' ')}."
    if action in {UserAction.WITHDRAW, UserAction.RESEAL}:
        is_requester = actor.person.id == facts.participants.requester.id
        return None if is_requester else "Only the requester can do this."
    return why_not_decide(actor, facts.participants) or _why_not_sign(action, actor, facts)


def _why_not_sign(action: UserAction, actor: Actor, facts: RequestFacts) -> str | None:
    if action is not UserAction.APPROVE:
        return None
    if actor.person.id in standing_signatures(facts.decisions, facts.plan_digest):
        return "You have signed already; one person counts once."
    if facts.stale:
        return "It changed since it was sealed; the requester must seal it again."
    blocking = [check.name for check in facts.checks if check.is_blocking]
    if blocking:
        return f"Blocked by: {', '.join(blocking)}."
    return None
