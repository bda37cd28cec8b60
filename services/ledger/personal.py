"""Personal data in the ledger: a salted commitment in the entry, the value in a side table that can be erased.

``commitment = SHA-256(salt || value)`` with 32 random bytes of salt for each value, so an erased value cannot be
guessed from the log. While the value is kept, anybody can check it against the commitment.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.errors import IntegrityError

SALT_BYTES = 32
SaltSource = Callable[[], bytes]


def new_salt() -> bytes:
    """32 bytes from the operating system."""
    return secrets.token_bytes(SALT_BYTES)


@dataclass(frozen=True)
class PersonalValue:
    """One value behind a commitment."""

    seq: int
    field: str
    salt: bytes
    value: str

    def commitment(self) -> str:
        """The commitment in the entry."""
        return "sha256:" + hashlib.sha256(self.salt + self.value.encode()).hexdigest()

    def check(self, commitments: Mapping[str, str]) -> None:
        """`IntegrityError` unless it matches the entry's commitment."""
        if not hmac.compare_digest(commitments.get(self.field, ""), self.commitment()):
            raise IntegrityError(
                f"The stored value of {self.field!r} does not match the commitment in entry {self.seq}."
            )


def commit(seq: int, values: Mapping[str, str], salt: SaltSource = new_salt) -> list[PersonalValue]:
    """Salted values for a new entry."""
    return [PersonalValue(seq, field, salt(), value) for field, value in sorted(values.items())]
