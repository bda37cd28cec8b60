"""The rollout's lease and journal, deployments, release snapshots and incidents in SQL.

Every write of a worker is conditional on its fence: a worker that resumes after its lease was taken over can
no longer write. On PostgreSQL claims skip rows that another worker holds; SQLite has one writer anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, or_, select, update
from sqlalchemy.exc import IntegrityError as SqlIntegrityError

from services.database.reading import count_by
from services.database.tables.governance import rollout, rollout_step, target_lock
from services.domain.promotions.rollout import (
    DEFINITION_VERSION,
    Rollout,
    RolloutState,
    RolloutStep,
    StepRecord,
    StepState,
)
from services.errors import ConflictError, NotFoundError

_AT_WORK = (RolloutState.RUNNING.value, RolloutState.COMPENSATING.value)


class RolloutStore:
    """All statements about rollouts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def start(self, rollout_id: str, request_id: str, now: datetime) -> None:
        """Create a rollout in the transaction that reaches the quorum."""
        self._connection.execute(
            rollout.insert().values(
                id=rollout_id, request_id=request_id, definition_version=DEFINITION_VERSION,
                state=RolloutState.RUNNING.value, fence=0, lease_until=None, not_before=now, attempts=0,
                error="", created=now, updated=now,
            )
        )  # fmt: skip

    def claim(self, now: datetime, lease_until: datetime) -> Claim | None:
        """Claim the unclaimed rollout that has waited longest; None if there is none."""
        free = or_(rollout.c.lease_until.is_(None), rollout.c.lease_until < now)
        due = (
            select(rollout)
            .where(rollout.c.state.in_(_AT_WORK), rollout.c.not_before <= now, free)
            .order_by(rollout.c.not_before)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        row = self._connection.execute(due).mappings().first()
        if row is None:
            return None
        taken = self._connection.execute(
            update(rollout)
            .where(rollout.c.id == row["id"], rollout.c.fence == row["fence"])
            .values(fence=row["fence"] + 1, lease_until=lease_until, updated=now)
        )
        return _claim(row) if taken.rowcount == 1 else None

    def renew(self, claim: Claim, lease_until: datetime) -> None:
        """Extend the lease for another step. Raises ConflictError if the lease was lost."""
        self._fenced(claim, {"lease_until": lease_until})

    def release(self, claim: Claim, *, not_before: datetime, attempts: int, error: str, now: datetime) -> None:
        """Release the claim until later."""
        self._fenced(
            claim,
            {"lease_until": None, "not_before": not_before, "attempts": attempts, "error": error, "updated": now},
        )

    def finish(self, claim: Claim, state: RolloutState, *, error: str, now: datetime) -> None:
        """Store the rollout's next or final state."""
        self._fenced(
            claim,
            {
                "state": state.value,
                "lease_until": None,
                "not_before": now,
                "error": error,
                "updated": now,
                "attempts": 0,
            },
        )

    def note_run(self, claim: Claim, *, project: str, pipeline_id: int, run_id: int) -> None:
        """Store the rollout's pipeline run."""
        self._fenced(claim, {"run_project": project, "run_pipeline": pipeline_id, "run_id": run_id})

    def journal(self, rollout_id: str) -> dict[RolloutStep, JournalLine]:
        """The started steps."""
        rows = self._connection.execute(select(rollout_step).where(rollout_step.c.rollout_id == rollout_id)).mappings()
        return {RolloutStep(r["name"]): JournalLine(StepState(r["state"]), r["data"], r["started"]) for r in rows}

    def write_step(
        self, claim: Claim, step: RolloutStep, state: StepState, *, now: datetime, detail: str = "",
        data: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Write a line of the journal; None leaves its data unchanged."""
        self._fenced(claim, {"updated": now})
        values: dict[str, Any] = {"state": state.value, "detail": detail, "at": now}
        if data is not None:
            values["data"] = dict(data)
        same = (rollout_step.c.rollout_id == claim.rollout_id) & (rollout_step.c.name == step.value)
        done = self._connection.execute(update(rollout_step).where(same).values(values))
        if done.rowcount == 0:
            values.setdefault("data", {})
            self._connection.execute(
                rollout_step.insert().values(rollout_id=claim.rollout_id, name=step.value, started=now, **values)
            )

    def lock_target(self, claim: Claim, model: str, environment: str, now: datetime) -> str | None:
        """Reserve the target; None on success, otherwise the rollout that holds it."""
        values = {"model": model, "environment": environment, "rollout_id": claim.rollout_id, "at": now}
        try:
            with self._connection.begin_nested():
                self._connection.execute(target_lock.insert().values(values))
        except SqlIntegrityError:
            holder = self.target_holder(model, environment)
            return None if holder == claim.rollout_id else holder
        return None

    def target_holder(self, model: str, environment: str) -> str | None:
        """The rollout that has reserved the target."""
        return self._connection.execute(
            select(target_lock.c.rollout_id).where(
                target_lock.c.model == model, target_lock.c.environment == environment
            )
        ).scalar()

    def unlock_target(self, rollout_id: str) -> None:
        """Release the target."""
        self._connection.execute(delete(target_lock).where(target_lock.c.rollout_id == rollout_id))

    def of_request(self, request_id: str) -> Rollout | None:
        """The rollout of a request with its journal, or None."""
        row = self._connection.execute(select(rollout).where(rollout.c.request_id == request_id)).mappings().first()
        return None if row is None else self._rollout(row)

    def get(self, rollout_id: str) -> Rollout:
        """One rollout. Raises NotFoundError."""
        row = self._connection.execute(select(rollout).where(rollout.c.id == rollout_id)).mappings().first()
        if row is None:
            raise NotFoundError(f"There is no rollout {rollout_id}.")
        return self._rollout(row)

    def wake_run(self, run_number: int, now: datetime) -> bool:
        """Make rollouts that follow a run due now; False if none does."""
        mine = (rollout.c.run_id == run_number) & rollout.c.state.in_(_AT_WORK)
        self._connection.execute(update(rollout).where(mine, rollout.c.not_before > now).values(not_before=now))
        return self._connection.execute(select(rollout.c.id).where(mine)).first() is not None

    def counts(self) -> dict[str, int]:
        """Number of rollouts by state."""
        return count_by(self._connection, rollout.c.state)

    def _rollout(self, row: RowMapping) -> Rollout:
        steps = self._connection.execute(
            select(rollout_step).where(rollout_step.c.rollout_id == row["id"]).order_by(rollout_step.c.started)
        ).mappings()
        records = tuple(StepRecord(RolloutStep(s["name"]), StepState(s["state"]), s["at"], s["detail"]) for s in steps)
        return Rollout(
            id=row["id"], request_id=row["request_id"], state=RolloutState(row["state"]), steps=records,
            attempts=row["attempts"], error=row["error"], run_id=row["run_id"], created=row["created"],
            updated=row["updated"],
        )  # fmt: skip

    def _fenced(self, claim: Claim, values: dict[str, Any]) -> None:
        done = self._connection.execute(
            update(rollout).where(rollout.c.id == claim.rollout_id, rollout.c.fence == claim.fence).values(values)
        )
        if done.rowcount != 1:
            raise ConflictError(f"Another worker has taken over rollout {claim.rollout_id}.")


def _claim(row: RowMapping) -> Claim:
    return Claim(
        rollout_id=row["id"],
        request_id=row["request_id"],
        state=RolloutState(row["state"]),
        fence=row["fence"] + 1,
        attempts=row["attempts"],
        definition_version=row["definition_version"],
    )


@dataclass(frozen=True)
class Claim:
    """A rollout that this worker holds until the lease ends."""

    rollout_id: str
    request_id: str
    state: RolloutState
    fence: int
    attempts: int
    definition_version: int


@dataclass(frozen=True)
class JournalLine:
    """The journal of one step, with the data that later steps need."""

    state: StepState
    data: Mapping[str, Any]
    started: datetime
