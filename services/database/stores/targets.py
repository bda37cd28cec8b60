"""Locks and generations of targets, on the caller's connection. Whoever calls tests the token first."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from services.database.tables.governance import target_generation, target_lock


class TargetStatements:
    """Plain statements."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert

    def lock(self, rollout_id: str, model: str, environment: str, now: datetime) -> str | None:
        """None when the rollout holds the target now, otherwise the rollout that does."""
        values = {"model": model, "environment": environment, "rollout_id": rollout_id, "at": now}
        self._connection.execute(self._insert(target_lock).values(values).on_conflict_do_nothing())
        holder = self.holder(model, environment)
        return None if holder == rollout_id else holder

    def unlock(self, rollout_id: str) -> None:
        """Delete the rollout's locks."""
        self._connection.execute(delete(target_lock).where(target_lock.c.rollout_id == rollout_id))

    def holder(self, model: str, environment: str) -> str | None:
        """Who holds the target."""
        return self._connection.execute(
            select(target_lock.c.rollout_id).where(
                target_lock.c.model == model, target_lock.c.environment == environment
            )
        ).scalar()

    def generation(self, model: str, environment: str) -> int:
        """0 while nothing was ever counted."""
        found = self._connection.execute(
            select(target_generation.c.generation).where(
                target_generation.c.model == model, target_generation.c.environment == environment
            )
        ).scalar()
        return int(found or 0)

    def raise_generation(self, model: str, environment: str, now: datetime) -> None:
        """Count one more, in one statement."""
        first = self._insert(target_generation).values(model=model, environment=environment, generation=1, at=now)
        self._connection.execute(
            first.on_conflict_do_update(
                index_elements=["model", "environment"],
                set_={"generation": target_generation.c.generation + 1, "at": now},
            )
        )
