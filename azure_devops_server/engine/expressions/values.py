"""Values of expressions and how Azure Pipelines turns one kind into another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from azure_devops_server.engine.expressions.errors import ExpressionError


@dataclass(frozen=True, order=True)
class Version:
    """A version literal with two to four parts."""

    parts: tuple[int, ...]

    def __str__(self) -> str:
        return ".".join(str(part) for part in self.parts)


Value = None | bool | float | int | str | Version | Sequence["Value"] | Mapping[str, "Value"]


class Filtered(list[Value]):
    """What ``x.*`` gives: access by name goes to each member."""


def kind(value: Value) -> str:
    """Name of a value's kind, as in messages."""
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, int | float):
        return "Number"
    if isinstance(value, str):
        return "String"
    if isinstance(value, Version):
        return "Version"
    return "Object" if isinstance(value, Mapping) else "Array"


def to_boolean(value: Value) -> bool:
    """Null, 0 and the empty string are false; all else, also the text 'false', is true."""
    if isinstance(value, Version | Mapping) or (isinstance(value, Sequence) and not isinstance(value, str)):
        return True
    return bool(value)


def to_number(value: Value) -> float | None:
    """The number, or None if the value cannot become one."""
    if value is None:
        return 0.0
    if isinstance(value, bool | int | float):
        return float(value)
    return _parse_number(value) if isinstance(value, str) else None


def _parse_number(text: str) -> float | None:
    stripped = text.strip().replace(",", "")
    if not stripped:
        return 0.0
    try:
        number = float(stripped)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in stripped and "e" not in stripped.casefold() else None


def to_version(value: Value) -> Version | None:
    """The version, or None if the value cannot become one."""
    if isinstance(value, Version):
        return value
    text = number_text(value) if isinstance(value, float | int) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        return None
    parts = text.split(".")
    if not 2 <= len(parts) <= 4 or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    return Version(tuple(int(part) for part in parts))


def number_text(number: float) -> str:
    """A number as Azure Pipelines writes it: no trailing zeros, no exponent."""
    if float(number).is_integer():
        return str(int(number))
    return f"{number:.15f}".rstrip("0")


def to_string(value: Value) -> str:
    """The text of a simple value; ExpressionError for arrays and objects."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, str | Version):
        return str(value)
    raise ExpressionError(f"Unable to convert from {kind(value)} to String")


def equal(left: Value, right: Value) -> bool:
    """Compare after turning `right` into the kind of `left`; false where that cannot be done."""
    match kind(left):
        case "Boolean":
            return left == to_boolean(right)
        case "Null":
            return right is None or right == ""
        case "Number":
            return left == to_number(right)
        case "Version":
            return left == to_version(right)
        case "String":
            return _equal_text(str(left), right)
    return left is right


def _equal_text(left: str, right: Value) -> bool:
    if kind(right) in ("Object", "Array"):
        return False
    return left.casefold() == to_string(right).casefold()


def order(left: Value, right: Value) -> int:
    """-1, 0 or 1; ExpressionError if `right` cannot become of the kind of `left`."""
    a, b = _comparable(left, right)
    return int(a > b) - int(a < b)


def _comparable(left: Value, right: Value) -> tuple[Any, Any]:
    match kind(left):
        case "Boolean" | "Null" if not isinstance(right, Sequence | Mapping) or isinstance(right, str):
            return to_boolean(left), to_boolean(right)
        case "Number":
            pair: tuple[Any, Any] = (left, to_number(right))
        case "Version":
            pair = (left, to_version(right))
        case "String" if kind(right) not in ("Object", "Array"):
            pair = (str(left).casefold(), to_string(right).casefold())
        case _:
            pair = (left, None)
    if pair[1] is None:
        raise ExpressionError(f"Unable to convert from {kind(right)} to {kind(left)}. Value: {right!r}")
    return pair


def member(value: Value, key: Value) -> Value:
    """A member by name (ignoring case) or index; null if there is none."""
    if isinstance(value, Filtered):
        found = (member(item, key) for item in value)
        return Filtered(item for item in found if item is not None)
    if isinstance(value, Mapping):
        return _by_name(value, to_string(key))
    if isinstance(value, Sequence) and not isinstance(value, str):
        index = to_number(key)
        return value[int(index)] if index is not None and 0 <= index < len(value) else None
    return None


def _by_name(value: Mapping[str, Value], name: str) -> Value:
    if name in value:
        return value[name]
    folded = name.casefold()
    return next((item for key, item in value.items() if key.casefold() == folded), None)


def every(value: Value) -> Filtered:
    """All members of an array or object."""
    if isinstance(value, Mapping):
        return Filtered(value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return Filtered(value)
    return Filtered()
