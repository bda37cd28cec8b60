"""Reads YAML with the line of each thing, and without the surprises of YAML 1.1.

A plain ``no``, ``off`` or ``16:00`` stays the text that was written, ``010`` is no octal number; aliases that lead into
themselves, or expand to more than a file of rules can hold, are errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

Path = tuple[Any, ...]
LIMIT = 20_000
"""Values of a file with all its aliases written out."""


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
        told = f"{node.value} is no date: {error}"
        raise yaml.MarkedYAMLError(problem=told, problem_mark=node.start_mark) from error


Loader.add_constructor("tag:yaml.org,2002:timestamp", _timestamp)


def compose(text: str) -> yaml.Node | None:
    """The nodes of a text with their marks. Raises yaml.YAMLError."""
    node: yaml.Node | None = yaml.compose(text, Loader=Loader)
    if node is not None:
        _demand_size(node)
    return node


def data_of(root: yaml.Node | None) -> Any:
    """The values of what was composed. Keys taken over by ``<<`` stand in the nodes afterwards, before the own ones."""
    return None if root is None else Loader("").construct_document(root)


def _demand_size(root: yaml.Node) -> None:
    """Count with every alias written out, each node once."""
    known: dict[int, int] = {}
    above: set[int] = set()

    def size(node: yaml.Node) -> int:
        if id(node) in known:
            return known[id(node)]
        if id(node) in above:
            raise yaml.MarkedYAMLError(problem="an alias leads into itself", problem_mark=node.start_mark)
        above.add(id(node))
        known[id(node)] = 1 + sum(size(child) for child in _children(node))
        above.discard(id(node))
        if known[id(node)] > LIMIT:
            told = f"with its aliases written out it holds more than {LIMIT} values"
            raise yaml.MarkedYAMLError(problem=told, problem_mark=node.start_mark)
        return known[id(node)]

    size(root)


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from (key, value)
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def problem_of(error: yaml.YAMLError | ValueError, text: str) -> str:
    """What is wrong, on one line, with its line in the file."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"line {line}, the character #x{int(error.character):04x} may not stand in a file"
    mark = getattr(error, "problem_mark", None)
    told = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"line {mark.line + 1}, {told}" if mark is not None else str(told)


def line_of(node: yaml.Node | None, path: Path) -> int:
    """The line, from 1, of the deepest node on the path that exists."""
    line = node.start_mark.line + 1 if node is not None else 1
    for part in path:
        found = _child(node, part)
        if found is None:
            return line
        key, node = found
        line = (key or node).start_mark.line + 1
    return line


def duplicates(node: yaml.Node | None, path: Path = ()) -> Iterator[tuple[int, str]]:
    """Line and name of every key that stands twice in one mapping: YAML would drop the first without a word."""
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
        # the last one: a mapping's own key stands behind the one that it took over
        return next(((key, value) for key, value in reversed(node.value) if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return None, node.value[part]
    return None
