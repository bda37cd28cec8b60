"""Protocols for sending notifications."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.domain.notices import Event


class Channel(Protocol):
    """A notification channel. Every call has a time-out."""

    @property
    def may_repeat(self) -> bool:
        """True if the receiver can detect duplicates, so that resending is safe."""

    def send(self, events: Sequence[Event], *, person: str = "") -> None:
        """Send one message about these events. Raises UpstreamUnavailableError (later), UpstreamRefusedError."""
