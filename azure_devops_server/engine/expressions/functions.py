"""The general functions of Azure Pipelines expressions. Status functions such as `succeeded` come from the caller."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from azure_devops_server.engine.expressions.errors import ExpressionError
from azure_devops_server.engine.expressions.values import Value, equal, every, kind, order, to_boolean, to_string
from azure_devops_server.engine.run_name import format_date

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(\d+)(?::([^{}]*))?\}|[{}]")
MANY = 255


@dataclass(frozen=True)
class Function:
    """A function with the number of arguments that it takes."""

    run: Callable[[Sequence[Value]], Value]
    least: int
    most: int


def _format(arguments: Sequence[Value]) -> str:
    template = to_string(arguments[0])

    def written(match: re.Match[str]) -> str:
        text = match.group()
        if text in ("{{", "}}"):
            return text[0]
        if match.group(1) is None or int(match.group(1)) >= len(arguments) - 1:
            raise ExpressionError(f"The following format string is invalid: {template}")
        return _formatted(arguments[int(match.group(1)) + 1], match.group(2))

    return _PLACEHOLDER.sub(written, template)


def _formatted(value: Value, pattern: str | None) -> str:
    if not pattern:
        return to_string(value)
    try:
        moment = datetime.fromisoformat(to_string(value))
    except ValueError as error:
        raise ExpressionError(f"The local server formats only times by '{pattern}'") from error
    return format_date(moment, pattern)


def _join(arguments: Sequence[Value]) -> str:
    separator, items = arguments
    if not _is_array(items):
        return to_string(items)
    return to_string(separator).join(
        "" if kind(item) in ("Object", "Array") else to_string(item) for item in every(items)
    )


def _is_array(value: Value) -> bool:
    return kind(value) == "Array"


def _length(arguments: Sequence[Value]) -> int:
    value = arguments[0]
    return len(every(value)) if kind(value) in ("Object", "Array") else len(to_string(value))


def _split(arguments: Sequence[Value]) -> Sequence[Value]:
    text, delimiters = (to_string(item) for item in arguments)
    return re.split(f"[{re.escape(delimiters)}]", text) if delimiters else [text]


def _coalesce(arguments: Sequence[Value]) -> Value:
    return next((item for item in arguments if item is not None and item != ""), None)


def _contains_value(arguments: Sequence[Value]) -> bool:
    items, wanted = arguments
    return any(equal(wanted, item) for item in every(items))


def _plain(value: Value) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if kind(value) == "Array":
        return [_plain(item) for item in every(value)]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, bool | int | float | None) else str(value)


def _to_json(arguments: Sequence[Value]) -> str:
    return json.dumps(_plain(arguments[0]), indent=2, ensure_ascii=False)


def _text_test(test: Callable[[str, str], bool]) -> Function:
    def run(arguments: Sequence[Value]) -> bool:
        left, right = (to_string(item).casefold() for item in arguments)
        return test(left, right)

    return Function(run, 2, 2)


def _ordered(test: Callable[[int], bool]) -> Function:
    return Function(lambda arguments: test(order(arguments[0], arguments[1])), 2, 2)


def _counter(arguments: Sequence[Value]) -> Value:
    prefix = to_string(arguments[0]) if arguments else ""
    raise ExpressionError(f"the local server does not support the function 'counter' (prefix '{prefix}')")


def _replace(arguments: Sequence[Value]) -> str:
    text, old, new = (to_string(item) for item in arguments)
    return text.replace(old, new) if old else text


FUNCTIONS: Mapping[str, Function] = {
    "and": Function(lambda a: all(to_boolean(item) for item in a), 2, MANY),
    "or": Function(lambda a: any(to_boolean(item) for item in a), 2, MANY),
    "not": Function(lambda a: not to_boolean(a[0]), 1, 1),
    "xor": Function(lambda a: to_boolean(a[0]) != to_boolean(a[1]), 2, 2),
    "eq": Function(lambda a: equal(a[0], a[1]), 2, 2),
    "ne": Function(lambda a: not equal(a[0], a[1]), 2, 2),
    "gt": _ordered(lambda sign: sign > 0),
    "ge": _ordered(lambda sign: sign >= 0),
    "lt": _ordered(lambda sign: sign < 0),
    "le": _ordered(lambda sign: sign <= 0),
    "in": Function(lambda a: any(equal(a[0], item) for item in a[1:]), 1, MANY),
    "notin": Function(lambda a: not any(equal(a[0], item) for item in a[1:]), 1, MANY),
    "contains": _text_test(lambda left, right: right in left),
    "startswith": _text_test(str.startswith),
    "endswith": _text_test(str.endswith),
    "containsvalue": Function(_contains_value, 2, 2),
    "coalesce": Function(_coalesce, 2, MANY),
    "format": Function(_format, 1, MANY),
    "iif": Function(lambda a: a[1] if to_boolean(a[0]) else a[2], 3, 3),
    "join": Function(_join, 2, 2),
    "replace": Function(_replace, 3, 3),
    "split": Function(_split, 2, 2),
    "lower": Function(lambda a: to_string(a[0]).lower(), 1, 1),
    "upper": Function(lambda a: to_string(a[0]).upper(), 1, 1),
    "trim": Function(lambda a: to_string(a[0]).strip(), 1, 1),
    "length": Function(_length, 1, 1),
    "converttojson": Function(_to_json, 1, 1),
    "counter": Function(_counter, 0, 2),
}
