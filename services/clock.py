"""The real clock and the real source of ids; tests replace both."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The current time in UTC."""
        return datetime.now(UTC)


class RandomIds:
    """Time-ordered ids: a prefix, the time in base 32, and 50 random bits."""

    _ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"

    def new(self, prefix: str) -> str:
        """A new id: lower case letters, digits and hyphens only, so that it fits names of pipeline runs."""
        if not re.fullmatch(r"[a-z]+", prefix):
            raise ValueError(f"bad prefix {prefix!r}")
        stamp = self._encode(int(datetime.now(UTC).timestamp() * 1000), 9)
        return f"{prefix}-{stamp}{self._encode(secrets.randbits(50), 10)}"

    def _encode(self, number: int, digits: int) -> str:
        text = ""
        for _ in range(digits):
            number, rest = divmod(number, 32)
            text = self._ALPHABET[rest] + text
        return text
