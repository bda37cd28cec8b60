"""Bounded reading of long or slow answers, and Retry-After. Shared by all HTTP clients."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests

CHUNK = 64 * 1024


class TooLongError(Exception):
    """The body exceeds the limit; the rest was not read."""


class TooSlowError(Exception):
    """The body did not arrive in time; the rest was not read."""


def read_body(response: requests.Response, limit: int, *, until: float | None = None) -> bytes:
    """The body while it arrives, up to `limit` bytes; `until` is a reading of `time.monotonic`.

    Needs ``stream=True``, or the whole body is in memory already. Raises TooLongError and TooSlowError.
    """
    body = bytearray()
    for chunk in response.iter_content(CHUNK):
        body += chunk
        if len(body) > limit:
            raise TooLongError
        if until is not None and time.monotonic() > until:
            raise TooSlowError
    return bytes(body)


def keep_body(response: requests.Response, limit: int, *, until: float | None = None) -> None:
    """Read the body as `read_body` does and leave it where ``response.content`` and vendors' clients look for it."""
    response._content = read_body(response, limit, until=until)  # noqa: SLF001 - what Response.content itself does
    response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001 - as above


def retry_after(headers: Mapping[str, str], *, most: float) -> float | None:
    """Seconds that a Retry-After header asks to wait (RFC 9110, 10.2.3: a number or a date), between 0 and `most`."""
    text = headers.get("Retry-After", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            when = parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()
    return min(max(seconds, 0.0), most) if seconds == seconds else None  # noqa: PLR0124 - NaN is not a number of seconds
