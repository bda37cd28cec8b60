"""YAML with its places: every text, list and mapping remembers file, line and column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import yaml

from azure_devops_server.engine.errors import PipelineError
from azure_devops_server.engine.expressions.values import Value, to_string

_MAX_DEPTH = 60


class _Mark(Protocol):
    """A mark of PyYAML, of its Python or its C reader; counts from 0."""

    line: int
    column: int


@dataclass(frozen=True)
class Place:
    """Where something stands; line and column count from 1."""

    file: str
    line: int
    column: int

    def say(self, message: str) -> str:
        """A message in Azure's style."""
        return f"{self.file} (Line: {self.line}, Col: {self.column}): {message}"

    def error(self, message: str) -> PipelineError:
        """The message as an error to raise."""
        return PipelineError([self.say(message)])


@dataclass(frozen=True)
class YamlText:
    """A scalar. All scalars are texts, as in Azure Pipelines; null is the empty text."""

    value: str
    place: Place


@dataclass(frozen=True)
class YamlList:
    """A sequence."""

    items: tuple[YamlNode, ...]
    place: Place


@dataclass(frozen=True)
class YamlMap:
    """A mapping, in order. Keys may repeat only while they are template expressions."""

    entries: tuple[tuple[YamlText, YamlNode], ...]
    place: Place

    def get(self, key: str) -> YamlNode | None:
        """Value of a key, or None."""
        return next((value for name, value in self.entries if name.value == key), None)


YamlNode = YamlText | YamlList | YamlMap


def read_yaml(text: str, *, file: str) -> YamlNode:
    """Read one YAML document; PipelineError tells the place of what is wrong."""
    try:
        _check_events(text, file)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        return YamlText("", Place(file, 1, 1)) if root is None else _node(root, file)
    except yaml.MarkedYAMLError as error:
        raise PipelineError([_yaml_message(error, file)]) from error
    except yaml.YAMLError as error:
        raise PipelineError([f"{file}: {error}"]) from error


def _check_events(text: str, file: str) -> None:
    """Refuse anchors, as Azure does, and nesting that nobody writes by hand."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        anchor = getattr(event, "anchor", None)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if anchor and event.start_mark is not None:
            raise _place(event.start_mark, file).error(
                f"Anchors are not currently supported. Remove the anchor '{anchor}'"
            )
        if depth > _MAX_DEPTH and event.start_mark is not None:
            raise _place(event.start_mark, file).error(f"Nested too deeply; {_MAX_DEPTH} levels are allowed")


def _yaml_message(error: yaml.MarkedYAMLError, file: str) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"(Line: {mark.line + 1}, Col: {mark.column + 1}, Idx: {mark.index})" if mark else "(Line: 1, Col: 1)"
    return f"{file}: {where}: {' '.join(part for part in (error.context, error.problem) if part)}."


def _place(mark: _Mark, file: str) -> Place:
    return Place(file, mark.line + 1, mark.column + 1)


def _node(node: yaml.Node, file: str) -> YamlNode:
    place = _place(node.start_mark, file)
    if isinstance(node, yaml.SequenceNode):
        return YamlList(tuple(_node(item, file) for item in node.value), place)
    if isinstance(node, yaml.MappingNode):
        return YamlMap(_entries(node, file), place)
    is_null = node.tag == "tag:yaml.org,2002:null"
    return YamlText("" if is_null else str(node.value), place)


def _entries(node: yaml.MappingNode, file: str) -> tuple[tuple[YamlText, YamlNode], ...]:
    entries: list[tuple[YamlText, YamlNode]] = []
    seen: set[str] = set()
    for key_node, value_node in node.value:
        key = _node(key_node, file)
        if not isinstance(key, YamlText):
            raise key.place.error("A sequence or mapping was not expected as a key")
        if key.value in seen and "${{" not in key.value:
            raise key.place.error(f"'{key.value}' is already defined")
        seen.add(key.value)
        entries.append((key, _node(value_node, file)))
    return tuple(entries)


def to_value(node: YamlNode) -> Value:
    """The plain data of a node."""
    if isinstance(node, YamlText):
        return node.value
    if isinstance(node, YamlList):
        return [to_value(item) for item in node.items]
    return {key.value: to_value(value) for key, value in node.entries}


def from_value(value: Value, place: Place) -> YamlNode:
    """Plain data as nodes that all stand at one place."""
    if isinstance(value, Mapping):
        return YamlMap(tuple((YamlText(key, place), from_value(item, place)) for key, item in value.items()), place)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return YamlList(tuple(from_value(item, place) for item in value), place)
    return YamlText(to_string(value), place)
