"""Statements about service hooks' events and checks, on the caller's connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from services.database.tables.hooks import azure_check, azure_event
from services.domain.hooks import CheckCall, CheckIds, CheckState, HookEvent

KEPT = timedelta(days=30)
_OPEN = (CheckState.WAITING.value, CheckState.ANSWERED.value)
_IDS = tuple(field.name for field in fields(CheckIds))


class HookStore:
    """All statements about service hooks' events and checks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_event(self, event: HookEvent) -> bool:
        """Store an event; False if it is already stored."""
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(azure_event).values(vars(event)))
        except IntegrityError:
            return False
        return True

    def unhandled(self, limit: int) -> Sequence[HookEvent]:
        """Unprocessed events, oldest first."""
        query = select(azure_event).where(azure_event.c.handled.is_(None)).order_by(azure_event.c.received)
        return [HookEvent(**row) for row in self._connection.execute(query.limit(limit)).mappings()]

    def mark_handled(self, ids: Sequence[str], now: datetime) -> None:
        """Mark them as processed and delete those older than a month, which Azure DevOps no longer resends."""
        self._connection.execute(update(azure_event).where(azure_event.c.id.in_(ids)).values(handled=now))
        self._connection.execute(delete(azure_event).where(azure_event.c.handled < now - KEPT))

    def add_check(self, call: CheckCall) -> bool:
        """Store a check's call; False if it is already stored."""
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(azure_check).values(id=call.ids.key, **_values(call)))
        except IntegrityError:
            return False
        return True

    def take_check(self, now: datetime, until: datetime) -> CheckCall | None:
        """Claim the check that has waited longest, until then; None if none is due."""
        due = azure_check.c.state.in_(_OPEN) & (azure_check.c.not_before <= now)
        query = select(azure_check).where(due).order_by(azure_check.c.not_before).limit(1)
        row = self._connection.execute(query.with_for_update(skip_locked=True)).mappings().first()
        if row is None:
            return None
        taken = self._connection.execute(
            update(azure_check)
            .where(azure_check.c.id == row["id"], azure_check.c.not_before == row["not_before"])
            .values(not_before=until)
        )
        return _call(row) if taken.rowcount == 1 else None

    def check(self, key: str) -> CheckCall | None:
        """One check."""
        row = self._connection.execute(select(azure_check).where(azure_check.c.id == key)).mappings().first()
        return None if row is None else _call(row)

    def save_check(self, call: CheckCall) -> None:
        """Update a check."""
        self._connection.execute(update(azure_check).where(azure_check.c.id == call.ids.key).values(_values(call)))

    def checks_of(self, build_id: int) -> Sequence[CheckCall]:
        """Checks of a run, oldest first."""
        query = select(azure_check).where(azure_check.c.build_id == build_id).order_by(azure_check.c.received)
        return [_call(row) for row in self._connection.execute(query).mappings()]


def _values(call: CheckCall) -> dict[str, object]:
    values = {name: value for name, value in vars(call).items() if name != "ids"}
    return {**values, "state": call.state.value, **vars(call.ids)}


def _call(row: RowMapping) -> CheckCall:
    ids = CheckIds(**{name: row[name] for name in _IDS})
    rest = {name: value for name, value in row.items() if name not in {*_IDS, "id", "state"}}
    return CheckCall(ids=ids, state=CheckState(row["state"]), **rest)
