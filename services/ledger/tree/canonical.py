"""RFC 8785 (JSON Canonicalization Scheme): one text per value, and a strict parser.

Promises:
- equal values give equal bytes; those without exact JSON (NaN, infinity, integers beyond 2^53, dates, bytes, lone
  surrogates) are rejected, never rounded;
- parsing rejects duplicate keys and any text that is not canonical.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import rfc8785

from services.errors import IntegrityError, InvalidInputError

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


def canonical_bytes(value: Any) -> bytes:
    """The RFC 8785 bytes of `value`; `InvalidInputError` if it has none."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError) as error:
        raise InvalidInputError(
            f"This value cannot be written into the ledger: {error or 'nested too deeply'}.",
            hint="Write large integers, decimals, dates and missing numbers as strings or null.",
        ) from error


def canonical_text(value: Any) -> str:
    """`canonical_bytes` as text."""
    return canonical_bytes(value).decode("utf-8")


def digest(value: Any) -> str:
    """``sha256:`` and the hexadecimal SHA-256 of the canonical bytes, as used for plans and policies."""
    return "sha256:" + hashlib.sha256(canonical_bytes(value)).hexdigest()


def parse_canonical(text: str) -> Json:
    """The value of a canonical text; `IntegrityError` for duplicate keys, invalid JSON or a non-canonical form."""
    try:
        value: Json = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_int=_number)
        rewritten = rfc8785.dumps(value)
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"Not canonical JSON: {error or 'nested too deeply'}.") from error
    if rewritten != text.encode("utf-8", "surrogatepass"):
        raise IntegrityError("Not canonical JSON: the text differs from its RFC 8785 form.")
    return value


def _unique(pairs: Sequence[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an object has a duplicate key")
    return result


def _number(digits: str) -> int | float:
    """RFC 8785 writes floats up to 1e21 without an exponent; beyond 2^53 the digits can only mean a float."""
    value = int(digits)
    return value if abs(value) < 2**53 else float(digits)


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")
