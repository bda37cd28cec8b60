"""Reads of sealed evidence are part of the record: who looked at what a decision rests on, once a person and day."""

from __future__ import annotations

from services.domain.people import Actor
from services.domain.promotion import PromotionRequest
from services.ledger.actions import Action
from services.ledger.entry import Subject
from services.ports import Clock
from services.stores import Units


class EvidenceReads:
    """Writes the ledger entries. A page runs often; only its first run of the day writes."""

    def __init__(self, units: Units, clock: Clock) -> None:
        self._units = units
        self._clock = clock

    def note(self, actor: Actor, request: PromotionRequest) -> None:
        """The evidence of this request is shown to this person now."""
        read = (actor.person.id, request.evidence_digest, self._clock.now().date())
        with self._units.read() as unit:
            if unit.evidence_reads.is_noted(*read):
                return
        with self._units.begin() as unit:
            if unit.evidence_reads.note(*read):
                subject = Subject("evidence", request.evidence_digest)
                unit.ledger.append(actor, Action.EVIDENCE_VIEWED, subject, request_id=request.id)
