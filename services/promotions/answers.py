"""Answers of promotion requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.domain.checks import Check
from services.domain.identity.people import Actor, Person
from services.domain.policy import Environment
from services.domain.promotions.mentions import Mentioned
from services.domain.promotions.oversight import Assignment, Finding
from services.domain.promotions.plan import Change, Plan
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.requests import Comment, Decision, DecisionKind, RequestState
from services.domain.promotions.rights import ActionState
from services.domain.promotions.rollout import Rollout
from services.domain.registry import VersionKey
from services.promotions.sealed.evidence import SealedEvidence


@dataclass(frozen=True)
class Since:
    """Differences from the plan last approved for the same target."""

    request_id: str
    version: int
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class RequestDetail:
    """Everything that the page of one request shows."""

    request: PromotionRequest
    plan: Plan
    checks: tuple[Check, ...]
    """Worst first."""
    evidence: SealedEvidence
    decisions: tuple[Decision, ...]
    comments: tuple[Comment, ...]
    actions: tuple[ActionState, ...]
    rollout: Rollout | None
    quorum: int
    signatures: int
    consequences: tuple[str, ...]
    """What approving will do, in words that follow "Countersign will": ``move the alias champion from v5 to v7``."""
    environment: Environment
    release: tuple[str, int] | None = None
    """Project and run id of the release, if any."""
    missing: str = ""
    """The missing signatures, in words; empty once the quorum is reached."""
    slots: tuple[str, ...] = ()
    """Disciplines that this person could sign for now."""
    findings: tuple[Finding, ...] = ()
    """Open findings that block it."""
    assignments: tuple[Assignment, ...] = ()
    since: Since | None = None
    """None if nothing was approved for the target before."""
    live_version: int | None = None
    """What runs in the environment now, as far as the portal brought it there; None when it brought nothing."""


@dataclass(frozen=True)
class RequestPage:
    """A page of requests."""

    rows: tuple[PromotionRequest, ...]
    total: int
    page: int
    page_size: int


class Promotions(Protocol):
    """Requests and decisions. Commands are idempotent by key: the same click twice is one effect."""

    def environments(self, model: str) -> Sequence[Environment]:
        """Environments to which the policy allows the model to be promoted."""

    def open(self, actor: Actor, key: VersionKey, environment: str, *, reason: str) -> PromotionRequest:
        """Collect the evidence, seal the plan and open a request. Raises RefusedError, ConflictError, UpstreamError."""

    def find(
        self, *, states: Sequence[RequestState] = (), requester: str = "", text: str = "", page: int = 1
    ) -> RequestPage:
        """Requests, newest change first; `requester` is a person's id, `text` words of what people know of them."""

    def waiting_for(self, actor: Actor) -> Sequence[PromotionRequest]:
        """All open requests that wait for this person, first to expire first."""

    def detail(self, actor: Actor, request_id: str) -> RequestDetail:
        """One request as this person sees it. Raises NotFoundError."""

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
        """Decide on the plan digest that was seen; `slot` where a person could sign for several disciplines.

        Raises RefusedError, NotAllowedError, ConflictError.
        """

    def reseal(self, actor: Actor, request_id: str) -> PromotionRequest:
        """Reseal after a change; earlier signatures become void."""

    def withdraw(self, actor: Actor, request_id: str, *, reason: str) -> PromotionRequest:
        """Withdraw the request."""

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

    def mentions(self, actor: Actor) -> Sequence[tuple[PromotionRequest, Comment]]:
        """Comments in open requests that mention this person and that they have not answered, newest first."""

    def people(self) -> Sequence[Person]:
        """People who can be notified: everybody whom the portal knows."""
