"""Promotion requests: states, transitions and signatures. Permissions are in `rights`.

Rules kept here, and nowhere else:
- a state changes only along `TRANSITIONS`;
- a signature counts only while it covers the current plan digest; each person counts once;
- an unconfigured quorum is never reached;
- without a quorum only a valid break-glass allows a promotion.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.domain.identity.people import Person
from services.domain.policy import Meaning, PromotionPolicy, Slot
from services.domain.promotions.quorum import Signed, standing


class RequestState(StrEnum):
    """State of a request."""

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

    @property
    def in_words(self) -> str:
        """For people, after "the request is": ``waiting for changes``."""
        return {"changes_requested": "waiting for changes"}.get(self.value, self.value.replace("_", " "))


class RequestEvent(StrEnum):
    """Event that changes a request's state."""

    SUBMIT = "submit"
    SIGN = "sign"
    REACH_QUORUM = "reach_quorum"
    BREAK_GLASS = "break_glass"
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
    (_S.OPEN, _E.BREAK_GLASS): _S.APPROVED,
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
"""Final states."""


def next_state(state: RequestState, event: RequestEvent) -> RequestState | None:
    """The next state; None if the table does not allow the event."""
    return TRANSITIONS.get((state, event))


class DecisionKind(StrEnum):
    """A reviewer's decision."""

    APPROVE = "approve"
    REVIEW = "review"
    """Reviewed without approval: fills a review slot, but never counts towards the quorum."""
    REJECT = "reject"
    REQUEST_CHANGES = "request_changes"
    BREAK_GLASS = "break_glass"


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
    """Empty while the signature is valid."""
    slot: str = ""
    """The discipline of the signature; empty for a plain signature."""


@dataclass(frozen=True)
class Comment:
    """One line of the discussion."""

    id: str
    person: Person
    text: str
    at: datetime
    reply_to: str | None = None
    """The comment that it answers."""
    mentions: tuple[str, ...] = ()
    """Ids of the people mentioned with @."""


@dataclass(frozen=True)
class Participants:
    """The people who made the version or request; none of them may decide on it."""

    requester: Person
    author: str | None = None
    """The run's user; None if unknown."""
    registrar: str | None = None
    """Who registered the version, if recorded."""


def standing_signatures(decisions: Iterable[Decision], plan_digest: str) -> dict[str, Decision]:
    """Valid approvals by person id: on this digest, not void, each person's latest."""
    return {k: d for k, d in _last_words(decisions, plan_digest).items() if d.kind is DecisionKind.APPROVE}


def signed(decisions: Iterable[Decision], plan_digest: str) -> tuple[Signed, ...]:
    """Valid approvals and reviews, one per person."""
    last = _last_words(decisions, plan_digest)
    return tuple(Signed(p, d.slot, _MEANING[d.kind]) for p, d in last.items() if d.kind in _MEANING)


_MEANING = {DecisionKind.APPROVE: Meaning.APPROVED, DecisionKind.REVIEW: Meaning.REVIEWED}


def _last_words(decisions: Iterable[Decision], plan_digest: str) -> dict[str, Decision]:
    last: dict[str, Decision] = {}
    for decision in sorted(decisions, key=lambda d: d.at):
        if decision.plan_digest == plan_digest and not decision.void_reason:
            last[decision.person.id] = decision
    return last


def quorum_reached(
    decisions: Iterable[Decision], plan_digest: str, quorum: int | None, slots: Sequence[Slot] = ()
) -> bool:
    """True if enough different people signed this plan for quorum and slots; False without a quorum."""
    return standing(quorum, slots, signed(decisions, plan_digest)).is_reached


def why_not_released(
    decisions: Sequence[Decision], plan_digest: str, policy: PromotionPolicy, now: datetime
) -> str | None:
    """None while the request may take effect, by its quorum or a valid break-glass."""
    if quorum_reached(decisions, plan_digest, policy.quorum, policy.slots):
        return None
    broken = glass_broken(decisions, plan_digest)
    if broken is None:
        return "The signatures are no longer valid."
    if policy.break_glass is None or now > broken.at + policy.break_glass.valid_for:
        return "The break-glass has expired."
    return None


def glass_broken(decisions: Iterable[Decision], plan_digest: str) -> Decision | None:
    """The break-glass on this plan, if any."""
    found = [
        d for d in decisions
        if d.kind is DecisionKind.BREAK_GLASS and d.plan_digest == plan_digest and not d.void_reason
    ]  # fmt: skip
    return max(found, key=lambda d: d.at, default=None)
