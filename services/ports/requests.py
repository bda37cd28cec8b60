"""Promotion requests, their decisions and evidence, in the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.domain.promotion import PromotionRequest
from services.domain.requests import Comment, Decision, RequestState


@dataclass(frozen=True)
class RequestFilter:
    """Which requests to list; empty fields do not filter."""

    states: tuple[RequestState, ...] = ()
    model: str | None = None
    version: int | None = None
    environment: str | None = None
    requester_id: str | None = None
    text: str = ""
    """Words that must all be found, in model, environment, requester, reason or number; ``v7`` finds a version."""
    page: int = 1
    page_size: int = 25


class RequestStore(Protocol):
    """All statements about requests."""

    def insert(self, request: PromotionRequest) -> None:
        """Add a request. Raises ConflictError when one is live for the same version and environment."""

    def get(self, request_id: str) -> PromotionRequest:
        """One request. Raises NotFoundError."""

    def many(self, request_ids: Iterable[str]) -> Mapping[str, PromotionRequest]:
        """Many of them by id. Raises NotFoundError when one is missing."""

    def save(self, request: PromotionRequest) -> PromotionRequest:
        """Write a request over the revision that it was read at. Raises ConflictError when somebody was faster."""

    def find(self, wanted: RequestFilter) -> tuple[Sequence[PromotionRequest], int]:
        """A page of requests, newest change first, and how many there are."""

    def in_states(
        self, states: Sequence[RequestState], *, model: str | None = None, environment: str | None = None
    ) -> Sequence[PromotionRequest]:
        """All requests in these states, newest change first."""

    def counts(self) -> dict[str, int]:
        """Number of requests by state."""

    def expired(self, now: datetime, states: Sequence[RequestState]) -> Sequence[PromotionRequest]:
        """Waiting requests whose time is over."""

    def decisions(self, request_id: str) -> tuple[Decision, ...]:
        """All decisions in their order, void ones included."""

    def decisions_of(self, request_ids: Iterable[str]) -> Mapping[str, tuple[Decision, ...]]:
        """The same for many requests; those without any are left out."""

    def add_decision(self, request_id: str, made: Decision, *, idempotency_key: str) -> bool:
        """Add a decision; False when this key has been written before (the same click twice)."""

    def void_decisions(self, request_id: str, reason: str) -> int:
        """Void all standing signatures; returns how many."""

    def comments(self, request_id: str) -> tuple[Comment, ...]:
        """The discussion in its order."""

    def add_comment(self, request_id: str, said: Comment, *, idempotency_key: str) -> bool:
        """Add to the discussion; False when this key has been written before."""

    def unanswered(self, person_id: str, states: Sequence[RequestState]) -> Sequence[tuple[PromotionRequest, Comment]]:
        """Comments of others that name this person and that they did not answer, newest first."""

    def put_document(self, digest: str, kind: str, body: str, created: datetime) -> None:
        """Keep a document by its digest; the same document again changes nothing."""

    def document(self, digest: str) -> str:
        """A document's bytes as text. Raises NotFoundError."""

    def documents(self, digests: Iterable[str]) -> Mapping[str, str]:
        """Many of them by digest. Raises NotFoundError when one is missing."""
