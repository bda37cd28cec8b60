"""Records reads of evidence: who read the basis of a decision, once per person and day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.database.unit import Units
from services.domain.identity.people import Actor
from services.domain.promotions.promotion import PromotionRequest
from services.domain.registry import VersionKey
from services.ledger.actions import Action
from services.ledger.subjects import version_subject
from services.ledger.tree.canonical import Json, digest
from services.ledger.tree.entry import Subject
from services.ports.time import Clock


@dataclass(frozen=True)
class _Read:
    """What was read. Different content has a different `digest` and so a separate entry."""

    action: Action
    subject: Subject
    digest: str
    request_id: str | None = None
    after: Json = None


class EvidenceReads:
    """Writes the ledger entries. A page runs often, but only its first run of the day writes."""

    def __init__(self, units: Units, clock: Clock) -> None:
        self._units = units
        self._clock = clock

    def note(self, actor: Actor, request: PromotionRequest) -> None:
        """Record that this person sees the evidence of this request."""
        sealed = request.evidence_digest
        after: Json = {"version": str(request.key)}
        self._once(actor, _Read(Action.EVIDENCE_VIEWED, Subject("evidence", sealed), sealed, request.id, after))

    def note_comparison(self, actor: Actor, keys: Sequence[VersionKey], tables: Sequence[str]) -> None:
        """Record that this person compares these versions, the baseline first; `tables`: their digests."""
        what = digest(["comparison", *map(str, keys), *tables])
        after: Json = {"detail": _named(keys[0], keys[1:]), "tables": list(tables)}
        self._once(actor, _Read(Action.VERSIONS_COMPARED, version_subject(keys[0]), what, after=after))

    def note_ranking(self, actor: Actor, current: VersionKey, environment: str, candidates: Sequence[str]) -> None:
        """Record that this person ranks these candidates against the live version."""
        what = digest(["ranking", str(current), environment, *candidates])
        after: Json = {"detail": f"{', '.join(candidates)} for {environment}"}
        self._once(actor, _Read(Action.CANDIDATES_RANKED, version_subject(current), what, after=after))

    def _once(self, actor: Actor, read: _Read) -> None:
        noted = (actor.person.id, read.digest, self._clock.now().date())
        with self._units.read() as unit:
            if unit.evidence_reads.is_noted(*noted):
                return
        with self._units.begin() as unit:
            if unit.evidence_reads.note(*noted):
                unit.ledger.append(actor, read.action, read.subject, request_id=read.request_id, after=read.after)


def _named(baseline: VersionKey, others: Sequence[VersionKey]) -> str:
    """``v6, v7``; of another model with its name."""
    return ", ".join(f"v{key.version}" if key.model == baseline.model else str(key) for key in others)
