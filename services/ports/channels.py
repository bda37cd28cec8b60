"""What notifications need from the database and from the outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.domain.notices import Event


class Channel(Protocol):
    """Somewhere to send to. Every call has a time-out."""

    @property
    def may_repeat(self) -> bool:
        """True when the receiver can tell a repetition from a second event, so that sending again is safe."""

    def send(self, events: Sequence[Event], *, person: str = "") -> None:
        """Send one message about these events. Raises UpstreamUnavailableError (later), UpstreamRefusedError."""
