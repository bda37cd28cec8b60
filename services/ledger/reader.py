"""Reading the ledger: pages by filter, and proofs that need neither trust in the database nor the whole log.

Every proof is verified against the signed root before it is returned; a tampered store yields none.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from services.errors import IntegrityError, NotFoundError
from services.ledger.actions import Action
from services.ledger.store import EntryFilter, EntryPage, LedgerArchive, StoredEntry
from services.ledger.tree.entry import LedgerEntry
from services.ledger.tree.merkle import (
    Range,
    complete_subtrees,
    consistency_ranges,
    fold,
    inclusion_ranges,
    leaf_hash,
    prove,
    verify_consistency,
    verify_inclusion,
)
from services.ledger.tree.note import Checkpoint, parse_note

_PAGE = 500


@dataclass(frozen=True)
class ReadEntry:
    """An entry for people: always raw, parsed if possible; `problem` describes errors in the row."""

    seq: int
    body: str
    entry: LedgerEntry | None
    problem: str = ""


@dataclass(frozen=True)
class InclusionProof:
    """Entry `seq` is at index ``seq - 1`` under the checkpoint of `note`."""

    seq: int
    body: str
    hashes: tuple[bytes, ...]
    note: str

    def as_json(self) -> dict[str, object]:
        """Hashes in base64, leaf to root."""
        return {"seq": self.seq, "body": self.body, "proof": encode_hashes(self.hashes)}


@dataclass(frozen=True)
class ConsistencyProof:
    """The log of `new_note` extends the log of `old_note`."""

    old_note: str
    new_note: str
    hashes: tuple[bytes, ...]

    def as_json(self) -> dict[str, object]:
        """Hashes in base64."""
        return {"old": self.old_note, "new": self.new_note, "proof": encode_hashes(self.hashes)}


def page_entries(archive: LedgerArchive, wanted: EntryFilter, page: EntryPage) -> list[ReadEntry]:
    """Matching entries, newest first; continue with ``before_seq`` of the last one."""
    return [read_stored(stored) for stored in archive.page(wanted, page)]


def read_stored(stored: StoredEntry) -> ReadEntry:
    """Parse a row, and compare the columns that repeat parts of the body with it."""
    try:
        entry = LedgerEntry.parse(stored.body)
    except IntegrityError as error:
        return ReadEntry(stored.seq, stored.body, None, error.message)
    return ReadEntry(stored.seq, stored.body, entry, row_problem(stored, entry))


def row_problem(stored: StoredEntry, entry: LedgerEntry) -> str:
    """Differences between a row and its body; empty if none."""
    if entry.seq != stored.seq:
        return f"the row is number {stored.seq}, the entry says {entry.seq}"
    said = {
        "at": entry.at,
        "action": entry.action.value,
        "subject_type": entry.subject.type,
        "subject_id": entry.subject.id,
        "actor_id": entry.actor.id,
        "request_id": entry.request_id,
    }
    wrong = [name for name, value in stored.columns.items() if said[name] != value]
    return f"the row differs from the entry in {', '.join(wrong)}" if wrong else ""


def latest_checkpoint(archive: LedgerArchive) -> str:
    """The newest signed note; `NotFoundError` for an empty ledger."""
    head = archive.head()
    if head is None or head.size == 0:
        raise NotFoundError("The ledger has no entries yet.")
    return checkpoint_note(archive, head.size)


def checkpoint_note(archive: LedgerArchive, size: int) -> str:
    """The signed note of one size; `NotFoundError` if there is none."""
    note = archive.checkpoint(size)
    if note is None:
        raise NotFoundError(f"The ledger has no checkpoint of size {size}.")
    return note


def prove_inclusion(archive: LedgerArchive, seq: int, *, note: str | None = None) -> InclusionProof:
    """Proof of one entry under `note` (the latest checkpoint unless given).

    Raises `NotFoundError` for a missing entry, `IntegrityError` if rows do not lead to the signed root.
    """
    note = latest_checkpoint(archive) if note is None else note
    checkpoint, stored = parse_note(note).checkpoint, _stored(archive, seq)
    hashes = _prove(archive, inclusion_ranges(seq - 1, checkpoint.size))
    leaf = leaf_hash(stored.body.encode())
    verify_inclusion(leaf, seq - 1, checkpoint.size, hashes, root=checkpoint.root)
    return InclusionProof(seq, stored.body, tuple(hashes), note)


def prove_consistency(archive: LedgerArchive, old: int, new: int) -> ConsistencyProof:
    """Proof that the ledger of `new` entries extends that of `old` entries; errors as `prove_inclusion`."""
    old_note, new_note = checkpoint_note(archive, old), checkpoint_note(archive, new)
    hashes = _prove(archive, consistency_ranges(old, new))
    roots = [parse_note(note).checkpoint.root for note in (old_note, new_note)]
    verify_consistency(old, new, hashes, old_root=roots[0], new_root=roots[1])
    return ConsistencyProof(old_note, new_note, tuple(hashes))


def root_at(archive: LedgerArchive, size: int) -> bytes:
    """The root over the first `size` entries, from stored subtrees; `IntegrityError` if some are missing."""
    return _prove(archive, [(0, size)])[0]


def turning_points(archive: LedgerArchive, size: int) -> list[int]:
    """Numbers of the entries up to `size` that change the log's key or origin, in order."""
    found: list[int] = []
    for prefix in (Action.LEDGER_KEY_ROTATED, Action.LEDGER_ORIGIN_OPENED):
        page = archive.page(EntryFilter(action_prefix=prefix), EntryPage(limit=_PAGE))
        while page:
            found += [stored.seq for stored in page if stored.seq <= size]
            page = archive.page(EntryFilter(action_prefix=prefix), EntryPage(_PAGE, page[-1].seq))
    return sorted(found)


def extends(archive: LedgerArchive, checkpoint: Checkpoint) -> bool:
    """True if this ledger continues the checkpoint's log."""
    head = archive.head()
    return head is not None and head.size >= checkpoint.size and root_at(archive, checkpoint.size) == checkpoint.root


def encode_hashes(hashes: Sequence[bytes]) -> list[str]:
    """Hashes as base64 texts."""
    return [base64.b64encode(item).decode() for item in hashes]


def _prove(archive: LedgerArchive, ranges: Sequence[Range]) -> list[bytes]:
    wanted = {node for leaves in ranges for node in complete_subtrees(leaves)}
    found = archive.nodes(wanted) if wanted else {}
    if len(found) != len(wanted):
        raise IntegrityError("The proof cannot be built because rows of the ledger are missing. Verify the ledger.")
    return prove(ranges, found.__getitem__) if ranges != [(0, 0)] else [fold([])]


def _stored(archive: LedgerArchive, seq: int) -> StoredEntry:
    stored = archive.entry(seq)
    if stored is None:
        raise NotFoundError(f"The ledger has no entry {seq}.")
    return stored
