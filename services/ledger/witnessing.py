"""Witnesses keep copies of checkpoints outside the portal; the portal detects when they go silent.

A signature proves who wrote the log, not that there is only one log. Only a copy beyond the portal's reach reveals a
truncated or rewritten tail, so entries that no witness has seen are exposed; `witnessed_up_to` returns the limit.

Rules:
- a witness keeps every note it accepted and refuses one that does not extend the last of the same origin;
- publishing uses the network: it runs in the worker, never inside a transaction;
- before publishing, the portal compares the witness's last note with its own rows: this detects a restored backup;
- a witness that lost what it confirmed is refused, not refilled: an unmounted share looks empty.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from services.errors import IntegrityError
from services.ledger.actions import Action
from services.ledger.reader import extends, latest_checkpoint
from services.ledger.store import EntryFilter, EntryPage, LedgerArchive, LedgerStore, StoredReceipt
from services.ledger.tree.canonical import canonical_text
from services.ledger.tree.entry import Actor, LedgerEntry, Subject, instant
from services.ledger.tree.note import Checkpoint, parse_note, split_notes
from services.ledger.writer import AppendedEntry, Clock, Signer, append

PUBLISH_ATTEMPTS = 3


class WitnessRefusedError(IntegrityError):
    """The checkpoint does not extend what the witness holds."""

    code = "witness_refused"
    hint = "If a backup was restored, open a new origin. Otherwise verify the ledger immediately."


@dataclass(frozen=True)
class Receipt:
    """A witness's answer: it keeps the checkpoint of `size` entries since `at`; `reference` is where."""

    witness: str
    size: int
    at: datetime
    reference: str


class Witness(Protocol):
    """A store of checkpoints outside the portal. Failures are `UpstreamError`s and may be retried."""

    @property
    def name(self) -> str:
        """A short name for people."""

    def publish(self, note: str) -> Receipt:
        """Store a note unless it is already stored; `WitnessRefusedError` if it does not extend the last."""

    def latest(self, origin: str) -> str | None:
        """The last note kept of an origin."""

    def all(self, origin: str) -> Sequence[str]:
        """Every note kept of an origin, oldest first."""


class Ledger(LedgerStore, LedgerArchive, Protocol):
    """Both sides of a store."""


Transactions = Callable[[], AbstractContextManager[Ledger]]
"""Opens a short transaction, committed if the block succeeds."""


def is_kept(last: str | None, note: str) -> bool:
    """False if `note` extends `last`, True if it is already stored; else `WitnessRefusedError`."""
    if last is None:
        return False
    held, offered = parse_note(last).checkpoint, parse_note(note).checkpoint
    if held == offered:
        return True
    if offered.size <= held.size:
        what = "another root for the same size" if offered.size == held.size else "a shorter log"
        raise WitnessRefusedError(
            f"The witness holds a checkpoint of {held.size} entries of {held.origin}; {what} was offered."
        )
    return False


def notes_of(text: str, origin: str) -> list[str]:
    """The notes of one origin in a witness's file."""
    return [note for note in split_notes(text) if note.partition("\n")[0] == origin]


def publish_head(transactions: Transactions, witness: Witness, clock: Clock) -> Receipt | None:
    """Offer the newest checkpoint to one witness and record the receipt; None for an empty ledger.

    Raises `WitnessRefusedError` if this ledger does not continue the witness's history.
    """
    for _ in range(PUBLISH_ATTEMPTS - 1):
        try:
            return _publish_head(transactions, witness, clock)
        except WitnessRefusedError:
            # Another replica may have published a newer checkpoint in between: read again before deciding.
            continue
    return _publish_head(transactions, witness, clock)


def _publish_head(transactions: Transactions, witness: Witness, clock: Clock) -> Receipt | None:
    with transactions() as ledger:
        head = ledger.head()
    if head is None:
        return None
    held = witness.latest(head.origin)
    with transactions() as ledger:
        demand_agreement(ledger, held, witness.name)
        newest = latest_checkpoint(ledger)
    receipt = witness.publish(newest)
    with transactions() as ledger:
        ledger.keep_receipt(stored_receipt(receipt, clock()))
    return receipt


