"""Who read which evidence on which day, to write one ledger entry for each."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from services.database.tables.evidence_reads import evidence_read


class ReadStore:
    """All statements about reads of evidence."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def is_noted(self, person_id: str, digest: str, day: date) -> bool:
        """True if this person has read this evidence on this day."""
        wanted = (evidence_read.c.person_id == person_id, evidence_read.c.digest == digest, evidence_read.c.day == day)
        return self._connection.execute(select(evidence_read.c.day).where(*wanted)).first() is not None

    def note(self, person_id: str, digest: str, day: date) -> bool:
        """Record it; False if it is already recorded (by the same person in another tab)."""
        kind = postgresql.insert if self._connection.dialect.name == "postgresql" else sqlite.insert
        values = {"person_id": person_id, "digest": digest, "day": day}
        added = kind(evidence_read).values(values).on_conflict_do_nothing().returning(evidence_read.c.day)
        return self._connection.execute(added).first() is not None
