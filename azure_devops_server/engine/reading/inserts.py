"""Find and fill `${{ … }}` inside one scalar, and read the directives if, elseif, else, each and insert."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from azure_devops_server.engine.expressions.errors import ExpressionError
from azure_devops_server.engine.expressions.evaluate import Scope, evaluate
from azure_devops_server.engine.expressions.values import Value, kind, to_string
from azure_devops_server.engine.reading.source import Place

_OPEN = "${{"
_CLOSE = "}}"
_EACH = re.compile(r"each\s+([A-Za-z_][A-Za-z0-9_]*)\s+in\s+(.+)", re.DOTALL)
_DIRECTIVE = re.compile(r"(if|elseif|each|insert|else)\b(.*)", re.DOTALL)


@dataclass(frozen=True)
class Directive:
    """A key such as ``${{ if eq(1, 1) }}``; `variable` is the loop's name."""

    word: str
    expression: str = ""
    variable: str = ""


def pieces(text: str, place: Place) -> Iterator[tuple[str, bool]]:
    """The parts of a scalar: (text, False) or (expression without its braces, True)."""
    at = 0
    while (start := text.find(_OPEN, at)) >= 0:
        if start > at:
            yield text[at:start], False
        end = _end(text, start + len(_OPEN))
        if end < 0:
            raise place.error("The expression is not closed. An unescaped ${{ sequence was found, but no closing }}")
        yield text[start + len(_OPEN) : end].strip(), True
        at = end + len(_CLOSE)
    if at < len(text):
        yield text[at:], False


def _end(text: str, start: int) -> int:
    quoted = False
    for index in range(start, len(text)):
        if text[index] == "'":
            quoted = not quoted
        elif not quoted and text.startswith(_CLOSE, index):
            return index
    return -1


def directive(key: str, place: Place) -> Directive | None:
    """The directive that a key or list item is, or None for plain keys."""
    if not key.startswith(_OPEN):
        return None
    parts = list(pieces(key, place))
    match = _DIRECTIVE.fullmatch(parts[0][0]) if len(parts) == 1 else None
    if match is None:
        return None
    word, rest = match.group(1), match.group(2).strip()
    if word == "each":
        return _each(rest, place)
    if word in ("else", "insert") and rest:
        return None
    if word in ("if", "elseif") and not rest:
        raise place.error(f"The directive '{word}' needs an expression")
    return Directive(word, rest)


def _each(rest: str, place: Place) -> Directive:
    match = _EACH.fullmatch(f"each {rest}")
    if match is None:
        raise place.error("The directive 'each' is written: ${{ each name in expression }}")
    return Directive("each", match.group(2), match.group(1))


def fill(text: str, scope: Scope, *, place: Place) -> Value:
    """A scalar with its expressions replaced; the value itself where the scalar is one expression."""
    parts = list(pieces(text, place))
    if len(parts) == 1 and parts[0][1]:
        return value_of(parts[0][0], scope, place=place)
    return "".join(_text(part, is_expression, scope=scope, place=place) for part, is_expression in parts)


def _text(part: str, is_expression: bool, *, scope: Scope, place: Place) -> str:  # noqa: FBT001  # a pair of `pieces`
    if not is_expression:
        return part
    value = value_of(part, scope, place=place)
    if kind(value) in ("Object", "Array"):
        raise place.error(f"Unable to convert from {kind(value)} to String. Expression: {part}")
    return to_string(value)


def value_of(expression: str, scope: Scope, *, place: Place) -> Value:
    """Evaluate an expression of compile time; errors tell the place."""
    try:
        return evaluate(expression, scope)
    except ExpressionError as error:
        raise place.error(str(error)) from error
