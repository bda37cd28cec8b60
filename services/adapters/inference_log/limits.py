"""How much a look-up may cost."""

from __future__ import annotations

from dataclasses import dataclass

from services.errors import InvalidInputError

FOUND_LIMIT = 10
"""Rows fetched for one id; two are enough to say that it is ambiguous."""
LOOKED_THROUGH = 20_000
"""Requests read at most to compare inputs after reading."""
TOO_LARGE = "scan_too_large"


@dataclass(frozen=True)
class Limits:
    """Seconds before a statement is stopped, and bytes that one may read at most."""

    seconds: float = 10.0
    scan_bytes: int = 2_000_000_000

    def demand_bytes(self, size: int, *, narrower: str) -> None:
        """Refuse what would read too much. Raises InvalidInputError."""
        if size > self.scan_bytes:
            raise InvalidInputError(
                f"This would look through {size / 1e9:,.1f} GB of the prediction log; "
                f"at most {self.scan_bytes / 1e9:,.1f} GB are allowed.",
                hint=narrower,
                code=TOO_LARGE,
            )
