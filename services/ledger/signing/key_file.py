"""The key ring in a file that may change while the portal runs.

One process rotates the key; every portal that shares the file signs with the new key from its next append.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from services.errors import SettingsError
from services.ledger.signing.keys import KeyRing, load_or_create
from services.ledger.tree.note import Checkpoint, SignedNote, VerifierKey

Stamp = tuple[int, int, int]


class KeyFile:
    """A signer that reloads its key file after it is replaced."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self._name = name
        self._ring = load_or_create(path, name)
        self._stamp = self._look()

    @property
    def name(self) -> str:
        """The log's name."""
        return self._name

    @property
    def ring(self) -> KeyRing:
        """The ring in the file now. `SettingsError` if the file is missing or unreadable."""
        stamp = self._look()
        if stamp != self._stamp:
            self._ring, self._stamp = load_or_create(self.path, self._name), stamp
        return self._ring

    @property
    def verifier(self) -> VerifierKey:
        """The public key that signs now."""
        return self.ring.active.verifier

    def sign(self, checkpoint: Checkpoint, at: datetime) -> SignedNote:
        """As `KeyRing.sign`."""
        return self.ring.sign(checkpoint, at)

    def _look(self) -> Stamp:
        try:
            found = self.path.stat()
        except OSError as error:
            # A missing key is never recreated for a ledger that it has signed.
            raise SettingsError(
                f"The ledger's key file {self.path.name} cannot be read ({error.strerror}).",
                hint="Restore the key; without it nothing can be written.",
            ) from error
        return found.st_mtime_ns, found.st_ino, found.st_size
