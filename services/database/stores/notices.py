"""Notifications in SQL, on the caller's connection."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, time
from typing import Any

from sqlalchemy import Connection, RowMapping, select, true, update
from sqlalchemy.dialects import postgresql, sqlite

from services.database.reading import count_by
from services.database.tables.notices import notice, notice_cursor, notice_preference
from services.domain.notices import Event, Preferences, Rhythm, Schedule, Topic

_N = notice.c
CURSOR = 1


class NoticeStore:
    """All statements about notifications."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def cursor(self) -> int | None:
        """The last processed entry; a second worker waits here."""
        query = select(notice_cursor.c.seq).where(notice_cursor.c.id == CURSOR).with_for_update()
        return self._connection.execute(query).scalar_one_or_none()

    def move_cursor(self, seq: int) -> None:
        """Write it."""
        moved = update(notice_cursor).where(notice_cursor.c.id == CURSOR).values(seq=seq)
        if self._connection.execute(moved).rowcount == 0:
            self._connection.execute(self._insert_once(notice_cursor).values(id=CURSOR, seq=seq))

    def add(self, event: Event, channel: str, not_before: datetime) -> None:
        """Put a delivery into the outbox once."""
        values = {
            "seq": event.seq, "channel": channel, "event": asdict(event), "state": "waiting", "attempts": 0,
            "not_before": not_before, "error": "",
        }  # fmt: skip
        self._connection.execute(self._insert_once(notice).values(values))

    def claim(self, now: datetime, *, lease_until: datetime, limit: int) -> Sequence[Delivery]:
        """Due deliveries of the channel that has waited longest."""
        due = (_N.state == "waiting", _N.not_before <= now)
        channel = self._connection.execute(
            select(_N.channel).where(*due).order_by(_N.not_before, _N.id).limit(1)
        ).scalar_one_or_none()  # fmt: skip
        if channel is None:
            return []
        wanted = select(_N.id).where(*due, _N.channel == channel).order_by(_N.seq).limit(limit)
        wanted = wanted.with_for_update(skip_locked=True) if self._is_postgres else wanted
        ids = list(self._connection.execute(wanted).scalars())
        taken = update(notice).where(_N.id.in_(ids), _N.state == "waiting")
        self._connection.execute(taken.values(state="sending", attempts=_N.attempts + 1, not_before=lease_until))
        rows = self._connection.execute(select(notice).where(_N.id.in_(ids)).order_by(_N.seq)).mappings()
        return [_delivery(row) for row in rows]

    def settle(self, ids: Sequence[int], state: str, at: datetime, *, error: str = "") -> None:
        """Record the outcome."""
        self._connection.execute(
            update(notice).where(_N.id.in_(list(ids))).values(state=state, settled=at, error=error)
        )  # fmt: skip

    def postpone(self, ids: Sequence[int], until: datetime, *, error: str) -> None:
        """Retry later."""
        self._connection.execute(
            update(notice).where(_N.id.in_(list(ids))).values(state="waiting", not_before=until, error=error)
        )

    def abandoned(self, now: datetime) -> Sequence[Delivery]:
        """Leases that ended without an outcome."""
        query = select(notice).where(_N.state == "sending", _N.not_before <= now)
        return [_delivery(row) for row in self._connection.execute(query).mappings()]

    def unsettled(self, state: str, *, limit: int) -> Sequence[Delivery]:
        """Failed and unknown deliveries, newest first."""
        query = select(notice).where(_N.state == state).order_by(_N.settled.desc(), _N.id.desc()).limit(limit)
        return [_delivery(row) for row in self._connection.execute(query).mappings()]

    def send_again(self, delivery_id: int | None, at: datetime) -> int:
        """Put it back into the outbox and reset its attempts."""
        which = _N.id == delivery_id if delivery_id is not None else true()
        again = update(notice).where(_N.state == "failed", which)
        return self._connection.execute(again.values(state="waiting", attempts=0, not_before=at, settled=None)).rowcount

    def preferences(self, person_ids: Collection[str]) -> dict[str, Preferences]:
        """Preferences of these people."""
        query = select(notice_preference).where(notice_preference.c.person_id.in_(list(person_ids)))
        return {row["person_id"]: _preferences(row) for row in self._connection.execute(query).mappings()}

    def put_preferences(self, person_id: str, wanted: Preferences, at: datetime) -> None:
        """Store a person's preferences."""
        kind = postgresql.insert if self._is_postgres else sqlite.insert
        row = {"schedule": _schedule_form(wanted.schedule), "muted": sorted(wanted.muted), "changed": at}
        added = kind(notice_preference).values(person_id=person_id, **row)
        self._connection.execute(added.on_conflict_do_update(index_elements=["person_id"], set_=row))

    def counts(self) -> dict[str, int]:
        """Number of deliveries by state."""
        return count_by(self._connection, _N.state)

    @property
    def _is_postgres(self) -> bool:
        return self._connection.dialect.name == "postgresql"

    def _insert_once(self, table: object) -> postgresql.Insert | sqlite.Insert:
        kind = postgresql.insert if self._is_postgres else sqlite.insert
        return kind(table).on_conflict_do_nothing()  # type: ignore[arg-type]  # any table


def _schedule_form(schedule: Schedule | None) -> dict[str, Any] | None:
    if schedule is None:
        return None
    quiet = [moment.isoformat("minutes") for moment in schedule.quiet] if schedule.quiet else None
    return {"rhythm": schedule.rhythm.value, "quiet": quiet, "zone": schedule.zone}


def _preferences(row: RowMapping) -> Preferences:
    muted, kept = frozenset(Topic(topic) for topic in row["muted"]), row["schedule"]
    if kept is None:
        return Preferences(muted=muted)
    quiet = (time.fromisoformat(kept["quiet"][0]), time.fromisoformat(kept["quiet"][1])) if kept["quiet"] else None
    return Preferences(Schedule(Rhythm(kept["rhythm"]), quiet, kept["zone"]), muted)


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(row["id"], row["channel"], Event(**row["event"]), row["attempts"], row["error"])


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one channel."""

    id: int
    channel: str
    event: Event
    attempts: int
    error: str = ""
    """The last error."""
