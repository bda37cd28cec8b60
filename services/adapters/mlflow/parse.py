"""Small parsers for MLflow's JSON.

Required things that are missing or of a wrong type raise `InvalidAnswer`; optional ones become empty: "unknown" on the
page, never a made-up value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

LARGEST = 1.7976931348623157e308
"""MLflow's SQL store writes infinity as the largest float."""
MAX_VERSION = 2**31 - 1
Json = Mapping[str, Any]


class InvalidAnswer(Exception):  # noqa: N818 - caught by the adapter and turned into UpstreamInvalidError
    """The answer is invalid; the text completes "MLflow …"."""


def objects(answer: Json, key: str) -> Sequence[Json]:
    """A list of objects.

    MLflow leaves empty lists out, so an absent one is empty, unless the answer is about something else altogether.
    """
    if key not in answer and set(answer) - {"next_page_token"}:
        raise InvalidAnswer(f"answered without '{key}'")
    return optional_objects(answer, key)


def optional_objects(holder: Json, key: str) -> Sequence[Json]:
    """A list of objects; empty when absent or null."""
    found = holder.get(key)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise InvalidAnswer(f"answered with a '{key}' that is not a list of objects")
    return found


def child(holder: Json, key: str) -> Json:
    """A required object."""
    found = holder.get(key)
    if not isinstance(found, dict):
        raise InvalidAnswer(f"answered without '{key}'")
    return found


def optional_child(holder: Json, key: str) -> Json:
    """An object; empty when absent or of a wrong type."""
    found = holder.get(key)
    return found if isinstance(found, dict) else {}


def is_storable(name: str) -> bool:
    """False for names with NUL or lone surrogates: PostgreSQL and UTF-8 cannot hold them."""
    return "\x00" not in name and not any("\ud800" <= c <= "\udfff" for c in name)


def text(holder: Json, key: str) -> str:
    """A text, empty when absent or of a wrong type; what no database can hold becomes U+FFFD."""
    found = holder.get(key)
    if not isinstance(found, str):
        return ""
    return found if is_storable(found) else "".join(c if is_storable(c) else "\ufffd" for c in found)


def name(holder: Json, key: str) -> str:
    """A required, non-empty text, unchanged: it identifies something."""
    found = holder.get(key)
    if not isinstance(found, str) or not found:
        raise InvalidAnswer(f"answered without '{key}'")
    return found


def version(holder: Json, key: str = "version") -> int:
    """A required version number: MLflow sends texts."""
    found = holder.get(key)
    number = int(found) if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 12 else found
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MAX_VERSION:
        raise InvalidAnswer("answered with a version that is not a number")
    return number


def moment(holder: Json, key: str) -> datetime | None:
    """Milliseconds since 1970 (a number, or its digits) as UTC; None when absent, 0 or no time."""
    found = whole(holder, key)
    try:
        return datetime.fromtimestamp(found / 1000, UTC) if found else None
    except (ValueError, OverflowError, OSError):
        return None


def required_moment(holder: Json, key: str) -> datetime:
    """As `moment`, but it must be there."""
    found = moment(holder, key)
    if found is None:
        raise InvalidAnswer(f"answered without a usable '{key}'")
    return found


def whole(holder: Json, key: str) -> int | None:
    """A whole number that is not negative (a number, or its digits); None when absent or of a wrong type."""
    found = holder.get(key)
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 20:
        return int(found)
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None


def signed(holder: Json, key: str) -> int:
    """A whole number (a number, or its digits), which may be negative; 0 when absent or of a wrong type."""
    found = holder.get(key)
    if isinstance(found, str) and re.fullmatch(r"-?[0-9]{1,18}", found):
        return int(found)
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def number(found: object) -> float | None:
    """A metric's value. MLflow writes NaN as the text "NaN" and infinity as the largest float."""
    if isinstance(found, str):
        found = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}.get(found)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        value = float(found)
    except OverflowError:
        return None
    if math.isnan(value):
        return math.nan
    return math.copysign(math.inf, value) if abs(value) >= LARGEST else value


def pairs(holder: Json, key: str) -> Iterator[tuple[str, Any]]:
    """Key and value of a list of ``{"key": …, "value": …}``; items without a key are skipped."""
    for item in optional_objects(holder, key):
        if item_name := text(item, "key"):
            yield item_name, item.get("value")


def texts(holder: Json, key: str) -> dict[str, str]:
    """Tags or parameters; values that are not strings are left out."""
    return {k: text({"value": v}, "value") for k, v in pairs(holder, key) if isinstance(v, str)}


def metrics(holder: Json, key: str) -> dict[str, float]:
    """Latest values; NaN and infinity are kept, non-numbers are omitted."""
    found = {k: number(v) for k, v in pairs(holder, key)}
    return {k: v for k, v in found.items() if v is not None}
