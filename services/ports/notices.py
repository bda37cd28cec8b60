"""What notifications need from the database and from the outside."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.domain.notices import Event, Preferences


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one channel."""

    id: int
    channel: str
    event: Event
    attempts: int
    error: str = ""
    """What was wrong the last time."""


class NoticeStore(Protocol):
    """All statements about notifications. There is one delivery at most for each event and channel."""

    def cursor(self) -> int | None:
        """Number of the last ledger entry that was looked at; None before the first look. Locks it."""

    def move_cursor(self, seq: int) -> None:
        """Write it, in the transaction that adds the deliveries."""

    def add(self, event: Event, channel: str, not_before: datetime) -> None:
        """Put a delivery into the outbox; the same event for the same channel again changes nothing."""

    def claim(self, now: datetime, *, lease_until: datetime, limit: int) -> Sequence[Delivery]:
        """Due deliveries of one channel; nobody else gets them until the lease ends."""

    def settle(self, ids: Sequence[int], state: str, at: datetime, *, error: str = "") -> None:
        """Write how it ended: ``sent``, ``failed`` or ``unknown``."""

    def postpone(self, ids: Sequence[int], until: datetime, *, error: str) -> None:
        """Try again later."""

    def abandoned(self, now: datetime) -> Sequence[Delivery]:
        """Deliveries whose sender died in the middle: nobody knows whether they arrived."""

    def unsettled(self, state: str, *, limit: int) -> Sequence[Delivery]:
        """Deliveries that ended in ``failed`` or ``unknown``, newest first, each with what was wrong."""

    def send_again(self, delivery_id: int | None, at: datetime) -> int:
        """Put one that failed (None: all of them) back into the outbox; returns how many."""

    def preferences(self, person_ids: Collection[str]) -> dict[str, Preferences]:
        """What these people want; those who never chose are absent."""

    def put_preferences(self, person_id: str, wanted: Preferences, at: datetime) -> None:
        """Keep what somebody wants, in place of what they wanted."""

    def counts(self) -> dict[str, int]:
        """Number of deliveries by state."""


class Channel(Protocol):
    """Somewhere to send to. Every call has a time-out."""

    @property
    def may_repeat(self) -> bool:
        """True when the receiver can tell a repetition from a second event, so that sending again is safe."""

    def send(self, events: Sequence[Event], *, person: str = "") -> None:
        """Send one message about these events. Raises UpstreamUnavailableError (later), UpstreamRefusedError."""
