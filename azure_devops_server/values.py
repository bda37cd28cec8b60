"""Small values of the protocol: times, GUIDs, enums, free-standing conversions."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

EMPTY_GUID = "00000000-0000-0000-0000-000000000000"
ZERO_TIME = "0001-01-01T00:00:00"
"""What real timelines write where a time was never set."""

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_FRACTION = re.compile(r"(\.\d{6})\d+")


def utc_now() -> datetime:
    """The time now, aware, in UTC."""
    return datetime.now(UTC)


def new_guid() -> str:
    """A fresh random GUID in lower case."""
    return str(uuid.uuid4())


def derived_guid(namespace: str, name: str) -> str:
    """The same GUID for the same namespace GUID and name, always."""
    return str(uuid.uuid5(uuid.UUID(namespace), name))


def is_guid(text: str) -> bool:
    """True for a GUID with dashes."""
    return _GUID.fullmatch(text) is not None


def wire_time(moment: datetime | None) -> str | None:
    """A time as the service writes it: seven digits of a second, ``Z``; None stays None."""
    if moment is None:
        return None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 time with up to seven digits; one without a zone is UTC. ValueError if it is none.

    The Node client writes dates of a query as RFC 9110 does: ``Fri, 20 Nov 2026 12:46:43 GMT``.
    """
    plain = text.strip()
    moment = parsedate_to_datetime(plain) if "," in plain else datetime.fromisoformat(_FRACTION.sub(r"\1", plain))
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{plain} is outside of the calendar in UTC") from error


def choose(value: Any, names: Sequence[str], numbers: dict[int, str] | None = None) -> str:
    """An enum value by name in any case, or by number; ValueError if there is none.

    Without `numbers`, a number is a position in `names`.
    """
    text = str(value).strip()
    if text.isdigit():
        table = numbers if numbers is not None else dict(enumerate(names))
        if int(text) in table:
            return table[int(text)]
    for name in names:
        if name.casefold() == text.casefold():
            return name
    raise ValueError(f"{value!r} is none of {', '.join(names)}")


def choose_flags(text: str | None, names: Sequence[str], numbers: dict[int, str]) -> set[str]:
    """Names of a flags enum: names separated by commas, or one number whose bits are added up.

    ValueError if a part is not a flag.
    """
    found = set[str]()
    for part in comma_list(text):
        bits = {number: name for number, name in numbers.items() if number and number & (number - 1) == 0}
        if part.isdigit() and int(part) not in numbers and not int(part) & ~sum(bits):
            found |= {name for number, name in bits.items() if int(part) & number}
        else:
            found.add(choose(part, names, numbers))
    return found


def comma_list(text: str | None) -> list[str]:
    """Parts of a comma-separated query value, empty ones left out."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def without_none(document: dict[str, Any]) -> dict[str, Any]:
    """The document without the keys whose value is None: the service leaves unset fields out."""
    return {key: value for key, value in document.items() if value is not None}


def unique_by_case(items: Iterable[str]) -> list[str]:
    """Texts each once, compared without case, in order; the first spelling stays."""
    seen: dict[str, str] = {}
    for item in items:
        seen.setdefault(item.casefold(), item)
    return list(seen.values())


Host = Literal["main", "release", "tests"]

ALL_HOSTS: tuple[Host, ...] = ("main", "release", "tests")
