"""Retention, erasure and legal holds.

Entries, checkpoints and receipts are never deleted: they are the proof, and contain no personal values but the names of
the actors. Only side data, the values behind commitments, can be deleted; the entry keeps the commitment.

- Retention deletes values older than the rule; the rule's minimum is six months (EU AI Act, articles 19 and 26(6)).
- An erasure on request deletes named values of any age and records why.
- A legal hold on a promotion request, on a subject, or on everything stops both. Holds are entries themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.errors import InvalidInputError, RefusedError, SettingsError
from services.ledger.actions import Action
from services.ledger.store import EntryFilter, EntryPage, LedgerArchive, PersonalKey
from services.ledger.tree.canonical import Json
from services.ledger.tree.entry import Actor, LedgerEntry, Subject, instant
from services.ledger.witnessing import Ledger
from services.ledger.writer import AppendedEntry, Clock, Signer, append

FLOOR = timedelta(days=184)
"""The longest possible six months."""
BATCH = 500
EVERYTHING = Subject("ledger", "everything")


@dataclass(frozen=True)
class RetentionRule:
    """How long personal side data is kept."""

    keep: timedelta

    def __post_init__(self) -> None:
        if self.keep < FLOOR:
            raise SettingsError(
                f"Retention must be at least {FLOOR.days} days, not {self.keep.days}.",
                hint="Logs of high-risk AI systems must be kept for at least six months.",
            )


def place_hold(
    store: Ledger, subject: Subject, *, actor: Actor, reason: str, clock: Clock, signer: Signer
) -> AppendedEntry:
    """Stop retention and erasure for `subject`, or for all with `EVERYTHING`."""
    return append(
        store,
        actor=actor,
        action=Action.LEDGER_HOLD_PLACED,
        subject=subject,
        clock=clock,
        signer=signer,
        reason=_needed(reason),
    )


def lift_hold(
    store: Ledger, subject: Subject, *, actor: Actor, reason: str, clock: Clock, signer: Signer
) -> AppendedEntry:
    """End a hold; `RefusedError` if there is none."""
    if subject not in active_holds(store):
        raise RefusedError(f"There is no legal hold on {subject.type} {subject.id}.")
    return append(
        store,
        actor=actor,
        action=Action.LEDGER_HOLD_LIFTED,
        subject=subject,
        clock=clock,
        signer=signer,
        reason=_needed(reason),
    )


def active_holds(archive: LedgerArchive) -> frozenset[Subject]:
    """Subjects on hold, from the ledger's own entries."""
    entries: list[LedgerEntry] = []
    page = archive.page(EntryFilter(action_prefix="ledger:hold:"), EntryPage(BATCH))
    while page:
        entries += [LedgerEntry.parse(stored.body) for stored in page]
        page = archive.page(EntryFilter(action_prefix="ledger:hold:"), EntryPage(BATCH, page[-1].seq))
    held: set[Subject] = set()
    for entry in reversed(entries):
        (held.add if entry.action is Action.LEDGER_HOLD_PLACED else held.discard)(entry.subject)
    return frozenset(held)


def erase(
    store: Ledger, keys: Collection[tuple[int, str]], *, actor: Actor, reason: str, clock: Clock, signer: Signer
) -> AppendedEntry:
    """Erase named values (entry number and field) on request, and record it in the ledger.

    `RefusedError` under a legal hold, `InvalidInputError` if one of them does not exist (any longer).
    """
    _refuse_held(store, keys)
    gone = store.erase_personal(keys)
    if missing := sorted(set(keys) - set(gone)):
        raise InvalidInputError(f"There is no personal value {missing[0][1]!r} of entry {missing[0][0]} to erase.")
    after: Json = {"erased": [[seq, field] for seq, field in gone]}
    return append(
        store,
        actor=actor,
        action=Action.LEDGER_PERSONAL_ERASED,
        subject=Subject("ledger", "personal"),
        clock=clock,
        signer=signer,
        reason=_needed(reason),
        after=after,
    )


def apply_retention(
    store: Ledger, rule: RetentionRule, *, actor: Actor, clock: Clock, signer: Signer
) -> AppendedEntry | None:
    """Delete up to `BATCH` values that are older than the rule and not on hold; None if there are none.

    Call it repeatedly, each time in a separate transaction, until it returns None.
    """
    until = instant(clock() - rule.keep)
    due = _due(store, until, active_holds(store))
    if not due:
        return None
    gone = store.erase_personal(due)
    after: Json = {"older_than": until, "erased": [[seq, field] for seq, field in gone]}
    return append(
        store,
        actor=actor,
        action=Action.RETENTION_APPLIED,
        subject=Subject("ledger", "personal"),
        clock=clock,
        signer=signer,
        after=after,
    )


def _due(archive: LedgerArchive, until: str, holds: frozenset[Subject]) -> list[tuple[int, str]]:
    due: list[tuple[int, str]] = []
    position = (0, "")
    while len(due) < BATCH and EVERYTHING not in holds:
        page = archive.personal_before(until, position, BATCH)
        if not page:
            break
        due += [(key.seq, key.field) for key in page if not _held(key, holds)]
        position = (page[-1].seq, page[-1].field)
    return due[:BATCH]


def _held(key: PersonalKey, holds: frozenset[Subject]) -> bool:
    subjects = {Subject(key.subject_type, key.subject_id), Subject("promotion_request", key.request_id or "-")}
    return bool(subjects & holds)


def _refuse_held(store: Ledger, keys: Collection[tuple[int, str]]) -> None:
    holds = active_holds(store)
    for entry in _entries(store, sorted({seq for seq, _ in keys})):
        key = PersonalKey(entry.seq, "", entry.subject.type, entry.subject.id, entry.request_id)
        if EVERYTHING in holds or _held(key, holds):
            raise RefusedError(
                f"Entry {entry.seq} is under a legal hold, so its values cannot be erased.", hint="Lift the hold first."
            )


def _entries(store: Ledger, seqs: Sequence[int]) -> list[LedgerEntry]:
    rows = [store.entry(seq) for seq in seqs]
    return [LedgerEntry.parse(row.body) for row in rows if row is not None]


def _needed(reason: str) -> str:
    if not reason.strip():
        raise InvalidInputError("A reason is required; the ledger records it.")
    return reason
