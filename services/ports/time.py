"""Sources of time and ids."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Source of time."""

    def now(self) -> datetime:
        """The current time, UTC-aware."""


class Ids(Protocol):
    """Source of new ids."""

    def new(self, prefix: str) -> str:
        """A new unique id such as ``req-01h…``: lower case, digits and hyphens only."""
