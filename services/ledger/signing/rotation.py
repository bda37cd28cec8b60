"""Rotating the ledger's key: the new key is saved first, then a signed entry names it, then it becomes active.

A crash in between leaves ``<key file>.next``; `settle` checks in the ledger whether the rotation happened, and
completes or discards it. So no committed rotation ever names a lost key. A lock beside the key file keeps a
starting portal from settling a rotation in progress.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from services.errors import ConflictError, InvalidInputError, SettingsError
from services.ledger.actions import Action
from services.ledger.reader import turning_points
from services.ledger.signing.keys import KeyRing, SigningKey, load_or_create, write_private
from services.ledger.store import EntryFilter, EntryPage, LedgerArchive
from services.ledger.tree.entry import Actor, LedgerEntry, Subject, instant
from services.ledger.tree.note import VerifierKey, parse_note
from services.ledger.witnessing import Ledger, Transactions
from services.ledger.writer import AppendedEntry, Clock, append

MINIMUM_OVERLAP = timedelta(days=1)


def rotate(
    transactions: Transactions, key_file: Path, name: str, *, actor: Actor, clock: Clock, overlap: timedelta
) -> KeyRing:
    """Make a new key the active one; for `overlap` every checkpoint carries both signatures."""
    if overlap < MINIMUM_OVERLAP:
        raise InvalidInputError("The period with both signatures must be at least one day.")
    with _locked(key_file):
        with transactions() as ledger:
            ring = _settle(key_file, name, ledger)
        if ring.previous_until is not None and clock() < ring.previous_until:
            raise ConflictError(
                "A key rotation is still in progress.", hint=f"Wait until {ring.previous_until.isoformat()}."
            )
        new = ring.rotated(SigningKey.generate(name), clock() + overlap)
        write_private(_next(key_file), new.to_text())
        with transactions() as ledger:
            announce(ledger, new, actor=actor, clock=clock)
        _next(key_file).replace(key_file)
    return new


def announce(ledger: Ledger, new: KeyRing, *, actor: Actor, clock: Clock) -> AppendedEntry:
    """The entry that names the new key, under a checkpoint that both keys sign.

    If keys come from a secret store, call it directly with the ring that the portals will have after the rotation.
    """
    if new.previous is None or new.previous_until is None:
        raise InvalidInputError("A rotation requires the previous key and the end of its period.")
    after = {
        "vkey": str(new.active.verifier),
        "retires": str(new.previous.verifier),
        "until": instant(new.previous_until),
    }
    subject = Subject("ledger_key", new.active.verifier.key_id.hex())
    action = Action.LEDGER_KEY_ROTATED
    return append(ledger, actor=actor, action=action, subject=subject, clock=clock, signer=new, after=dict(after))


def announce_new(ledger: Ledger, ring: KeyRing, *, actor: Actor, clock: Clock) -> None:
    """`announce` a ring that came from a secret store, unless the ledger already names its key or is empty."""
    head = ledger.head()
    is_new = ring.previous is not None and not _announced(ledger, str(ring.active.verifier))
    if is_new and head is not None and head.size:
        announce(ledger, ring, actor=actor, clock=clock)


def settle(key_file: Path, name: str, archive: LedgerArchive) -> KeyRing:
    """Load the ring (created if missing), completing or discarding a rotation that a crash interrupted."""
    with _locked(key_file):
        return _settle(key_file, name, archive)


def demand_signer(archive: LedgerArchive, ring: KeyRing) -> None:
    """`SettingsError` if this ring did not sign the newest checkpoint."""
    head = archive.head()
    note = archive.checkpoint(head.size) if head is not None else None
    if note is None:
        return
    signed = {signature.key_id for signature in parse_note(note).signatures}
    if not signed & {key.verifier.key_id for key in (ring.active, ring.previous) if key is not None}:
        raise SettingsError(
            "The ledger's key did not sign the newest checkpoint.",
            hint="Restore the right key. To change it, use countersign ledger rotate-key.",
        )


def _settle(key_file: Path, name: str, archive: LedgerArchive) -> KeyRing:
    head = archive.head()
    if head is not None and head.size and not key_file.exists():
        raise SettingsError(
            f"The ledger's key file {key_file.name} is missing, but it has signed {head.size} entries.",
            hint="Restore the key from its backup; a new key would look like an attack.",
        )
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


@contextmanager
def _locked(key_file: Path) -> Iterator[None]:
    key_file.parent.mkdir(parents=True, exist_ok=True)
    with key_file.with_name(key_file.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def known_keys(ring: KeyRing, archive: LedgerArchive) -> list[VerifierKey]:
    """Every key that ever signed this ledger, oldest first; the portal verifies its ledger with these.

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
