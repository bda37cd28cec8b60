"""Changing the ledger's key: the new key lies on disk first, then a signed entry names it, then it becomes active.

A crash in between leaves ``<key file>.next``; `settle` looks into the ledger whether the rotation happened, and
finishes or forgets it. So no committed rotation ever names a key that is lost.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from services.errors import ConflictError, InvalidInputError
from services.ledger.actions import Action
from services.ledger.entry import Actor, LedgerEntry, Subject, instant
from services.ledger.keys import KeyRing, SigningKey, load_or_create, write_private
from services.ledger.note import VerifierKey
from services.ledger.reader import turning_points
from services.ledger.store import EntryFilter, EntryPage, LedgerArchive
from services.ledger.witnessing import Ledger, Transactions
from services.ledger.writer import AppendedEntry, Clock, append

MINIMUM_OVERLAP = timedelta(days=1)


def rotate(
    transactions: Transactions, key_file: Path, name: str, *, actor: Actor, clock: Clock, overlap: timedelta
) -> KeyRing:
    """Make a new key the active one; for `overlap` every checkpoint carries both signatures."""
    if overlap < MINIMUM_OVERLAP:
        raise InvalidInputError("The period with both signatures must be one day at least.")
    with transactions() as ledger:
        ring = settle(key_file, name, ledger)
    if ring.previous_until is not None and clock() < ring.previous_until:
        raise ConflictError("A key rotation is still under way.", hint=f"Wait until {ring.previous_until.isoformat()}.")
    new = ring.rotated(SigningKey.generate(name), clock() + overlap)
    write_private(_next(key_file), new.to_text())
    with transactions() as ledger:
        announce(ledger, new, actor=actor, clock=clock)
    _next(key_file).replace(key_file)
    return new


def announce(ledger: Ledger, new: KeyRing, *, actor: Actor, clock: Clock) -> AppendedEntry:
    """The entry that names the new key, under a checkpoint that both keys sign.

    Call it directly where keys come from a secret store: with the ring that the portals will have after the rotation.
    """
    if new.previous is None or new.previous_until is None:
        raise InvalidInputError("A rotation needs the previous key and the time until which it signs.")
    after = {
        "vkey": str(new.active.verifier),
        "retires": str(new.previous.verifier),
        "until": instant(new.previous_until),
    }
    subject = Subject("ledger_key", new.active.verifier.key_id.hex())
    action = Action.LEDGER_KEY_ROTATED
    return append(ledger, actor=actor, action=action, subject=subject, clock=clock, signer=new, after=dict(after))


def settle(key_file: Path, name: str, archive: LedgerArchive) -> KeyRing:
    """Load the ring (made when absent), finishing or forgetting a rotation that a crash cut short."""
    waiting = _next(key_file)
    if waiting.exists():
        ring = KeyRing.parse(name, waiting.read_text(encoding="ascii"))
        if _announced(archive, str(ring.active.verifier)):
            waiting.replace(key_file)
        else:
            waiting.unlink()
    return load_or_create(key_file, name)


def _announced(archive: LedgerArchive, vkey: str) -> bool:
    wanted = EntryFilter(action_prefix=Action.LEDGER_KEY_ROTATED)
    entries = [LedgerEntry.parse(stored.body) for stored in archive.page(wanted, EntryPage(limit=10))]
    return any(isinstance(entry.after, dict) and entry.after.get("vkey") == vkey for entry in entries)


def _next(key_file: Path) -> Path:
    return key_file.with_name(key_file.name + ".next")


def known_keys(ring: KeyRing, archive: LedgerArchive) -> list[VerifierKey]:
    """Every key that this ledger was ever signed with, oldest first: what the portal verifies its own ledger with.

    Retired keys are taken from the ledger itself, so this is for the portal; an auditor pins a key.
    """
    keys: list[VerifierKey] = []
    for seq in turning_points(archive, 2**62):
        row = archive.entry(seq)
        entry = LedgerEntry.parse(row.body) if row is not None else None
        if entry is not None and isinstance(entry.after, dict) and "retires" in entry.after:
            keys.append(VerifierKey.parse(str(entry.after["retires"])))
    known = [*keys, *([ring.previous.verifier] if ring.previous is not None else []), ring.active.verifier]
    return list(dict.fromkeys(known))
