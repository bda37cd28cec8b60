"""Expand a YAML tree: `${{ }}`, if/elseif/else/each/insert, and `template:` files."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from azure_devops_server.engine.expressions.evaluate import Scope
from azure_devops_server.engine.expressions.values import Value, kind, to_boolean, to_string
from azure_devops_server.engine.reading.inserts import Directive, directive, fill, value_of
from azure_devops_server.engine.reading.parameters import bind, declared
from azure_devops_server.engine.reading.source import (
    Place,
    YamlList,
    YamlMap,
    YamlNode,
    YamlText,
    from_value,
    read_yaml,
    to_value,
)

_INCLUDED_UNDER = ("stages", "jobs", "steps", "variables")
_MAX_FILES = 100
_MAX_NESTING = 50
_MAX_NODES = 50_000


@dataclass
class _Budget:
    """Limits that keep a loop over loops from filling the memory."""

    files: int = 0
    nodes: int = 0

    def spend(self, place: Place) -> None:
        self.nodes += 1
        if self.nodes > _MAX_NODES:
            raise place.error(f"The expanded pipeline has more than {_MAX_NODES} parts")


@dataclass(frozen=True)
class Expander:
    """Expands nodes of one file with one set of parameters and variables."""

    file: str
    parameters: Mapping[str, Value]
    variables: Mapping[str, Value]
    loops: Mapping[str, Value]
    read_template: Callable[[str], str]
    budget: _Budget
    nesting: int = 0

    @staticmethod
    def for_root(
        file: str,
        *,
        parameters: Mapping[str, Value],
        variables: Mapping[str, Value],
        read_template: Callable[[str], str],
    ) -> Expander:
        """The expander of a pipeline's own file."""
        return Expander(file, parameters, variables, {}, read_template, _Budget())

    @property
    def scope(self) -> Scope:
        """What expressions of this place may use."""
        return Scope({"parameters": self.parameters, "variables": self.variables, **self.loops})

    def expand(self, node: YamlNode, under: str = "") -> YamlNode:
        """The node without expressions; `under` is the key that holds it."""
        self.budget.spend(node.place)
        if isinstance(node, YamlText):
            return from_value(fill(node.value, self.scope, place=node.place), node.place)
        if isinstance(node, YamlList):
            return YamlList(tuple(self._items(node, under)), node.place)
        return self.mapping(node)

    # Mappings

    def mapping(self, node: YamlMap) -> YamlMap:
        """The mapping without expressions."""
        entries: list[tuple[YamlText, YamlNode]] = []
        ready = self._own_variables(node)
        expander = self if ready is None else self.with_variables(ready)
        for key, value in expander.entries(node):
            if any(key.value == seen.value for seen, _ in entries):
                raise key.place.error(f"'{key.value}' is already defined")
            entries.append((key, value))
        return YamlMap(tuple(entries), node.place)

    def _own_variables(self, node: YamlMap) -> YamlNode | None:
        """Variables of a stage or job, which its expressions may use."""
        owners = {"stage", "job", "deployment"}
        if not any(key.value in owners for key, _ in node.entries):
            return None
        own = node.get("variables")
        return self.expand(own, "variables") if own else None

    def with_variables(self, node: YamlNode) -> Expander:
        """The same expander that also knows the variables of an expanded ``variables:`` node."""
        return replace(self, variables={**self.variables, **static_variables(node)})

    def entries(self, node: YamlMap) -> Iterator[tuple[YamlText, YamlNode]]:
        """Entries of a mapping, with those that its directives insert."""
        taken: bool | None = None
        for key, value in node.entries:
            found = directive(key.value, key.place)
            if found is None:
                taken = None
                name = YamlText(self._text(key), key.place)
                yield name, self.expand(value, name.value)
                continue
            taken, branches = self._chosen(found, taken, place=key.place)
            for expander in branches:
                yield from expander.inserted_entries(value)

    def inserted_entries(self, value: YamlNode) -> Iterator[tuple[YamlText, YamlNode]]:
        """Entries that a directive's value brings into a mapping."""
        if isinstance(value, YamlMap):
            yield from self.entries(value)
            return
        filled = self.expand(value)
        if isinstance(filled, YamlMap):
            yield from filled.entries
        elif not (isinstance(filled, YamlText) and not filled.value):
            raise value.place.error("Expected a mapping")

    # Lists

    def _items(self, node: YamlList, under: str) -> Iterator[YamlNode]:
        taken: bool | None = None
        for item in node.items:
            found = _item_directive(item)
            if found is None:
                taken = None
                yield from self._plain_item(item, under)
                continue
            word, value, place = found
            taken, branches = self._chosen(word, taken, place=place)
            for expander in branches:
                yield from expander.inserted_items(value, under)

    def inserted_items(self, value: YamlNode, under: str) -> Iterator[YamlNode]:
        """Items that a directive's value brings into a list."""
        if isinstance(value, YamlList):
            yield from self._items(value, under)
        else:
            yield from self._plain_item(value, under)

    def _plain_item(self, item: YamlNode, under: str) -> Iterator[YamlNode]:
        expanded = self.expand(item)
        if isinstance(item, YamlText) and isinstance(expanded, YamlList):
            for inner in expanded.items:
                yield from self._included(inner, under)
        else:
            yield from self._included(expanded, under)

    def _chosen(
        self,
        found: Directive,
        taken: bool | None,  # noqa: FBT001  # the state of a chain of ifs
        *,
        place: Place,
    ) -> tuple[bool | None, tuple[Expander, ...]]:
        """Whether the chain of ifs is settled, and the expanders to insert the value with."""
        if found.word == "insert":
            return None, (self,)
        if found.word == "each":
            return None, tuple(self._loop(found, place))
        if found.word != "if" and taken is None:
            raise place.error(f"'{found.word}' must follow 'if' or 'elseif'")
        if found.word != "if" and taken:
            return True, ()
        holds = found.word == "else" or to_boolean(value_of(found.expression, self.scope, place=place))
        return (None if found.word == "else" else holds), (self,) if holds else ()

    def _loop(self, found: Directive, place: Place) -> Iterator[Expander]:
        value = value_of(found.expression, self.scope, place=place)
        if isinstance(value, Mapping):
            values: list[Value] = [{"key": key, "value": item} for key, item in value.items()]
        elif kind(value) == "Array":
            values = list(value)  # type: ignore[arg-type]  # kind() has shown that it is a sequence
        elif value is None or value == "":
            values = []
        else:
            raise place.error("Expected a sequence or mapping to loop over")
        for item in values:
            yield replace(self, loops={**self.loops, found.variable: item})

    def _text(self, node: YamlText) -> str:
        value = fill(node.value, self.scope, place=node.place)
        if kind(value) in ("Object", "Array"):
            raise node.place.error("A mapping key must be a text")
        return to_string(value)

    # Template files

    def _included(self, item: YamlNode, under: str) -> Iterator[YamlNode]:
        if under not in _INCLUDED_UNDER or not isinstance(item, YamlMap) or item.get("template") is None:
            yield item
            return
        root = self.include(item, under)
        content = root.get(under)
        if isinstance(content, YamlList):
            yield from content.items
        elif isinstance(content, YamlMap) and under == "variables":
            yield content
        else:
            raise item.place.error(f"The template has no '{under}'")

    def include(self, item: YamlMap, under: str) -> YamlMap:
        """The expanded content of a template file; `item` has been expanded and has ``template``."""
        name, values = _template_call(item)
        expander, root = self._open(name, values)
        allowed = {"parameters", under} if under else None
        for key, _ in root.entries:
            if allowed is not None and key.value not in allowed and "${{" not in key.value:
                raise key.place.error(f"Unexpected value '{key.value}'")
        body = YamlMap(tuple(entry for entry in root.entries if entry[0].value != "parameters"), root.place)
        return expander.expand_root(body)

    def expand_root(self, root: YamlMap) -> YamlMap:
        """Expand the top of a file, whose variables its other parts may use."""
        own = root.get("variables")
        expander = self.with_variables(self.expand(own, "variables")) if own else self
        return expander.mapping(root)

    def _open(self, name: YamlText, values: YamlMap | None) -> tuple[Expander, YamlMap]:
        path = self._path(name)
        self.budget.files += 1
        if self.budget.files > _MAX_FILES:
            raise name.place.error(f"A pipeline may use at most {_MAX_FILES} template files")
        if self.nesting >= _MAX_NESTING:
            raise name.place.error(f"Templates may be nested at most {_MAX_NESTING} deep")
        root = read_yaml(self._read(path, name), file=path)
        if not isinstance(root, YamlMap):
            raise root.place.error("A mapping was expected")
        given = {key.value: to_value(value) for key, value in values.entries} if values else {}
        bound = bind(declared(root.get("parameters")), given, place=name.place)
        fresh = Expander(path, bound, self.variables, {}, self.read_template, self.budget, self.nesting + 1)
        return fresh, root

    def _path(self, name: YamlText) -> str:
        text, _, repository = name.value.partition("@")
        if repository not in ("", "self"):
            raise name.place.error(
                f"'template: {name.value}' names another repository; the local server does not support it"
            )
        return posixpath.normpath(posixpath.join("/", posixpath.dirname(self.file), text))

    def _read(self, path: str, name: YamlText) -> str:
        try:
            return self.read_template(path)
        except (OSError, KeyError, ValueError) as error:
            raise name.place.error(f"File {path} not found in the repository of this pipeline") from error


