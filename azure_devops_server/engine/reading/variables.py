"""Read ``variables:`` in its map and list forms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from azure_devops_server.engine.plan import Variable
from azure_devops_server.engine.reading.conditions import check_runtime_expression
from azure_devops_server.engine.reading.fields import Fields, Problems
from azure_devops_server.engine.reading.source import YamlList, YamlMap, YamlNode, YamlText

Groups = Mapping[str, Mapping[str, str]]


def read_variables(fields: Fields, groups: Groups) -> tuple[Variable, ...]:
    """Variables of the pipeline, a stage or a job; the last of one name counts."""
    node = fields.node.get("variables")
    if node is None:
        return ()
    found: dict[str, Variable] = {}
    for variable in _all(node, fields.problems, groups=groups):
        found.pop(variable.name.casefold(), None)
        found[variable.name.casefold()] = variable
    return tuple(found.values())


def _all(node: YamlNode, problems: Problems, *, groups: Groups) -> Iterator[Variable]:
    if isinstance(node, YamlMap):
        fields = Fields(node, problems)
        for key, value in node.entries:
            check_runtime_expression(fields.text(key.value), value.place, problems=problems)
            yield Variable(key.value, fields.text(key.value))
    elif isinstance(node, YamlList):
        for item in node.items:
            yield from _listed(item, problems, groups=groups)
    elif node.value:
        problems.add(node.place, "Expected a mapping or a sequence for 'variables'")


def _listed(item: YamlNode, problems: Problems, *, groups: Groups) -> Iterator[Variable]:
    if not isinstance(item, YamlMap):
        problems.add(item.place, "Expected a mapping")
        return
    fields = Fields(item, problems)
    if fields.has("group"):
        fields.check(("group",))
        yield from _group(fields, groups)
    elif fields.has("name"):
        fields.check(("name", "value", "readonly"))
        check_runtime_expression(fields.text("value"), fields.at("value"), problems=problems)
        yield Variable(fields.text("name"), fields.text("value"), readonly=fields.flag("readonly", default=False))
    elif all(isinstance(value, YamlText) for _, value in item.entries):
        # A template's mapping form arrives as one item.
        yield from _all(item, problems, groups=groups)
    else:
        problems.add(item.place, "A variable needs a 'name'")


def _group(fields: Fields, groups: Groups) -> Iterator[Variable]:
    name = fields.text("group")
    folded = {key.casefold(): values for key, values in groups.items()}
    if name.casefold() not in folded:
        fields.problems.add(
            fields.at("group"),
            f"Variable group '{name}' could not be found. The local server knows only groups given with the run",
        )
        return
    for key, value in folded[name.casefold()].items():
        yield Variable(key, value)
