"""C2SP signed notes and checkpoints (c2sp.org/signed-note, c2sp.org/tlog-checkpoint), Ed25519 signatures.

    countersign.example/ledger/1        origin: which log
    421                                 size: how many entries
    Zm9v…=                              root, base64
                                        (empty line)
    — countersign.example/ledger a1b2…= one line a signature: key name, base64(key id || signature)

Rules:
- the signed text is the three lines with their newlines; a checkpoint of ours has no extension lines;
- a key is known by name and key id: the first 4 bytes of ``SHA-256(name || 0x0A || 0x01 || public key)``;
- signatures of unknown keys are ignored, a bad signature of a known key invalidates the note;
- malformed text raises `NoteError`, never a bare ValueError.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.errors import IntegrityError
from services.ledger.tree.merkle import HASH_BYTES

ED25519 = b"\x01"
KEY_ID_BYTES = 4
_SIGNATURE_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_KEY_NAME = re.compile(r"[^\s+]{1,200}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")


class NoteError(IntegrityError):
    """A checkpoint is malformed or its signature is invalid."""

    code = "note"


@dataclass(frozen=True)
class Checkpoint:
    """What is signed: the log's origin, its number of entries, and the root over them (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The signed text, three lines."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True)
class Signature:
    """One signature line: who (name and key id) and the raw 64 bytes."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """The line as written in a note, without newline."""
        return f"— {self.name} {base64.b64encode(self.key_id + self.signature).decode()}"


@dataclass(frozen=True)
class SignedNote:
    """A checkpoint with its signatures."""

    checkpoint: Checkpoint
    signatures: tuple[Signature, ...]

    def text(self) -> str:
        """The whole note, ending in a newline."""
        lines = "".join(signature.line() + "\n" for signature in self.signatures)
        return f"{self.checkpoint.text()}\n{lines}"


@dataclass(frozen=True)
class VerifierKey:
    """A public key that checks notes, written as a vkey: ``name+keyid+base64(0x01 || public key)``."""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """The 4 bytes that signature lines name the key by."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public_key).digest()[:KEY_ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(ED25519 + self.public_key).decode()}"

    @classmethod
    def parse(cls, vkey: str) -> VerifierKey:
        """Read a vkey; `NoteError` where name, id or bytes do not fit each other."""
        name, _, rest = vkey.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = _unbase64(encoded)
        if not _KEY_NAME.fullmatch(name) or raw[:1] != ED25519 or len(raw) != 1 + HASH_BYTES:
            raise NoteError("This is not an Ed25519 verifier key of the form name+keyid+base64.")
        key = cls(name, raw[1:])
        if key.key_id.hex() != key_id:
            raise NoteError(f"The key id {key_id!r} does not belong to this verifier key.")
        return key

    def signed(self, note: SignedNote) -> bool:
        """True if this key signed the note; `NoteError` for an invalid signature under its name and id."""
        mine = [s for s in note.signatures if (s.name, s.key_id) == (self.name, self.key_id)]
        for signature in mine:
            self._check(signature.signature, note.checkpoint.text())
        return bool(mine)

    def _check(self, signature: bytes, text: str) -> None:
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text.encode())
        except (InvalidSignature, ValueError) as error:
            raise NoteError(f"The signature of {self.name} on this checkpoint is invalid.") from error


def parse_note(text: str) -> SignedNote:
    """Read a note, checking its form only; `NoteError` if it is malformed."""
    head, separator, tail = text.partition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise NoteError("A checkpoint needs a text, an empty line and signature lines.")
    signatures = tuple(_parse_signature(line) for line in tail[:-1].split("\n"))
    return SignedNote(_parse_checkpoint(head), signatures)


def verify_note(note: SignedNote, keys: Sequence[VerifierKey], *, origin: str | None = None) -> VerifierKey:
    """The first of `keys` that signed the note; `NoteError` for another origin, no known key or a bad signature."""
    if origin is not None and note.checkpoint.origin != origin:
        raise NoteError(f"This checkpoint belongs to {note.checkpoint.origin!r}, not to {origin!r}.")
    signers = [key for key in keys if key.signed(note)]
    if not signers:
        raise NoteError("None of the known keys signed this checkpoint.")
    return signers[0]


def split_notes(text: str) -> list[str]:
    """The notes of a text that concatenates them, as witnesses and exports store them."""
    return [match.group(0) for match in _NOTES.finditer(text)]


_NOTES = re.compile(r"[^\n]+\n[^\n]+\n[^\n]+\n\n(?:— [^\n]+\n)+")


def _parse_checkpoint(head: str) -> Checkpoint:
    lines = head.split("\n")
    if len(lines) != 3 or not lines[0] or not _SIZE.fullmatch(lines[1]):
        raise NoteError("A checkpoint's text is three lines: origin, size, root.")
    root = _unbase64(lines[2])
    if len(root) != HASH_BYTES:
        raise NoteError("A checkpoint's root is 32 bytes in base64.")
    return Checkpoint(lines[0], int(lines[1]), root)


def _parse_signature(line: str) -> Signature:
    match = _SIGNATURE_LINE.fullmatch(line)
    if match is None:
        raise NoteError("A signature line is malformed.")
    raw = _unbase64(match[2])
    if len(raw) <= KEY_ID_BYTES:
        raise NoteError("A signature line is too short.")
    return Signature(match[1], raw[:KEY_ID_BYTES], raw[KEY_ID_BYTES:])


def _unbase64(text: str) -> bytes:
    """Strict base64: one encoding only, so that no second text represents the same note."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError("Malformed base64.") from error
    if base64.b64encode(raw).decode() != text:
        raise NoteError("Malformed base64.")
    return raw
