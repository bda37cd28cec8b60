"""XML and JSON out of files that somebody else wrote: strict, and small ones only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DTDForbidden
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from services.domain.catalogue import TestCase
from services.domain.examined import LeftOut

MAX_BYTES = 10_000_000
MAX_DEPTH = 100
MESSAGE = 2_000
"""Characters of a test's message that are kept."""


class UnreadableError(Exception):
    """The file is not a readable test report; the message says why."""


@dataclass(frozen=True)
class Reading:
    """What a reader found in a file."""

    cases: tuple[TestCase, ...]
    contradictions: tuple[str, ...] = ()
    flaky: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def parse_xml(data: bytes) -> Element:
    """The root element. Raises UnreadableError."""
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except DTDForbidden:
        raise UnreadableError("The file declares a document type, which is refused.") from None
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise UnreadableError(f"The file is not XML: {error}.") from error
    if _depth(root, iter) > MAX_DEPTH:
        raise UnreadableError(f"The file is nested deeper than {MAX_DEPTH} levels.")
    return root


def parse_json(data: bytes) -> Any:
    """The value. Raises UnreadableError, also for a duplicate name in one object: one value would hide the other."""
    try:
        value = json.loads(data, object_pairs_hook=_once)
    except RecursionError:
        raise UnreadableError(f"The file is nested deeper than {MAX_DEPTH} levels.") from None
    except ValueError as error:
        raise UnreadableError(f"The file is not JSON: {error}.") from error
    if _depth(value, _inside) > MAX_DEPTH:
        raise UnreadableError(f"The file is nested deeper than {MAX_DEPTH} levels.")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("an object names a field twice")
    return value


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        return iter(value.values())
    return iter(value) if isinstance(value, list) else iter(())


def _depth(top: Any, inside: Any) -> int:
    """How deep a tree is, but not further than the limit."""
    level, depth = [top], 0
    while level and depth <= MAX_DEPTH:
        level, depth = [child for item in level for child in inside(item)], depth + 1
    return depth


def local(element: Element) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def children(element: Element, *names: str) -> list[Element]:
    """Direct children of these names, in any namespace."""
    return [child for child in element if local(child) in names]


def child(element: Element, name: str) -> Element | None:
    """The first direct child of a name, in any namespace."""
    return next(iter(children(element, name)), None)


def shortened(text: object) -> str:
    """A message as it is kept."""
    return str(text or "").strip()[:MESSAGE]


def seconds(text: str | None) -> float | None:
    """A duration as tools write it: ``1.5``, ``1,234.5``; None for what is not a number."""
    try:
        value = float(text.replace(",", "")) if text else None
    except ValueError:
        return None
    return value if value is not None and 0 <= value < float("inf") else None


def as_dict(value: Any) -> dict[str, Any]:
    """The object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The list, or an empty one for anything else."""
    return value if isinstance(value, list) else []


def objects(value: Any, what: str) -> list[dict[str, Any]]:
    """A list of objects. Raises UnreadableError where it is anything else."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise UnreadableError(f"{what} is not a list of objects.")
    return value


def whole_number(value: Any) -> int | None:
    """A count; None where there is none. Raises UnreadableError for what is not a whole number."""
    if value is None or value == "":
        return None
    try:
        number = float(str(value).replace(",", ""))
    except ValueError:
        number = 0.5
    if isinstance(value, bool) or number != int(number if abs(number) < MAX_BYTES * 100 else 0):
        raise UnreadableError(f"The count “{shortened(value)[:40]}” is not a whole number.")
    return int(number)


def more_than_listed(where: str, counted: int | None, listed: int, what: str) -> list[str]:
    """A sentence if a file counts more of something than it lists; a lower count is not a contradiction."""
    if counted is None or counted <= listed:
        return []
    return [f"{where} counts {counted:,} {what} and lists {listed:,}."]
