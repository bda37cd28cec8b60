"""Read Azure Pipelines expressions, such as ``and(succeeded(), eq(variables['x'], 'y'))``, into a tree.

Grammar: literals (``true``, ``-1.5``, ``1.2.3``, ``'it''s'``), named values (``variables``), access by ``.name``,
``['name']``, ``[0]`` and ``.*``, and function calls. There are no operators.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from azure_devops_server.engine.expressions.errors import ExpressionError
from azure_devops_server.engine.expressions.values import Value, Version

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^']|'')*')
    | (?P<number>[-+]?(?:\d+(?:\.\d+)*|\.\d+)(?![\w.]))
    | (?P<name>[A-Za-z_][A-Za-z0-9_-]*)
    | (?P<mark>[()\[\],.*])
    )""",
    re.VERBOSE,
)
_MAX_DEPTH = 50


@dataclass(frozen=True)
class Literal:
    """A constant."""

    value: Value


@dataclass(frozen=True)
class Name:
    """A named value, such as ``variables``."""

    name: str


@dataclass(frozen=True)
class Access:
    """A member of a value."""

    of: Node
    key: Node


@dataclass(frozen=True)
class Every:
    """All members of a value: ``x.*``."""

    of: Node


@dataclass(frozen=True)
class Call:
    """A function call."""

    function: str
    arguments: tuple[Node, ...]


Node = Literal | Name | Access | Every | Call


def parse(text: str) -> Node:
    """Read one expression; ExpressionError says what is unexpected and where (positions count from 1)."""
    return _Parser(text).whole()


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    match node:
        case Access(of=of, key=key):
            yield from walk(of)
            yield from walk(key)
        case Every(of=of):
            yield from walk(of)
        case Call(arguments=arguments):
            for argument in arguments:
                yield from walk(argument)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        if self._peek().kind == "end":
            raise ExpressionError("An expression is expected")
        node = self._value()
        if self._peek().kind != "end":
            raise self._unexpected(self._peek())
        return node

    def _value(self) -> Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ExpressionError(f"Exceeded max expression depth {_MAX_DEPTH}")
        node = self._postfix(self._primary())
        self._depth -= 1
        return node

    def _primary(self) -> Node:
        token = self._next()
        if token.kind == "string":
            return Literal(token.text[1:-1].replace("''", "'"))
        if token.kind == "number":
            return Literal(_number(token.text))
        if token.kind != "name":
            raise self._unexpected(token)
        if self._peek().text == "(":
            return Call(token.text, self._arguments())
        if token.text.casefold() in ("true", "false"):
            return Literal(token.text.casefold() == "true")
        return Name(token.text)

    def _postfix(self, node: Node) -> Node:
        while self._peek().text in (".", "[") and self._peek().kind == "mark":
            node = self._member(node) if self._next().text == "." else self._index(node)
        return node

    def _member(self, node: Node) -> Node:
        token = self._next()
        if token.text == "*" and token.kind == "mark":
            return Every(node)
        if token.kind != "name":
            raise self._unexpected(token)
        return Access(node, Literal(token.text))

    def _index(self, node: Node) -> Node:
        if self._peek().text == "*" and self._peek().kind == "mark":
            self._next()
            self._expect("]")
            return Every(node)
        key = self._value()
        self._expect("]")
        return Access(node, key)

    def _arguments(self) -> tuple[Node, ...]:
        self._expect("(")
        arguments: list[Node] = []
        while self._peek().text != ")" or self._peek().kind != "mark":
            if arguments:
                self._expect(",")
            arguments.append(self._value())
        self._next()
        return tuple(arguments)

    def _peek(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token

    def _expect(self, text: str) -> None:
        token = self._next()
        if token.kind != "mark" or token.text != text:
            raise self._unexpected(token)

    def _unexpected(self, token: _Token) -> ExpressionError:
        if token.kind == "end":
            return ExpressionError(f"Unexpected end of expression: '{self._text.strip()}'")
        return ExpressionError(
            f"Unexpected symbol: '{token.text}'. Located at position {token.position} "
            f"within expression: {self._text.strip()}"
        )


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            start = at + len(text[at:]) - len(text[at:].lstrip())
            word = re.split(r"[\s,()]", text[start:], maxsplit=1)[0] or text[start]
            raise ExpressionError(
                f"Unexpected symbol: '{word}'. Located at position {start + 1} within expression: {text.strip()}"
            )
        yield _Token(match.lastgroup, match.group(match.lastgroup), match.start(match.lastgroup) + 1)
        at = match.end()
    yield _Token("end", "", end + 1)


def _number(text: str) -> Value:
    if text.count(".") >= 2:
        return Version(tuple(int(part) for part in text.split(".")))
    return float(text)
