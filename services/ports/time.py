"""Where time and new ids come from."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """The current time, UTC-aware."""


class Ids(Protocol):
    """Where new ids come from."""

    def new(self, prefix: str) -> str:
        """A new unique id such as ``req-01h…``: lower case, digits and hyphens only."""
