"""Requests, decisions, comments and documents in SQL, on the caller's connection."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, String, cast, exists, func, or_, select, update
from sqlalchemy.exc import IntegrityError as SqlIntegrityError

from services.database.reading import batches, by_request, count_by
from services.database.tables.governance import comment, decision, document, promotion_request
from services.domain.identity.people import Person
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.requests import Comment, Decision, DecisionKind, Participants, RequestState
from services.domain.registry import VersionKey
from services.errors import ConflictError, NotFoundError

_NEWEST_FIRST = (promotion_request.c.updated.desc(), promotion_request.c.id)


class RequestStore:
    """All statements about requests."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, request: PromotionRequest) -> None:
        """Add a request. Raises ConflictError if one is live for the same version and environment."""
        try:
            with self._connection.begin_nested():
                self._connection.execute(promotion_request.insert().values(_row(request)))
        except SqlIntegrityError as error:
            raise ConflictError(
                f"{request.key} already has a live request for {request.environment}.",
                hint="Open that request instead.",
            ) from error

    def get(self, request_id: str) -> PromotionRequest:
        """One request. Raises NotFoundError."""
        row = (
            self._connection.execute(select(promotion_request).where(promotion_request.c.id == request_id))
            .mappings()
            .first()
        )
        if row is None:
            raise NotFoundError(f"There is no request {request_id}.", hint="See the list of requests.")
        return _request(row)

    def many(self, request_ids: Iterable[str]) -> Mapping[str, PromotionRequest]:
        """Several requests by id. Raises NotFoundError if one is missing."""
        wanted, found = set(request_ids), {}
        for batch in batches(wanted):
            rows = self._connection.execute(select(promotion_request).where(promotion_request.c.id.in_(batch)))
            found.update({row["id"]: _request(row) for row in rows.mappings()})
        _all_there("request", wanted, found)
        return found

    def save(self, request: PromotionRequest) -> PromotionRequest:
        """Update a request if its revision is unchanged. Raises ConflictError otherwise."""
        values = _row(request) | {"revision": request.revision + 1}
        done = self._connection.execute(
            update(promotion_request)
            .where(promotion_request.c.id == request.id, promotion_request.c.revision == request.revision)
            .values(values)
        )
        if done.rowcount != 1:
            raise ConflictError(f"Request {request.id} was changed by somebody else in the meantime.")
        return self.get(request.id)

    def find(self, wanted: RequestFilter) -> tuple[Sequence[PromotionRequest], int]:
        """A page of requests, most recently changed first, and their number."""
        query = _filtered(select(promotion_request), wanted)
        total = self._connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
        rows = self._connection.execute(
            query.order_by(*_NEWEST_FIRST).limit(wanted.page_size).offset((wanted.page - 1) * wanted.page_size)
        ).mappings()
        return [_request(row) for row in rows], total

    def in_states(
        self, states: Sequence[RequestState], *, model: str | None = None, environment: str | None = None
    ) -> Sequence[PromotionRequest]:
        """All requests in these states, most recently changed first."""
        wanted = RequestFilter(states=tuple(states), model=model, environment=environment)
        query = _filtered(select(promotion_request), wanted).order_by(*_NEWEST_FIRST)
        return [_request(row) for row in self._connection.execute(query).mappings()]

    def counts(self) -> dict[str, int]:
        """Number of requests by state."""
        return count_by(self._connection, promotion_request.c.state)

    def expired(self, now: datetime, states: Sequence[RequestState]) -> Sequence[PromotionRequest]:
        """Open requests past their expiry."""
        rows = self._connection.execute(
            select(promotion_request).where(
                promotion_request.c.state.in_([s.value for s in states]), promotion_request.c.expires < now
            )
        ).mappings()
        return [_request(row) for row in rows]

    def decisions(self, request_id: str) -> tuple[Decision, ...]:
        """All decisions in order, including void ones."""
        rows = self._connection.execute(
            select(decision).where(decision.c.request_id == request_id).order_by(decision.c.at, decision.c.id)
        ).mappings()
        return tuple(_decision(row) for row in rows)

    def decisions_of(self, request_ids: Iterable[str]) -> Mapping[str, tuple[Decision, ...]]:
        """The same for many requests; those without any are omitted."""
        return by_request(self._connection, decision, request_ids, _decision)

    def add_decision(self, request_id: str, made: Decision, *, idempotency_key: str) -> bool:
        """Add a decision; False if this key was already used (a double click)."""
        return self._insert_once(
            decision,
            {
                "id": made.id,
                "request_id": request_id,
                "kind": made.kind.value,
                "person_id": made.person.id,
                "person_name": made.person.name,
                "plan_digest": made.plan_digest,
                "reason": made.reason,
                "at": made.at,
                "void_reason": "",
                "slot": made.slot,
                "idempotency_key": idempotency_key,
            },
        )

    def void_decisions(self, request_id: str, reason: str) -> int:
        """Void all valid signatures; returns how many."""
        done = self._connection.execute(
            update(decision)
            .where(decision.c.request_id == request_id, decision.c.void_reason == "")
            .values(void_reason=reason)
        )
        return done.rowcount

    def comments(self, request_id: str) -> tuple[Comment, ...]:
        """The discussion in order."""
        rows = self._connection.execute(
            select(comment).where(comment.c.request_id == request_id).order_by(comment.c.at, comment.c.id)
        ).mappings()
        return tuple(_comment(row) for row in rows)

    def add_comment(self, request_id: str, said: Comment, *, idempotency_key: str) -> bool:
        """Add a comment; False if this key was already used."""
        return self._insert_once(
            comment,
            {
                "id": said.id,
                "request_id": request_id,
                "person_id": said.person.id,
                "person_name": said.person.name,
                "text": said.text,
                "at": said.at,
                "reply_to": said.reply_to,
                "mentions": list(said.mentions),
                "idempotency_key": idempotency_key,
            },
        )

    def unanswered(self, person_id: str, states: Sequence[RequestState]) -> Sequence[tuple[PromotionRequest, Comment]]:
        """Comments by others that mention this person; the match on the list's text is only a prefilter."""
        later = comment.alias("later")
        is_answered = exists().where(
            later.c.request_id == comment.c.request_id, later.c.person_id == person_id, later.c.at > comment.c.at
        )
        listed = cast(comment.c.mentions, String).contains(json.dumps(person_id), autoescape=True)
        joined = comment.join(promotion_request, promotion_request.c.id == comment.c.request_id)
        rows = self._connection.execute(
            select(comment)
            .select_from(joined)
            .where(promotion_request.c.state.in_([state.value for state in states]), listed)
            .where(comment.c.person_id != person_id, ~is_answered)
            .order_by(comment.c.at.desc(), comment.c.id)
        ).mappings()
        named = [row for row in rows.all() if person_id in row["mentions"]]
        requests = self.many({row["request_id"] for row in named})
        return [(requests[row["request_id"]], _comment(row)) for row in named]

    def put_document(self, digest: str, kind: str, body: str, created: datetime) -> None:
        """Store a document by its digest; storing it again changes nothing."""
        known = self._connection.execute(select(document.c.digest).where(document.c.digest == digest)).first()
        if known is None:
            self._insert_once(document, {"digest": digest, "kind": kind, "body": body, "created": created})

    def document(self, digest: str) -> str:
        """A document's bytes as text. Raises NotFoundError."""
        body = self._connection.execute(select(document.c.body).where(document.c.digest == digest)).scalar()
        if body is None:
            raise NotFoundError(f"The document {digest} does not exist.")
        return str(body)

    def documents(self, digests: Iterable[str]) -> Mapping[str, str]:
        """Several documents by digest. Raises NotFoundError if one is missing."""
        wanted, found = set(digests), dict[str, str]()
        for batch in batches(wanted):
            query = select(document.c.digest, document.c.body).where(document.c.digest.in_(batch))
            found.update({row.digest: row.body for row in self._connection.execute(query)})
        _all_there("document", wanted, found)
        return found

    def _insert_once(self, table: Any, values: dict[str, Any]) -> bool:
        try:
            with self._connection.begin_nested():
                self._connection.execute(table.insert().values(values))
        except SqlIntegrityError:
            return False
        return True


