"""Where something stands in a YAML text, so that every error can name its line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

Path = tuple[Any, ...]


def compose(text: str) -> yaml.Node | None:
    """The nodes of a text with their marks. Raises yaml.YAMLError."""
    node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    return node


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
        return next(((key, value) for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return None, node.value[part]
    return None
