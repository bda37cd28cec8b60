"""The ledger's storage interface. Every call uses the caller's open transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.ledger.personal import PersonalValue
from services.ledger.tree.entry import LedgerEntry
from services.ledger.tree.merkle import Frontier, NodeId


@dataclass(frozen=True)
class Head:
    """The only row that changes: the log's origin, and its frontier (with its size)."""

    origin: str
    frontier: Frontier

    @property
    def size(self) -> int:
        """Number of entries."""
        return self.frontier.size


@dataclass(frozen=True)
class StoredEntry:
    """An entry as a row: the body as hashed, and the columns that repeat parts of it for searching."""

    seq: int
    body: str
    columns: Mapping[str, str | None]
    nodes: bytes
    """Hashes of the subtrees that this entry completed, leaf first, 32 bytes each."""


BareEntry = tuple[int, str, bytes]
"""Number, body and nodes of an entry: just enough for hashing, for fast reads."""


@dataclass(frozen=True)
class StoredReceipt:
    """A witness's answer for one checkpoint."""

    size: int
    witness: str
    receipt: str
    at: str


@dataclass(frozen=True)
class PersonalKey:
    """Key of a stored personal value: entry and field, with the entry's subject."""

    seq: int
    field: str
    subject_type: str
    subject_id: str
    request_id: str | None


@dataclass(frozen=True)
class EntryFilter:
    """Which entries; an empty filter means all. Times are `entry.instant` texts, `until` is not included.

    `actor`, `subject` and `model` match parts of names, ignoring case; the fields ending in `_id` match exactly.
    """

    action_prefix: str = ""
    subject_type: str | None = None
    subject_id: str | None = None
    actor_id: str | None = None
    request_id: str | None = None
    since: str | None = None
    until: str | None = None
    actor: str = ""
    subject: str = ""
    model: str = ""


@dataclass(frozen=True)
class EntryPage:
    """A window on the matching entries, newest first; `before_seq` continues a page, `skip` omits entries."""

    limit: int = 50
    before_seq: int | None = None
    skip: int = 0


class LedgerStore(Protocol):
    """The writing side, inside the caller's transaction."""

    def advance(self, origin: str) -> Head:
        """Lock the head, increment its size, and return the *previous* head; `origin` opens an empty ledger."""

    def write(self, entry: LedgerEntry, body: str, *, nodes: bytes) -> None:
        """Insert one entry."""

    def finish(self, frontier: Frontier, note: str, *, origin: str) -> None:
        """Store the head's new frontier and origin, and the signed checkpoint of that size."""

    def keep_personal(self, values: Sequence[PersonalValue]) -> None:
        """Insert the values behind an entry's commitments."""

    def erase_personal(self, keys: Collection[tuple[int, str]]) -> list[tuple[int, str]]:
        """Delete values by entry number and field; returns those that were deleted."""

    def keep_receipt(self, receipt: StoredReceipt) -> None:
        """Insert a witness's answer; a duplicate receipt changes nothing."""


class LedgerArchive(Protocol):
    """The reading side."""

    def head(self) -> Head | None:
        """The head, or None for a ledger that was never opened."""

    def entry(self, seq: int) -> StoredEntry | None:
        """One entry."""

    def page(self, wanted: EntryFilter, page: EntryPage) -> list[StoredEntry]:
        """Matching entries, newest first."""

    def count(self, wanted: EntryFilter) -> int:
        """The number of matching entries."""

    def stream(self, first: int, last: int) -> Iterator[StoredEntry]:
        """Entries `first` to `last` in order, fetched in chunks."""

    def bare(self, first: int, last: int) -> Sequence[BareEntry]:
        """Entries `first` to `last` in order, at once; for chunks of a few thousand."""

    def nodes(self, wanted: Collection[NodeId]) -> Mapping[NodeId, bytes]:
        """Hashes of complete subtrees; missing ones are omitted."""

    def checkpoint(self, size: int) -> str | None:
        """The signed note of one size."""

    def checkpoints(self, first: int, last: int) -> Iterator[tuple[int, str]]:
        """Signed notes of sizes `first` to `last`, in order, fetched in chunks."""

    def receipts(self, first: int, last: int) -> Iterator[StoredReceipt]:
        """Receipts for checkpoints of sizes `first` to `last`, in order, fetched in chunks."""

    def last_receipts(self) -> list[StoredReceipt]:
        """Each witness's receipt for the largest size."""

    def personal(self, seqs: Collection[int]) -> list[PersonalValue]:
        """Stored personal values of these entries."""

    def personal_before(self, until: str, after: tuple[int, str], limit: int) -> list[PersonalKey]:
        """Stored values of entries older than `until`, in order, after the key `after`."""
