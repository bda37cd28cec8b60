"""Reads YAML with the line of each node, and without the surprises of YAML 1.1.

A plain ``no``, ``off`` or ``16:00`` stays text, and ``010`` is not an octal number; aliases that refer to
themselves, or that expand beyond `LIMIT` values, are errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

Path = tuple[Any, ...]
LIMIT = 20_000
"""Maximum number of values in a file after its aliases are expanded."""


class Loader(yaml.SafeLoader):
    """YAML 1.2's core schema for plain words: true, false, null, decimal numbers; dates as in YAML 1.1."""


Loader.yaml_implicit_resolvers = {
    letter: [found for found in resolvers if not found[0].endswith((":bool", ":int", ":float"))]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF")
Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), [*"-+0123456789"])
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.inf$|^\.nan$"),
    [*"-+.0123456789"],
)


def _timestamp(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError as error:
        problem = f"{node.value} is not a date: {error}"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from error


Loader.add_constructor("tag:yaml.org,2002:timestamp", _timestamp)


def compose(text: str) -> yaml.Node | None:
    """The nodes of a text with their marks. Raises yaml.YAMLError."""
    node: yaml.Node | None = yaml.compose(text, Loader=Loader)
    if node is not None:
        _demand_size(node)
    return node


def data_of(root: yaml.Node | None) -> Any:
    """The values of composed nodes. Keys merged with ``<<`` come before the mapping's own keys in the nodes."""
    return None if root is None else Loader("").construct_document(root)


def _demand_size(root: yaml.Node) -> None:
    """Count the values with every alias expanded, visiting each node once."""
    known: dict[int, int] = {}
    above: set[int] = set()

    def size(node: yaml.Node) -> int:
        if id(node) in known:
            return known[id(node)]
        if id(node) in above:
            raise yaml.MarkedYAMLError(problem="an alias refers to itself", problem_mark=node.start_mark)
        above.add(id(node))
        known[id(node)] = 1 + sum(size(child) for child in _children(node))
        above.discard(id(node))
        if known[id(node)] > LIMIT:
            problem = f"it has more than {LIMIT} values after its aliases are expanded"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return known[id(node)]

    size(root)


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from (key, value)
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def problem_of(error: yaml.YAMLError | ValueError, text: str) -> str:
    """The problem on one line, with its line in the file."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"line {line}, the character #x{int(error.character):04x} is not allowed"
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"line {mark.line + 1}, {problem}" if mark is not None else str(problem)


def line_of(node: yaml.Node | None, path: Path) -> int:
    """The line, counted from 1, of the deepest existing node on the path."""
    line = node.start_mark.line + 1 if node is not None else 1
    for part in path:
        found = _child(node, part)
        if found is None:
            return line
        key, node = found
        line = (key or node).start_mark.line + 1
    return line


def duplicates(node: yaml.Node | None, path: Path = ()) -> Iterator[tuple[int, str]]:
    """Line and name of every duplicate key in a mapping: YAML would silently drop the first."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                yield key.start_mark.line + 1, ".".join(str(part) for part in (*path, name))
            seen.add(name)
            yield from duplicates(value, (*path, name))
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from duplicates(item, (*path, number))


def _child(node: yaml.Node | None, part: Any) -> tuple[yaml.Node | None, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        # the last one: a mapping's own key comes after a merged one
        return next(((key, value) for key, value in reversed(node.value) if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return None, node.value[part]
    return None
