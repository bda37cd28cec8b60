"""Continuing after a restored backup.

A restored backup *is* a rollback: witnesses hold checkpoints that the database no longer has. So the log continues
under a new origin (``…/2``), in the same tree and with the same numbering, and the first entry under it names what
witnesses had last seen of the lost tail, the operator and the reason. Verifiers accept that loss only on request.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

from services.errors import ConflictError, IntegrityError, InvalidInputError
from services.ledger.actions import Action
from services.ledger.reader import root_at
from services.ledger.store import Head, LedgerArchive
from services.ledger.tree.canonical import Json
from services.ledger.tree.entry import Actor, Subject
from services.ledger.tree.note import Checkpoint, VerifierKey, parse_note, verify_note
from services.ledger.witnessing import Ledger, Witness
from services.ledger.writer import AppendedEntry, Clock, Signer, append_under

WitnessedTail = tuple[str, Checkpoint]
"""A witness's name and the last checkpoint that it holds of one origin."""


def witnessed_tails(origin: str, witnesses: Sequence[Witness], keys: Sequence[VerifierKey]) -> list[WitnessedTail]:
    """What witnesses last saw of `origin` and of any later one. Uses the network: call it before the transaction.

    Only notes signed by `keys` count; `NoteError` for others, for a witness with foreign notes must be inspected.
    """
    tails: list[WitnessedTail] = []
    for candidate in _origins_from(origin):
        notes = [(witness.name, witness.latest(candidate)) for witness in witnesses]
        found = [(name, _verified(note, keys)) for name, note in notes if note is not None]
        if not found and candidate != origin:
            return tails
        tails += found
    return tails  # pragma: no cover - the origins never end


def open_origin(
    ledger: Ledger,
    tails: Sequence[WitnessedTail],
    *,
    actor: Actor,
    reason: str,
    clock: Clock,
    signer: Signer,
) -> AppendedEntry:
    """Continue a restored ledger under the next origin; `tails` come from `witnessed_tails`.

    Raises `ConflictError` if nothing was lost, `IntegrityError` if the backup is not of the witnessed log.
    """
    if not reason.strip():
        raise InvalidInputError("A new origin requires a reason.", hint="Name the backup and why it was restored.")
    head = _restored_head(ledger)
    last = _largest(tails)
    _check_backup(ledger, head, last)
    origin = _next_origin(head.origin, last)
    after: Json = {
        "origin": origin,
        "previous_origin": head.origin,
        "restored_size": head.size,
        "last_witnessed": [_named(witness, checkpoint) for witness, checkpoint in last.values()],
    }
    return append_under(
        ledger,
        origin,
        actor=actor,
        action=Action.LEDGER_ORIGIN_OPENED,
        subject=Subject("ledger", origin),
        clock=clock,
        signer=signer,
        reason=reason,
        after=after,
    )


def _origins_from(origin: str) -> Iterator[str]:
    name, _, number = origin.rpartition("/")
    current = int(number)
    while True:
        yield f"{name}/{current}"
        current += 1


def _verified(note: str, keys: Sequence[VerifierKey]) -> Checkpoint:
    parsed = parse_note(note)
    verify_note(parsed, keys)
    return parsed.checkpoint


def _restored_head(ledger: LedgerArchive) -> Head:
    head = ledger.head()
    if head is None or head.size == 0:
        raise ConflictError(
            "This ledger is empty; there is no backup to continue from.", hint="Restore a backup first."
        )
    return head


def _largest(tails: Sequence[WitnessedTail]) -> dict[str, WitnessedTail]:
    largest: dict[str, WitnessedTail] = {}
    for witness, checkpoint in tails:
        known = largest.get(checkpoint.origin)
        if known is None or checkpoint.size > known[1].size:
            largest[checkpoint.origin] = (witness, checkpoint)
    return largest


def _check_backup(ledger: LedgerArchive, head: Head, last: dict[str, WitnessedTail]) -> None:
    """Witnesses must have seen an origin beyond the backup, or with different content."""
    for _, checkpoint in last.values():
        if checkpoint.size > head.size or checkpoint.origin != head.origin:
            return
        if root_at(ledger, checkpoint.size) != checkpoint.root:
            raise IntegrityError(
                "This backup does not belong to the log that the witnesses saw.",
                hint="Verify the ledger and find the right backup.",
            )
    raise ConflictError(
        "Nothing was lost: this ledger includes everything that witnesses saw.", hint="No new origin is needed."
    )


def _next_origin(origin: str, last: dict[str, WitnessedTail]) -> str:
    name, _, number = origin.rpartition("/")
    numbers = [int(number), *(int(taken.rpartition("/")[2]) for taken in last)]
    return f"{name}/{max(numbers) + 1}"


def _named(witness: str, checkpoint: Checkpoint) -> dict[str, Json]:
    return {
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": base64.b64encode(checkpoint.root).decode(),
        "witness": witness,
    }
