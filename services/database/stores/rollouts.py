"""The rollout's lease and journal in SQL.

Every write of a worker, the lock of the target included, is conditional on the token of its claim: a worker that wakes
up after its rollout was taken over can write nothing. All times are those of the database. On PostgreSQL claims skip
rows that another worker holds; SQLite has one writer anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, or_, select, update

from services.database.reading import count_by
from services.database.stores.targets import TargetStatements
from services.database.tables.governance import rollout, rollout_step
from services.database.times import Times
from services.domain.promotions.rollout import (
    DEFINITION_VERSION,
    Cause,
    Rollout,
    RolloutState,
    RolloutStep,
    StepRecord,
    StepState,
)
from services.errors import ConflictError, NotFoundError

_AT_WORK = (RolloutState.RUNNING.value, RolloutState.COMPENSATING.value)


class LeaseLostError(ConflictError):
    """Another worker, or a person, has taken the rollout over: this worker writes nothing more."""

    code = "lease_lost"

    def __init__(self, rollout_id: str) -> None:
        super().__init__(f"Another worker has taken over rollout {rollout_id}.")


@dataclass(frozen=True)
class Claim:
    """A rollout that this worker holds until the lease ends."""

    rollout_id: str
    request_id: str
    state: RolloutState
    token: str
    """New and unguessable at each claim; every write of the worker is conditional on it."""
    attempts: int
    definition_version: int
    undo_all: bool = False
    """A person chose to undo everything, the release included."""


@dataclass(frozen=True)
class JournalLine:
    """What the journal says of one step, with the data that later steps need."""

    state: StepState
    data: Mapping[str, Any]
    started: datetime


class RolloutStore:
    """All statements about rollouts. Those that take a claim raise LeaseLostError once its token is replaced."""

    def __init__(self, connection: Connection, times: Times) -> None:
        self._connection = connection
        self._times = times
        self._targets = TargetStatements(connection)

    def now(self) -> datetime:
        """The database's time."""
        return self._times.now(self._connection)

    def start(self, rollout_id: str, request_id: str) -> None:
        """Begin a rollout in the transaction that reaches the quorum."""
        now = self.now()
        self._connection.execute(
            rollout.insert().values(
                id=rollout_id, request_id=request_id, definition_version=DEFINITION_VERSION,
                state=RolloutState.RUNNING.value, fence=0, lease_until=None, not_before=now, attempts=0,
                error="", created=now, updated=now,
            )
        )  # fmt: skip

    def claim(self, lease: timedelta, token: str) -> Claim | None:
        """Take the rollout that has waited longest and that nobody holds; None when there is none."""
        now = self.now()
        due = (
            select(rollout)
            .where(*self._is_due(now))
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
            .values(fence=row["fence"] + 1, token=token, lease_until=now + lease, updated=now)
        )
        return _claim(row, token) if taken.rowcount == 1 else None

    def _is_due(self, now: datetime) -> tuple[ColumnElement[bool], ...]:
        free = or_(rollout.c.lease_until.is_(None), rollout.c.lease_until < now)
        return rollout.c.state.in_(_AT_WORK), rollout.c.not_before <= now, free

    def renew(self, claim: Claim, lease: timedelta) -> None:
        """The heartbeat. Raises LeaseLostError when somebody else holds the rollout now."""
        self._fenced(claim, {"lease_until": self.now() + lease})

    def demand(self, claim: Claim) -> None:
        """Test the token. Raises LeaseLostError."""
        held = self._connection.execute(select(rollout.c.id).where(_is_held(claim))).first()
        if held is None:
            raise LeaseLostError(claim.rollout_id)

    def release(self, claim: Claim, *, delay: timedelta, attempts: int, error: str) -> None:
        """Let go until later."""
        now = self.now()
        self._fenced(
            claim,
            {"lease_until": None, "not_before": now + delay, "attempts": attempts, "error": error, "updated": now},
        )

    def finish(self, claim: Claim, state: RolloutState, *, error: str, cause: Cause | None = None) -> None:
        """Write the state that the rollout goes on or ends in. The first cause stays."""
        now = self.now()
        values: dict[str, Any] = {
            "state": state.value, "lease_until": None, "not_before": now, "error": error, "updated": now, "attempts": 0,
        }  # fmt: skip
        if cause is not None and not self._cause(claim):
            values |= {"cause": error, "cause_code": cause.value}
        self._fenced(claim, values)

    def _cause(self, claim: Claim) -> str:
        found: str = self._connection.execute(
            select(rollout.c.cause).where(rollout.c.id == claim.rollout_id)
        ).scalar_one()
        return found

    def note_run(self, claim: Claim, *, project: str, pipeline_id: int, run_id: int) -> None:
        """Keep which pipeline run belongs to the rollout: the gate lets through no other."""
        self._fenced(claim, {"run_project": project, "run_pipeline": pipeline_id, "run_id": run_id})

    def note_undo_run(self, claim: Claim, run_id: int) -> None:
        """Keep which run releases the previous version again."""
        self._fenced(claim, {"undo_run_id": run_id})

    def adopt(self, claim: Claim) -> None:
        """From now on the rollout goes by this release's definition."""
        self._fenced(claim, {"definition_version": DEFINITION_VERSION})

    def journal(self, rollout_id: str) -> dict[RolloutStep, JournalLine]:
        """The started steps."""
        rows = self._connection.execute(select(rollout_step).where(rollout_step.c.rollout_id == rollout_id)).mappings()
        return {RolloutStep(r["name"]): JournalLine(StepState(r["state"]), r["data"], r["started"]) for r in rows}

    def write_step(
        self, claim: Claim, step: RolloutStep, state: StepState, *, detail: str = "",
        data: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Write a line of the journal; data is kept when None."""
        self._fenced(claim, {"updated": self.now()})
        self._write_line(claim.rollout_id, step, state, detail=detail, data=data)

    def _write_line(
        self, rollout_id: str, step: RolloutStep, state: StepState, *, detail: str, data: Mapping[str, Any] | None
    ) -> None:
        now = self.now()
        values: dict[str, Any] = {"state": state.value, "detail": detail, "at": now}
        if data is not None:
            values["data"] = dict(data)
        same = (rollout_step.c.rollout_id == rollout_id) & (rollout_step.c.name == step.value)
        done = self._connection.execute(update(rollout_step).where(same).values(values))
        if done.rowcount == 0:
            values.setdefault("data", {})
            self._connection.execute(
                rollout_step.insert().values(rollout_id=rollout_id, name=step.value, started=now, **values)
            )

    def lock_target(self, claim: Claim, model: str, environment: str) -> str | None:
        """Reserve the target; None when it is ours, otherwise the rollout that holds it."""
        now = self.now()
        self._fenced(claim, {"updated": now})
        return self._targets.lock(claim.rollout_id, model, environment, now)

    def unlock_target(self, claim: Claim) -> None:
        """Give the target free."""
        self._fenced(claim, {"updated": self.now()})
        self._targets.unlock(claim.rollout_id)

    def target_holder(self, model: str, environment: str) -> str | None:
        """The rollout that has reserved the target."""
        return self._targets.holder(model, environment)

    def generation(self, model: str, environment: str) -> int:
        """How often what is live there has changed."""
        return self._targets.generation(model, environment)

    def raise_generation(self, model: str, environment: str) -> None:
        """What is live there changes in this transaction: no plan sealed before holds any more."""
        self._targets.raise_generation(model, environment, self.now())

    def recover(
        self, rollout_id: str, state: RolloutState, *, undo_all: bool = False, cause: tuple[str, str] | None = None
    ) -> None:
        """A person's choice: whoever held the rollout holds it no longer. Raises ConflictError when it needs nobody.

        An end frees the target; `cause` replaces the one that is kept.
        """
        now = self.now()
        values: dict[str, Any] = {
            "state": state.value, "token": None, "lease_until": None, "not_before": now, "attempts": 0, "error": "",
            "updated": now, "definition_version": DEFINITION_VERSION, "fence": rollout.c.fence + 1,
        }  # fmt: skip
        values |= {"undo_all": True} if undo_all else {}
        values |= {} if cause is None else {"cause": cause[0], "cause_code": cause[1]}
        needs = (rollout.c.id == rollout_id) & (rollout.c.state == RolloutState.NEEDS_HUMAN.value)
        if self._connection.execute(update(rollout).where(needs).values(values)).rowcount != 1:
            raise ConflictError("The rollout does not need a person any more.")
        if state.value not in _AT_WORK:
            self._targets.unlock(rollout_id)

    def reopen_step(self, rollout_id: str, step: RolloutStep, state: StepState) -> None:
        """A person's retry: the step is to be looked at again (INTENT), or done again (UNDONE).

        What it has kept stays, with the time of the retry: from now on its deadline counts again.
        """
        data = {**self.journal(rollout_id)[step].data, "since": self.now().isoformat()}
        self._write_line(rollout_id, step, state, detail="To be done again: a person chose so.", data=data)

    def admit(self, rollout_id: str, *, run_id: int) -> bool:
        """The gate's yes, in one statement with its condition; False when the run may not deploy (any more)."""
        noted = and_(rollout.c.state == RolloutState.RUNNING.value, rollout.c.run_id == run_id)
        undoing = and_(
            rollout.c.state == RolloutState.COMPENSATING.value, rollout.c.undo_all, rollout.c.undo_run_id == run_id
        )
        now = self.now()
        asked = update(rollout).where(rollout.c.id == rollout_id, or_(noted, undoing)).values(admitted=now)
        return self._connection.execute(asked).rowcount == 1

    def is_admitted(self, rollout_id: str) -> bool:
        """True once the gate has let a run of this rollout through."""
        row = select(rollout.c.admitted).where(rollout.c.id == rollout_id)
        return self._connection.execute(row).scalar() is not None

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

    def wake_run(self, run_number: int) -> bool:
        """Let rollouts that follow a run look at once; False when none does."""
        now = self.now()
        mine = (rollout.c.run_id == run_number) & rollout.c.state.in_(_AT_WORK)
        self._connection.execute(update(rollout).where(mine, rollout.c.not_before > now).values(not_before=now))
        return self._connection.execute(select(rollout.c.id).where(mine)).first() is not None

    def counts(self) -> dict[str, int]:
        """Number of rollouts by state."""
        return count_by(self._connection, rollout.c.state)

    def waiting(self) -> Sequence[Rollout]:
        """Rollouts that are due and that no worker has taken, the longest first."""
        due = select(rollout).where(*self._is_due(self.now())).order_by(rollout.c.not_before)
        return [self._rollout(row) for row in self._connection.execute(due).mappings()]

    def updated_since(self, moment: datetime) -> Sequence[Rollout]:
        """Rollouts that have moved since then."""
        rows = self._connection.execute(select(rollout).where(rollout.c.updated >= moment)).mappings()
        return [self._rollout(row) for row in rows]

    def _rollout(self, row: RowMapping) -> Rollout:
        steps = self._connection.execute(
            select(rollout_step).where(rollout_step.c.rollout_id == row["id"]).order_by(rollout_step.c.started)
        ).mappings()
        records = tuple(StepRecord(RolloutStep(s["name"]), StepState(s["state"]), s["at"], s["detail"]) for s in steps)
        return Rollout(
            id=row["id"], request_id=row["request_id"], state=RolloutState(row["state"]), steps=records,
            attempts=row["attempts"], error=row["error"], run_id=row["run_id"], created=row["created"],
            updated=row["updated"], cause=row["cause"], cause_code=row["cause_code"], undo_run_id=row["undo_run_id"],
            undo_all=row["undo_all"], waits_for_worker_since=self._waits_since(row),
        )  # fmt: skip

    def _waits_since(self, row: RowMapping) -> datetime | None:
        """When it became due, or when the lease of whoever held it ended; None while somebody works on it."""
        now, lease, due = self.now(), row["lease_until"], row["not_before"]
        if row["state"] not in _AT_WORK or due > now or (lease is not None and lease >= now):
            return None
        since: datetime = due if lease is None else max(due, lease)
        return since

    def _fenced(self, claim: Claim, values: dict[str, Any]) -> None:
        done = self._connection.execute(update(rollout).where(_is_held(claim)).values(values))
        if done.rowcount != 1:
            raise LeaseLostError(claim.rollout_id)


def _is_held(claim: Claim) -> ColumnElement[bool]:
    return (rollout.c.id == claim.rollout_id) & (rollout.c.token == claim.token)


def _claim(row: RowMapping, token: str) -> Claim:
    return Claim(
        rollout_id=row["id"],
        request_id=row["request_id"],
        state=RolloutState(row["state"]),
        token=token,
        attempts=row["attempts"],
        definition_version=row["definition_version"],
        undo_all=row["undo_all"],
    )
