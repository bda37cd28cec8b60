"""Findings, assignments and re-reviews in SQL, on the caller's connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update
from sqlalchemy.exc import IntegrityError as SqlIntegrityError

from services.database.reading import by_request
from services.database.tables.oversight import assignment, finding, re_review
from services.domain.identity.people import Person
from services.domain.promotions.oversight import Assignment, AssignmentKind, Finding, FindingKind, ReReview, Severity
from services.errors import ConflictError, NotFoundError


class OversightStore:
    """All statements about findings, assignments and re-reviews."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_finding(self, found: Finding, *, idempotency_key: str) -> bool:
        """Open a finding; False if this key was already used."""
        values = {
            "id": found.id, "kind": found.kind.value, "model": found.model, "version": found.version,
            "environment": found.environment, "request_id": found.request_id, "severity": found.severity.value,
            "title": found.title, "owner_id": found.owner.id, "owner_name": found.owner.name, "due": found.due,
            "opener_id": found.opener.id, "opener_name": found.opener.name, "opened": found.opened,
            "resolution": "", "idempotency_key": idempotency_key,
        }  # fmt: skip
        return self._insert_once(finding, values)

    def finding(self, finding_id: str) -> Finding:
        """One finding. Raises NotFoundError."""
        row = self._connection.execute(select(finding).where(finding.c.id == finding_id)).mappings().first()
        if row is None:
            raise NotFoundError(f"There is no finding {finding_id}.", hint="See the list of findings.")
        return _finding(row)

    def findings(self, *, model: str | None = None, open_only: bool = True) -> Sequence[Finding]:
        """Findings, earliest due date first."""
        query = select(finding).order_by(finding.c.due, finding.c.id)
        if model is not None:
            query = query.where(finding.c.model == model)
        if open_only:
            query = query.where(finding.c.closed.is_(None))
        return [_finding(row) for row in self._connection.execute(query).mappings()]

    def close_finding(self, finding_id: str, *, by: Person, at: datetime, resolution: str) -> None:
        """Close an open finding. Raises ConflictError if somebody else closed it first."""
        done = self._connection.execute(
            update(finding)
            .where(finding.c.id == finding_id, finding.c.closed.is_(None))
            .values(closed=at, closer_id=by.id, closer_name=by.name, resolution=resolution)
        )
        if done.rowcount != 1:
            raise ConflictError(f"Finding {finding_id} was already closed by somebody else.")

    def add_assignment(self, request_id: str, made: Assignment, *, idempotency_key: str) -> bool:
        """Store an assignment; False if this key was already used."""
        values = {
            "id": made.id, "request_id": request_id, "kind": made.kind.value, "by_id": made.by.id,
            "by_name": made.by.name, "to_id": made.to.id, "to_name": made.to.name, "slot": made.slot,
            "until": made.until, "reason": made.reason, "at": made.at, "idempotency_key": idempotency_key,
        }  # fmt: skip
        return self._insert_once(assignment, values)

    def assignments(self, request_id: str) -> tuple[Assignment, ...]:
        """All assignments of a request in order."""
        rows = self._connection.execute(
            select(assignment).where(assignment.c.request_id == request_id).order_by(assignment.c.at, assignment.c.id)
        ).mappings()
        return tuple(_assignment(row) for row in rows)

    def assignments_of(self, request_ids: Iterable[str]) -> Mapping[str, tuple[Assignment, ...]]:
        """The same for many requests; those without any are omitted."""
        return by_request(self._connection, assignment, request_ids, _assignment)

    def add_review(self, made: ReReview, *, idempotency_key: str) -> bool:
        """Store a re-review; False if this key was already used."""
        values = {
            "id": made.id, "deployment_id": made.deployment_id, "person_id": made.person.id,
            "person_name": made.person.name, "reason": made.reason, "at": made.at, "idempotency_key": idempotency_key,
        }  # fmt: skip
        return self._insert_once(re_review, values)

    def reviews(self, deployment_ids: Sequence[str]) -> Sequence[ReReview]:
        """Re-reviews of these deployments, oldest first."""
        rows = self._connection.execute(
            select(re_review).where(re_review.c.deployment_id.in_(deployment_ids)).order_by(re_review.c.at)
        ).mappings()
        return [
            ReReview(r["id"], r["deployment_id"], Person(r["person_id"], r["person_name"]), r["reason"], r["at"])
            for r in rows
        ]

    def _insert_once(self, table: Any, values: dict[str, Any]) -> bool:
        try:
            with self._connection.begin_nested():
                self._connection.execute(table.insert().values(values))
        except SqlIntegrityError:
            return False
        return True


def _finding(row: RowMapping) -> Finding:
    return Finding(
        id=row["id"],
        kind=FindingKind(row["kind"]),
        model=row["model"],
        version=row["version"],
        environment=row["environment"],
        severity=Severity(row["severity"]),
        title=row["title"],
        owner=Person(row["owner_id"], row["owner_name"]),
        due=row["due"],
        opener=Person(row["opener_id"], row["opener_name"]),
        opened=row["opened"],
        request_id=row["request_id"],
        closed=row["closed"],
        closer=Person(row["closer_id"], row["closer_name"]) if row["closer_id"] else None,
        resolution=row["resolution"],
    )


def _assignment(row: RowMapping) -> Assignment:
    return Assignment(
        id=row["id"],
        kind=AssignmentKind(row["kind"]),
        by=Person(row["by_id"], row["by_name"]),
        to=Person(row["to_id"], row["to_name"]),
        reason=row["reason"],
        at=row["at"],
        slot=row["slot"],
        until=row["until"],
    )