def _item_directive(item: YamlNode) -> tuple[Directive, YamlNode, Place] | None:
    if not isinstance(item, YamlMap) or len(item.entries) != 1:
        return None
    key, value = item.entries[0]
    found = directive(key.value, key.place)
    return None if found is None or found.word == "insert" else (found, value, key.place)


def _template_call(item: YamlMap) -> tuple[YamlText, YamlMap | None]:
    for key, _ in item.entries:
        if key.value not in ("template", "parameters"):
            raise key.place.error(f"Unexpected value '{key.value}'")
    name, values = item.get("template"), item.get("parameters")
    if not isinstance(name, YamlText) or not name.value:
        raise item.place.error("'template' must be the path of a file")
    if values is not None and not isinstance(values, YamlMap):
        raise values.place.error("Expected a mapping")
    return name, values


def static_variables(node: YamlNode) -> dict[str, Value]:
    """Names and texts of an expanded ``variables:`` node, as far as they are known at compile time."""
    if isinstance(node, YamlMap):
        return {key.value: value.value for key, value in node.entries if isinstance(value, YamlText)}
    found: dict[str, Value] = {}
    for item in node.items if isinstance(node, YamlList) else ():
        if not isinstance(item, YamlMap):
            continue
        name, value = item.get("name"), item.get("value")
        if isinstance(name, YamlText) and isinstance(value, YamlText):
            found[name.value] = value.value
        elif name is None and item.get("group") is None:
            found.update(static_variables(item))
    return found
