"""What ledger and sealed documents record about the promotion that made a version live."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.database.unit import Unit
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.requests import glass_broken, standing_signatures
from services.domain.why.live_history import Spell
from services.errors import IntegrityError, NotFoundError
from services.ledger.actions import Action
from services.ledger.reader import page_entries
from services.ledger.store import EntryFilter, EntryPage
from services.ledger.tree.entry import LedgerEntry
from services.promotions.sealed.evidence import SealedEvidence

ENTRIES = 1000
SEALS = (Action.REQUEST_OPENED, Action.REQUEST_SEALED)
GLASS = "by broken glass"


@dataclass(frozen=True)
class GivenReason:
    """Why somebody asked for the promotion, signed it, or broke the glass, in their own words."""

    person: str
    did: str
    """What they did, in words that follow the name: ``approved``."""
    reason: str
    """Empty where they gave none."""
    seq: int
    """The ledger entry that holds it."""


@dataclass(frozen=True)
class Promotion:
    """One promotion: signed by whom on which plan and evidence. Documents are used only when their digest holds.

    Whoever broke the glass for it is listed last among the approvers, marked with `GLASS`: that is not a signature.
    """

    request_id: str
    plan_digest: str
    evidence_digest: str
    seal_seq: int
    approvers: tuple[str, ...]
    approver_ids: tuple[str, ...]
    approval_seqs: tuple[int, ...]
    approvers_in_table: tuple[str, ...] = ()
    plan: Mapping[str, Any] = field(default_factory=dict)
    evidence: SealedEvidence | None = None
    request: PromotionRequest | None = None
    problems: tuple[str, ...] = ()
    reasons: tuple[GivenReason, ...] = ()
    """From the requester, then from everyone who signed exactly this plan, as the ledger has them."""


def read_promotion(unit: Unit, spell: Spell | None) -> Promotion | None:
    """The promotion behind a spell, or None where the ledger knows of none."""
    if spell is None or not spell.request_id:
        return None
    entries = _entries(unit, spell.request_id)
    digest = spell.plan_digest or next((e.plan_digest or "" for e in reversed(entries)), "")
    seal = next((e for e in reversed(entries) if e.action in SEALS and e.plan_digest == digest), None)
    named = seal.after if seal and isinstance(seal.after, dict) else {}
    approvals = _standing(entries, digest, Action.DECISION_APPROVED)
    glass = _glass(entries, digest)
    problems: list[str] = []
    evidence_digest = str(named.get("evidence") or "")
    request = _request(unit, spell.request_id, problems)
    return Promotion(
        request_id=spell.request_id,
        plan_digest=digest,
        evidence_digest=evidence_digest,
        seal_seq=seal.seq if seal else 0,
        approvers=(*(e.actor.name for e in approvals), *(f"{e.actor.name} {GLASS}" for e in glass)),
        approver_ids=tuple(e.actor.id for e in (*approvals, *glass)),
        approval_seqs=tuple(e.seq for e in (*approvals, *glass)),
        approvers_in_table=_table_approvers(unit, spell.request_id, digest),
        plan=_document(unit, digest, "plan", problems),
        evidence=_evidence(unit, evidence_digest, problems),
        request=request,
        problems=tuple(problems),
        reasons=_reasons(entries, (*_standing(entries, digest, Action.DECISION_REVIEWED), *approvals, *glass)),
    )


_DID = {
    Action.REQUEST_OPENED: "requested the promotion",
    Action.DECISION_REVIEWED: "signed as reviewed",
    Action.DECISION_APPROVED: "approved",
    Action.BREAK_GLASS_USED: "promoted it without signatures (broke glass)",
}


def _reasons(entries: Sequence[LedgerEntry], signed: Sequence[LedgerEntry]) -> tuple[GivenReason, ...]:
    opened = [entry for entry in entries if entry.action is Action.REQUEST_OPENED]
    told = (*opened, *sorted(signed, key=lambda entry: entry.seq))
    return tuple(GivenReason(e.actor.name, _DID[e.action], (e.reason or "").strip(), e.seq) for e in told)


def _entries(unit: Unit, request_id: str) -> list[LedgerEntry]:
    """All readable entries of a request, oldest first."""
    found = page_entries(unit.archive, EntryFilter(request_id=request_id), EntryPage(limit=ENTRIES))
    return [read.entry for read in reversed(found) if read.entry is not None]


def _standing(entries: Sequence[LedgerEntry], digest: str, kind: Action) -> list[LedgerEntry]:
    """Valid signatures on exactly this plan: one per person, and none made before a later seal of another plan."""
    signed: dict[str, LedgerEntry] = {}
    for entry in entries:
        if entry.action is kind and entry.plan_digest == digest:
            signed[entry.actor.id] = entry
        elif entry.action is Action.DECISION_WITHDRAWN:
            signed.pop(entry.actor.id, None)
        elif entry.action in {*SEALS, Action.REQUEST_SUSPENDED}:
            signed.clear()
    return list(signed.values())


def _glass(entries: Sequence[LedgerEntry], digest: str) -> list[LedgerEntry]:
    """The last emergency promotion of exactly this plan, if there is one."""
    return [e for e in entries if e.action is Action.BREAK_GLASS_USED and e.plan_digest == digest][-1:]


def _request(unit: Unit, request_id: str, problems: list[str]) -> PromotionRequest | None:
    try:
        return unit.requests.get(request_id)
    except NotFoundError:
        problems.append(f"Request {request_id} is in the ledger and not in the portal's tables.")
        return None


def _table_approvers(unit: Unit, request_id: str, digest: str) -> tuple[str, ...]:
    decisions = unit.requests.decisions(request_id)
    names = [d.person.name for d in standing_signatures(decisions, digest).values()]
    broken = glass_broken(decisions, digest)
    return (*names, *([f"{broken.person.name} {GLASS}"] if broken else ()))


def _evidence(unit: Unit, digest: str, problems: list[str]) -> SealedEvidence | None:
    document = _document(unit, digest, "evidence", problems)
    try:
        return SealedEvidence.from_json(document) if document else None
    except IntegrityError as error:
        problems.append(f"{error.message} It is not used.")
        return None


def _document(unit: Unit, digest: str, kind: str, problems: list[str]) -> Mapping[str, Any]:
    """A sealed document; empty, with the problem reported, when it is missing or is not the one that was sealed."""
    if not digest:
        return {}
    try:
        body = unit.requests.document(digest)
    except NotFoundError:
        problems.append(f"The sealed {kind} {digest[:19]} is no longer kept.")
        return {}
    if f"sha256:{hashlib.sha256(body.encode()).hexdigest()}" != digest:
        problems.append(f"The kept {kind} is not the one that was sealed as {digest[:19]}; it is not used.")
        return {}
    value = json.loads(body)
    return value if isinstance(value, dict) else {}
