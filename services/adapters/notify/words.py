"""The text of a message: one line an event, each with its link. Nothing of it comes from secrets or free text."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from services.domain.notices import Event

LINES = 50


def title(events: Sequence[Event]) -> str:
    """The subject line."""
    if len(events) == 1:
        return f"Countersign: {events[0].sentence()}"[:200]
    return f"Countersign: {len(events)} events"


def body(events: Sequence[Event], address: str) -> str:
    """Plain text; long digests end with the number of further events and a link to them."""
    parts = [_part(event, address) for event in events[:LINES]]
    if len(events) > LINES:
        parts.append(f"and {len(events) - LINES} more: {address}/ledger")
    return "\n\n".join(parts)


def _part(event: Event, address: str) -> str:
    return f"{event.sentence()}\n{event.at[:16].replace('T', ' ')} UTC\n{link(event, address)}"


def link(event: Event, address: str) -> str:
    """The page to look at."""
    if event.request_id:
        return f"{address}/request?id={quote(event.request_id, safe='')}"
    return f"{address}/ledger"
