"""Personal data in the ledger: a salted commitment in the entry, the value in a side table that can be erased.

``commitment = SHA-256(salt || value)`` with 32 random bytes of salt for each value, so that an erased value cannot be
guessed back from the log. While the value is kept, anybody can check that it is the one that was committed to.
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
        """What stands in the entry."""
        return "sha256:" + hashlib.sha256(self.salt + self.value.encode()).hexdigest()

    def check(self, commitments: Mapping[str, str]) -> None:
        """`IntegrityError` unless the entry committed to exactly this value."""
        if not hmac.compare_digest(commitments.get(self.field, ""), self.commitment()):
            raise IntegrityError(f"The kept value of {self.field!r} is not the one that entry {self.seq} names.")


def commit(seq: int, values: Mapping[str, str], salt: SaltSource = new_salt) -> list[PersonalValue]:
    """Salted values for an entry that is being written."""
    return [PersonalValue(seq, field, salt(), value) for field, value in sorted(values.items())]