def _filtered(query: Select[Any], wanted: RequestFilter) -> Select[Any]:
    columns = promotion_request.c
    if wanted.states:
        query = query.where(columns.state.in_([state.value for state in wanted.states]))
    for column, value in (
        (columns.model, wanted.model),
        (columns.version, wanted.version),
        (columns.environment, wanted.environment),
        (columns.requester_id, wanted.requester_id),
    ):
        if value is not None:
            query = query.where(column == value)
    for word in wanted.text.split():
        query = query.where(_says(word))
    return query


def _says(word: str) -> ColumnElement[bool]:
    """Matches model, environment, requester, reason or number of the request; ``v7`` matches the version."""
    columns = promotion_request.c
    texts = (columns.model, columns.environment, columns.requester_name, columns.reason, columns.id)
    found = [column.icontains(word, autoescape=True) for column in texts]
    number = word[1:]
    if word[:1] in {"v", "V"} and number.isascii() and number.isdigit() and len(number) < 10:
        found.append(columns.version == int(number))
    return or_(*found)


def _all_there(what: str, wanted: set[str], found: Mapping[str, object]) -> None:
    missing = sorted(wanted - set(found))
    if missing:
        raise NotFoundError(f"The {what} {missing[0]} does not exist.")


def _row(request: PromotionRequest) -> dict[str, Any]:
    people = request.participants
    return {
        "id": request.id,
        "model": request.key.model,
        "version": request.key.version,
        "environment": request.environment,
        "state": request.state.value,
        "revision": request.revision,
        "requester_id": people.requester.id,
        "requester_name": people.requester.name,
        "author": people.author,
        "registrar": people.registrar,
        "reason": request.reason,
        "plan_digest": request.plan_digest,
        "evidence_digest": request.evidence_digest,
        "policy_digest": request.policy_digest,
        "stale": list(request.stale),
        "created": request.created,
        "updated": request.updated,
        "expires": request.expires,
        "live_slot": request.live_slot,
    }


