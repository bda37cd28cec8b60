"""Check and evaluate expressions against named values and functions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from azure_devops_server.engine.expressions.errors import ExpressionError
from azure_devops_server.engine.expressions.functions import FUNCTIONS, Function
from azure_devops_server.engine.expressions.syntax import Access, Call, Every, Literal, Name, Node, parse, walk
from azure_devops_server.engine.expressions.values import Value, every, member, to_boolean


@dataclass(frozen=True)
class Scope:
    """What an expression may use: values by name, and functions besides the general ones."""

    names: Mapping[str, Value]
    functions: Mapping[str, Function] = field(default_factory=dict)


def check(text: str, *, names: Collection[str], functions: Collection[str] = ()) -> None:
    """Raise ExpressionError unless `text` is an expression that uses only these names and functions."""
    known_names = {name.casefold() for name in names}
    known_functions = {name.casefold() for name in functions} | FUNCTIONS.keys()
    for node in walk(parse(text)):
        if isinstance(node, Name) and node.name.casefold() not in known_names:
            raise ExpressionError(_unrecognized(node.name, text))
        if isinstance(node, Call):
            _check_call(node, text, known=known_functions)


def _check_call(node: Call, text: str, *, known: Collection[str]) -> None:
    name = node.function.casefold()
    if name not in known:
        raise ExpressionError(_unrecognized(node.function, text))
    if name == "counter":
        raise ExpressionError("the local server does not support the function 'counter'")
    if function := FUNCTIONS.get(name):
        _check_count(node, function)


def _unrecognized(name: str, text: str) -> str:
    position = text.find(name) + 1
    return f"Unrecognized value: '{name}'. Located at position {position} within expression: {text.strip()}"


def _check_count(node: Call, function: Function) -> None:
    count = len(node.arguments)
    if count < function.least:
        raise ExpressionError(f"Too few parameters for the function '{node.function}': {count}")
    if count > function.most:
        raise ExpressionError(f"Too many parameters for the function '{node.function}': {count}")


def evaluate(text: str, scope: Scope) -> Value:
    """Value of an expression; ExpressionError says why there is none."""
    return _value(parse(text), scope)


def _value(node: Node, scope: Scope) -> Value:
    match node:
        case Literal(value=value):
            return value
        case Name(name=name):
            return _named(name, scope)
        case Access(of=of, key=key):
            return member(_value(of, scope), _value(key, scope))
        case Every(of=of):
            return every(_value(of, scope))
        case Call():
            return _call(node, scope)


def _named(name: str, scope: Scope) -> Value:
    for key, value in scope.names.items():
        if key.casefold() == name.casefold():
            return value
    raise ExpressionError(f"Unrecognized value: '{name}'")


def _call(node: Call, scope: Scope) -> Value:
    name = node.function.casefold()
    if name in ("and", "or"):
        return _short(name, node, scope=scope)
    own = {key.casefold(): value for key, value in scope.functions.items()}
    function = own.get(name) or FUNCTIONS.get(name)
    if function is None:
        raise ExpressionError(f"Unrecognized value: '{node.function}'")
    _check_count(node, function)
    arguments: Sequence[Value] = [_value(argument, scope) for argument in node.arguments]
    return function.run(arguments)


def _short(name: str, node: Call, *, scope: Scope) -> bool:
    _check_count(node, FUNCTIONS[name])
    values = (to_boolean(_value(argument, scope)) for argument in node.arguments)
    return all(values) if name == "and" else any(values)
