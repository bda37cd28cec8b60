"""What the log records about itself: the keys that sign it, their periods, and its origins.

A verifier starts with pinned keys and follows the log's own entries. A key named by a rotation counts only after a
checkpoint that covers the rotation was signed by a key already trusted; a retired key counts only for checkpoints whose
last entry is not later than the end of the rotation's period. A restored backup goes on under a new origin, and the
entry that opens it names what witnesses had seen of the lost tail.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.errors import IntegrityError
from services.ledger.actions import Action
from services.ledger.tree.canonical import Json
from services.ledger.tree.entry import LedgerEntry
from services.ledger.tree.note import NoteError, SignedNote, VerifierKey, verify_note


@dataclass(frozen=True)
class LostTail:
    """The last state that a witness had seen of an origin that a restore ended."""

    origin: str
    size: int
    root: bytes


@dataclass
class LogHistory:
    """Takes the log's entries in order; checks checkpoints of the size reached."""

    origin: str
    trusted: list[VerifierKey]
    retired: dict[VerifierKey, str] = field(default_factory=dict)
    pending: list[VerifierKey] = field(default_factory=list)
    opened: dict[str, int] = field(default_factory=dict)
    """First entry of each origin after the first."""
    lost: dict[str, LostTail] = field(default_factory=dict)

    @classmethod
    def start(cls, keys: Sequence[VerifierKey]) -> LogHistory:
        """History of the log that the keys are named for; `IntegrityError` without a key."""
        if not keys:
            raise IntegrityError("Verification requires a pinned public key.")
        return cls(f"{keys[0].name}/1", list(keys))

    def learn(self, entry: LedgerEntry) -> None:
        """Process an entry about the log; others are ignored. `IntegrityError` for a malformed one."""
        if entry.action is Action.LEDGER_KEY_ROTATED:
            self._learn_key(entry)
        elif entry.action is Action.LEDGER_ORIGIN_OPENED:
            self._learn_origin(entry)

    def verify(self, note: SignedNote, at: str) -> None:
        """`NoteError` unless the note is of the origin reached, and signed by a key trusted at time `at`."""
        keys = [key for key in self.trusted if at <= self.retired.get(key, "9")]
        verify_note(note, keys, origin=self.origin)
        self.trusted += self.pending
        self.pending = []

    def verify_lost(self, note: SignedNote) -> None:
        """`IntegrityError` unless a note that this log does not contain lies in a tail declared lost."""
        checkpoint = note.checkpoint
        verify_note(note, self.trusted)
        tail = self.lost.get(checkpoint.origin)
        if tail is None or checkpoint.size > tail.size:
            raise IntegrityError(f"A witness holds a checkpoint of {checkpoint.size} entries; this log lacks them.")
        if checkpoint.size == tail.size and checkpoint.root != tail.root:
            raise IntegrityError(f"A witness's checkpoint of {checkpoint.size} entries is not the one declared lost.")

    def _learn_key(self, entry: LedgerEntry) -> None:
        after = _object(entry.after, entry.seq)
        self.pending.append(VerifierKey.parse(_text(after, "vkey", entry.seq)))
        self.retired[VerifierKey.parse(_text(after, "retires", entry.seq))] = _text(after, "until", entry.seq)

    def _learn_origin(self, entry: LedgerEntry) -> None:
        after = _object(entry.after, entry.seq)
        self.origin = _text(after, "origin", entry.seq)
        self.opened[self.origin] = entry.seq
        tails = after.get("last_witnessed")
        for tail in tails if isinstance(tails, list) else []:
            lost = _lost(_object(tail, entry.seq), entry.seq)
            self.lost[lost.origin] = lost


def _lost(tail: dict[str, Json], seq: int) -> LostTail:
    size = tail.get("size")
    if not isinstance(size, int):
        raise NoteError(f"Entry {seq} names no size.")
    return LostTail(_text(tail, "origin", seq), size, base64.b64decode(_text(tail, "root", seq)))


def _object(value: Json, seq: int) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise NoteError(f"Entry {seq} about the log is malformed.")
    return value


def _text(value: dict[str, Json], key: str, seq: int) -> str:
    text = value.get(key)
    if not isinstance(text, str):
        raise NoteError(f"Entry {seq} about the log names no {key}.")
    return text
