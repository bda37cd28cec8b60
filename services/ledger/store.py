"""What the ledger needs from a database. Every call works on the caller's open transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.ledger.personal import PersonalValue
from services.ledger.tree.entry import LedgerEntry
from services.ledger.tree.merkle import Frontier, NodeId


@dataclass(frozen=True)
class Head:
    """The one changing row: which log, and its frontier (with its size)."""

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
"""Number, body and nodes of an entry: as much as hashing needs, and as fast as it can be read."""


@dataclass(frozen=True)
class StoredReceipt:
    """What a witness answered for one checkpoint."""

    size: int
    witness: str
    receipt: str
    at: str


@dataclass(frozen=True)
class PersonalKey:
    """Where a kept personal value belongs: entry and field, and what that entry is about."""

    seq: int
    field: str
    subject_type: str
    subject_id: str
    request_id: str | None


@dataclass(frozen=True)
class EntryFilter:
    """Which entries; an empty filter means all. Times are `entry.instant` texts, `until` is not included.

    `actor`, `subject` and `model` are parts of names in any case of letters; the fields ending in `_id` are whole.
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
    """A window on the matching entries, newest first; `before_seq` continues a page, `skip` leaves some out."""

    limit: int = 50
    before_seq: int | None = None
    skip: int = 0


class LedgerStore(Protocol):
    """The writing side, inside the caller's transaction."""

    def advance(self, origin: str) -> Head:
        """Lock the head, add one to its size, and return it *as it was before*; `origin` opens an empty ledger."""

    def write(self, entry: LedgerEntry, body: str, *, nodes: bytes) -> None:
        """Insert one entry."""

    def finish(self, frontier: Frontier, note: str, *, origin: str) -> None:
        """Store the head's new frontier and origin, and the signed checkpoint of that size."""

    def keep_personal(self, values: Sequence[PersonalValue]) -> None:
        """Insert the values behind an entry's commitments."""

    def erase_personal(self, keys: Collection[tuple[int, str]]) -> list[tuple[int, str]]:
        """Delete values by entry number and field; returns what was there and is gone."""

    def keep_receipt(self, receipt: StoredReceipt) -> None:
        """Insert what a witness answered; the same receipt again changes nothing."""


class LedgerArchive(Protocol):
    """The reading side."""

    def head(self) -> Head | None:
        """The head, or None for a ledger that was never opened."""

    def entry(self, seq: int) -> StoredEntry | None:
        """One entry."""

    def page(self, wanted: EntryFilter, page: EntryPage) -> list[StoredEntry]:
        """Matching entries, newest first."""

    def count(self, wanted: EntryFilter) -> int:
        """How many entries match."""

    def stream(self, first: int, last: int) -> Iterator[StoredEntry]:
        """Entries `first` to `last` in order, fetched piece by piece."""

    def bare(self, first: int, last: int) -> Sequence[BareEntry]:
        """Entries `first` to `last` in order, at once; for pieces of a few thousand."""

    def nodes(self, wanted: Collection[NodeId]) -> Mapping[NodeId, bytes]:
        """Hashes of complete subtrees; those that are not there are absent."""

    def checkpoint(self, size: int) -> str | None:
        """The signed note of one size."""

    def checkpoints(self, first: int, last: int) -> Iterator[tuple[int, str]]:
        """Signed notes of sizes `first` to `last`, in order, fetched piece by piece."""

    def receipts(self, first: int, last: int) -> Iterator[StoredReceipt]:
        """Receipts for checkpoints of sizes `first` to `last`, in order, fetched piece by piece."""

    def last_receipts(self) -> list[StoredReceipt]:
        """Each witness's receipt for the largest size."""

    def personal(self, seqs: Collection[int]) -> list[PersonalValue]:
        """Kept personal values of these entries."""

    def personal_before(self, until: str, after: tuple[int, str], limit: int) -> list[PersonalKey]:
        """Kept values of entries older than `until`, in order, from beyond the key `after` on."""