def demand_agreement(ledger: LedgerArchive, held: str | None, name: str) -> None:
    """`WitnessRefusedError` if a witness's last note contradicts this ledger, or is behind its confirmations."""
    checkpoint = None if held is None else parse_note(held).checkpoint
    if checkpoint is not None and not extends(ledger, checkpoint):
        raise WitnessRefusedError(
            f"Witness {name} holds a checkpoint of {checkpoint.size} entries that this ledger does not continue."
        )
    confirmed, size = _confirmed(ledger, name), 0 if checkpoint is None else checkpoint.size
    if size < confirmed:
        still = f"only {size}" if size else "none"
        raise WitnessRefusedError(
            f"Witness {name} confirmed {counted(confirmed)} but now holds {still} of them.",
            hint="Restore its copy: check that its share is mounted and its address is right. If the copy is lost, "
            "see docs/ledger.md.",
        )


def counted(entries: int) -> str:
    """``1 entry``, ``7 entries``."""
    return f"{entries:,} {'entry' if entries == 1 else 'entries'}"


def _confirmed(archive: LedgerArchive, name: str) -> int:
    """Entries that a witness has confirmed under the log's current origin; 0 if the origin is newer."""
    opened = archive.page(EntryFilter(action_prefix=Action.LEDGER_ORIGIN_OPENED), EntryPage(limit=1))
    seen = seen_by(archive, name)
    return seen if not opened or seen >= opened[0].seq else 0


def stored_receipt(receipt: Receipt, now: datetime) -> StoredReceipt:
    """The receipt as a row; `at` of the row is the portal's time; the witness's time is in the receipt."""
    text = canonical_text({"at": instant(receipt.at), "reference": receipt.reference, "witness": receipt.witness})
    return StoredReceipt(receipt.size, receipt.witness, text, instant(now))


def witnessed_up_to(archive: LedgerArchive, needed: int = 1, *, names: Collection[str] | None = None) -> int:
    """Entries that at least `needed` witnesses (of `names`) have seen; 0 if fewer have ever answered."""
    counted = [r for r in archive.last_receipts() if names is None or r.witness in names]
    sizes = sorted((receipt.size for receipt in counted), reverse=True)
    return sizes[needed - 1] if 0 < needed <= len(sizes) else 0


def seen_by(archive: LedgerArchive, witness: str) -> int:
    """Entries that one witness has seen."""
    return witnessed_up_to(archive, names={witness})


def unseen_since(archive: LedgerArchive, witness: str) -> datetime | None:
    """Time of the oldest entry that a witness has not seen; None when it has seen all."""
    stored = archive.entry(seen_by(archive, witness) + 1)
    return None if stored is None else LedgerEntry.parse(stored.body).time


class Freshness(StrEnum):
    """Whether a witness has recently seen a checkpoint."""

    FRESH = "fresh"
    LATE = "late"
    SILENT = "silent"


def freshness(now: datetime, last_seen: datetime | None, interval: timedelta) -> Freshness:
    """FRESH up to one heartbeat `interval` after that time, LATE up to two, then SILENT: raise an incident."""
    if last_seen is None or now - last_seen > 2 * interval:
        return Freshness.SILENT
    return Freshness.FRESH if now - last_seen <= interval else Freshness.LATE


def heartbeat_due(now: datetime, last_entry: datetime | None, interval: timedelta) -> bool:
    """True if nothing was appended for an interval, so witnesses would get no new checkpoint."""
    return last_entry is None or now - last_entry >= interval


def beat(store: Ledger, interval: timedelta, *, actor: Actor, clock: Clock, signer: Signer) -> AppendedEntry | None:
    """Append a heartbeat if one is due."""
    head = store.head()
    stored = store.entry(head.size) if head is not None else None
    last = LedgerEntry.parse(stored.body).time if stored is not None else None
    if not heartbeat_due(clock(), last, interval):
        return None
    subject = Subject("ledger", head.origin if head is not None else signer.name)
    return append(store, actor=actor, action=Action.LEDGER_HEARTBEAT, subject=subject, clock=clock, signer=signer)


def checkpoint_of(note: str) -> Checkpoint:
    """The checkpoint inside a note."""
    return parse_note(note).checkpoint
