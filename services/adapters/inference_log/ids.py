"""The time inside a request id: UUIDv7 (RFC 9562, 5.7) and ULID begin with milliseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.ports.predictions import DateRange

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ULID_LENGTH = 26
SKEW = timedelta(days=1)
"""A row may be filed a day off: clocks differ, and a request near midnight is logged after it."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def time_of(request_id: str) -> datetime | None:
    """When the id was made, or None for an id without a time."""
    milliseconds = _uuid7(request_id) if len(request_id) != ULID_LENGTH else _ulid(request_id)
    if milliseconds is None:
        return None
    try:
        at = EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None
    return at if EPOCH < at < LATEST else None


def days_of(request_id: str) -> DateRange | None:
    """The days on which a row with this id can have been filed, or None when the id does not tell."""
    at = time_of(request_id)
    return None if at is None else DateRange((at - SKEW).date(), (at + SKEW).date())


def _uuid7(text: str) -> int | None:
    try:
        identifier = UUID(text)
    except ValueError:
        return None
    return identifier.int >> 80 if identifier.version == 7 else None


def _ulid(text: str) -> int | None:
    value = 0
    for character in text[:10].upper():
        digit = CROCKFORD.find(character)
        if digit < 0:
            return None
        value = value * 32 + digit
    return value
