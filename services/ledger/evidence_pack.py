"""The evidence pack of one promotion request: its entries, each with a proof under one checkpoint.

A pack is one JSON object. `tools/verify_ledger.py` verifies it offline against the pinned key, and finds its checkpoint
in the witness's copy. It proves that these entries are in the log; that no other entry of the request is omitted can
only be verified with a complete export.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.errors import NotFoundError
from services.ledger.reader import InclusionProof, checkpoint_note, encode_hashes, latest_checkpoint, prove_inclusion
from services.ledger.store import EntryFilter, EntryPage, LedgerArchive, StoredEntry, StoredReceipt
from services.ledger.tree.canonical import Json
from services.ledger.tree.note import VerifierKey, parse_note
from services.ledger.witnessing import witnessed_up_to

FORMAT = 1
_PAGE = 500


@dataclass(frozen=True)
class EvidencePack:
    """Proven entries of a request. `is_witnessed` says whether a witness has seen the checkpoint."""

    request_id: str
    note: str
    entries: tuple[InclusionProof, ...]
    receipts: tuple[StoredReceipt, ...]
    keys: tuple[VerifierKey, ...]

    @property
    def is_witnessed(self) -> bool:
        """True if at least one witness confirmed exactly this checkpoint."""
        return bool(self.receipts)

    def as_json(self) -> dict[str, Json]:
        """The pack as a JSON value."""
        entries: list[Json] = [
            {"seq": proof.seq, "body": proof.body, "proof": list[Json](encode_hashes(proof.hashes))}
            for proof in self.entries
        ]
        receipts: list[Json] = [
            {"witness": r.witness, "size": r.size, "at": r.at, "receipt": r.receipt} for r in self.receipts
        ]
        return {
            "countersign_evidence_pack": FORMAT,
            "request_id": self.request_id,
            "vkey": [str(key) for key in self.keys],
            "checkpoint": self.note,
            "entries": entries,
            "receipts": receipts,
        }


def evidence_pack(archive: LedgerArchive, request_id: str, keys: tuple[VerifierKey, ...]) -> EvidencePack:
    """All entries of a promotion request under the newest witnessed checkpoint, or the newest one if that lacks some.

    `NotFoundError` if the ledger has no entry of the request.
    """
    rows = _rows(archive, request_id)
    if not rows:
        raise NotFoundError(f"The ledger has no entries of promotion request {request_id}.")
    witnessed = witnessed_up_to(archive)
    covered = witnessed >= rows[-1].seq
    note = checkpoint_note(archive, witnessed) if covered else latest_checkpoint(archive)
    size = parse_note(note).checkpoint.size
    receipts = tuple(archive.receipts(size, size))
    proofs = tuple(prove_inclusion(archive, row.seq, note=note) for row in rows)
    return EvidencePack(request_id, note, proofs, receipts, keys)


def _rows(archive: LedgerArchive, request_id: str) -> list[StoredEntry]:
    """Entries that belong to the request or are about it, oldest first."""
    about = EntryFilter(subject_type="promotion_request", subject_id=request_id)
    found: dict[int, StoredEntry] = {}
    for wanted in (EntryFilter(request_id=request_id), about):
        page = archive.page(wanted, EntryPage(_PAGE))
        while page:
            found |= {row.seq: row for row in page}
            page = archive.page(wanted, EntryPage(_PAGE, page[-1].seq))
    return [found[seq] for seq in sorted(found)]
