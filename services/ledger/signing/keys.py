"""The ledger's signing keys: Ed25519, from a file that only its owner reads, or from a PEM in the settings.

Rotation: the new key is stored beside the old one, a signed entry names it, and for a period every checkpoint carries
both signatures, so verifiers that know only the old key can follow. A key ring is one text: the PEM of the active
key and, during the period, ``previous-until: <UTC time>`` with the PEM of the previous one.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from services.errors import SettingsError
from services.ledger.tree.note import Checkpoint, Signature, SignedNote, VerifierKey

_PEM = re.compile(r"-----BEGIN PRIVATE KEY-----\n.*?-----END PRIVATE KEY-----\n?", re.DOTALL)
_UNTIL = re.compile(r"^previous-until: (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class SigningKey:
    """A named private key. Its repr shows only the name."""

    name: str
    private: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"SigningKey({self.name!r})"

    @classmethod
    def generate(cls, name: str) -> SigningKey:
        """A new random key."""
        return cls(name, Ed25519PrivateKey.generate())

    @property
    def verifier(self) -> VerifierKey:
        """The public key, as auditors pin it."""
        raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return VerifierKey(self.name, raw)

    def sign(self, text: str) -> Signature:
        """The signature line over a checkpoint's text."""
        return Signature(self.name, self.verifier.key_id, self.private.sign(text.encode()))

    def pem(self) -> str:
        """PKCS 8, not encrypted: the file's permissions protect it."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@dataclass(frozen=True)
class KeyRing:
    """The active key and, during a rotation, the previous one with the end of its period."""

    active: SigningKey
    previous: SigningKey | None = None
    previous_until: datetime | None = None

    @property
    def name(self) -> str:
        """The log's name: the origin without its number."""
        return self.active.name

    def sign(self, checkpoint: Checkpoint, at: datetime) -> SignedNote:
        """A note with one signature, or two while a rotation lasts; the previous key's stands first."""
        keys = [self.active]
        if self.previous is not None and self.previous_until is not None and at < self.previous_until:
            keys.insert(0, self.previous)
        return SignedNote(checkpoint, tuple(key.sign(checkpoint.text()) for key in keys))

    def rotated(self, new: SigningKey, until: datetime) -> KeyRing:
        """The ring after a rotation to `new`."""
        return KeyRing(new, self.active, until)

    def to_text(self) -> str:
        """The ring as stored in a file."""
        text = self.active.pem()
        if self.previous is not None and self.previous_until is not None:
            text += f"previous-until: {self.previous_until.astimezone(UTC).isoformat()}\n{self.previous.pem()}"
        return text

    @classmethod
    def parse(cls, name: str, text: str) -> KeyRing:
        """Read a ring from a file's or a setting's text; `SettingsError` if it contains no Ed25519 key."""
        keys = [_load(name, pem) for pem in _PEM.findall(text)]
        until = _UNTIL.search(text)
        if not keys or len(keys) > 2 or (len(keys) == 2) != (until is not None):
            raise SettingsError(
                "The ledger's key must be one Ed25519 private key in PEM form, or two with previous-until.",
                hint="Create one with: openssl genpkey -algorithm ed25519",
            )
        if until is None:
            return cls(keys[0])
        return cls(keys[0], keys[1], _parse_until(until[1]))


def load_or_create(path: Path, name: str) -> KeyRing:
    """The ring in `path`, created if missing; only its owner can read the file (0600)."""
    try:
        write_private(path, SigningKey.generate(name).pem(), replace=False)
    except FileExistsError:
        _refuse_open_file(path)
    return KeyRing.parse(name, path.read_text(encoding="ascii"))


def write_private(path: Path, text: str, *, replace: bool = True) -> None:
    """Write a secret with 0600 in one step; a reader sees the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.replace(path)
        else:
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _refuse_open_file(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise SettingsError(
            f"The ledger's key file {path.name} can be read by other users (mode {mode:04o}).",
            hint=f"Run: chmod 600 {path.name}. If others had access, rotate the key.",
        )


def _load(name: str, pem: str) -> SigningKey:
    try:
        private = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise SettingsError("The ledger's key is not a readable PEM private key.") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise SettingsError(
            "The ledger's key is not an Ed25519 key.", hint="Create one with: openssl genpkey -algorithm ed25519"
        )
    return SigningKey(name, private)


def _parse_until(text: str) -> datetime:
    try:
        until = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError("previous-until in the ledger's key is not a time.") from error
    if until.tzinfo is None:
        raise SettingsError("previous-until in the ledger's key needs a time zone.")
    return until