def _request(row: RowMapping) -> PromotionRequest:
    return PromotionRequest(
        id=row["id"],
        key=VersionKey(row["model"], row["version"]),
        environment=row["environment"],
        state=RequestState(row["state"]),
        revision=row["revision"],
        participants=Participants(Person(row["requester_id"], row["requester_name"]), row["author"], row["registrar"]),
        reason=row["reason"],
        plan_digest=row["plan_digest"],
        evidence_digest=row["evidence_digest"],
        policy_digest=row["policy_digest"],
        created=row["created"],
        updated=row["updated"],
        expires=row["expires"],
        stale=tuple(row["stale"]),
    )


def _decision(row: RowMapping) -> Decision:
    return Decision(
        id=row["id"],
        kind=DecisionKind(row["kind"]),
        person=Person(row["person_id"], row["person_name"]),
        plan_digest=row["plan_digest"],
        reason=row["reason"],
        at=row["at"],
        void_reason=row["void_reason"],
        slot=row["slot"],
    )


def _comment(row: RowMapping) -> Comment:
    return Comment(
        id=row["id"],
        person=Person(row["person_id"], row["person_name"]),
        text=row["text"],
        at=row["at"],
        reply_to=row["reply_to"],
        mentions=tuple(row["mentions"]),
    )


@dataclass(frozen=True)
class RequestFilter:
    """Which requests to list; empty fields do not filter."""

    states: tuple[RequestState, ...] = ()
    model: str | None = None
    version: int | None = None
    environment: str | None = None
    requester_id: str | None = None
    text: str = ""
    """Words that must all match model, environment, requester, reason or number; ``v7`` matches a version."""
    page: int = 1
    page_size: int = 25
