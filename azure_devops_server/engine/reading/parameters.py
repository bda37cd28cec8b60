"""Typed parameters of a pipeline or template: read their declarations, check and convert what is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from azure_devops_server.engine.errors import PipelineError
from azure_devops_server.engine.expressions.values import Value, kind, number_text, to_number, to_string
from azure_devops_server.engine.reading.source import Place, YamlList, YamlMap, YamlNode, YamlText, read_yaml, to_value

_SIMPLE = ("string", "number", "boolean")
_LISTS = ("stepList", "jobList", "deploymentList", "stageList")
_SINGLE = ("step", "job", "deployment", "stage")
_TYPES = {name.casefold(): name for name in (*_SIMPLE, "object", "stringList", *_LISTS, *_SINGLE)}
_KEYS = ("name", "displayName", "type", "default", "values")


@dataclass(frozen=True)
class Parameter:
    """A declared parameter; `type` is empty for the old mapping form, which takes any value."""

    name: str
    type: str
    place: Place
    default: YamlNode | None = None
    values: tuple[str, ...] = ()


def declared(node: YamlNode | None) -> tuple[Parameter, ...]:
    """Read ``parameters:`` in its list form, or the mapping form of templates."""
    if node is None or (isinstance(node, YamlText) and not node.value):
        return ()
    if isinstance(node, YamlMap):
        return tuple(Parameter(key.value, "", key.place, default=value) for key, value in node.entries)
    if isinstance(node, YamlList):
        found = tuple(_parameter(item) for item in node.items)
        _refuse_twice(found)
        return found
    raise node.place.error("Expected a sequence of parameters")


def _refuse_twice(found: Sequence[Parameter]) -> None:
    seen: set[str] = set()
    for parameter in found:
        if parameter.name.casefold() in seen:
            raise parameter.place.error(f"The parameter '{parameter.name}' is already defined")
        seen.add(parameter.name.casefold())


def _parameter(item: YamlNode) -> Parameter:
    if not isinstance(item, YamlMap):
        raise item.place.error("Expected a mapping with the parameter's name and type")
    for key, _ in item.entries:
        if key.value not in _KEYS:
            raise key.place.error(f"Unexpected value '{key.value}'")
    name, type_node = item.get("name"), item.get("type")
    if not isinstance(name, YamlText) or not name.value:
        raise item.place.error("A parameter needs a 'name'")
    type_name = _type(type_node)
    values = _values(item.get("values"))
    parameter = Parameter(name.value, type_name, name.place, default=item.get("default"), values=values)
    if parameter.default is not None:
        _from_yaml(parameter, parameter.default)
    return parameter


def _type(node: YamlNode | None) -> str:
    if node is None:
        return "string"
    if not isinstance(node, YamlText) or node.value.casefold() not in _TYPES:
        shown = node.value if isinstance(node, YamlText) else "a mapping or sequence"
        raise node.place.error(f"Unexpected value '{shown}'")
    return _TYPES[node.value.casefold()]


def _values(node: YamlNode | None) -> tuple[str, ...]:
    if node is None:
        return ()
    if not isinstance(node, YamlList):
        raise node.place.error("Expected a sequence of allowed values")
    return tuple(item.value for item in node.items if isinstance(item, YamlText))


def bind(
    parameters: Sequence[Parameter], given: Mapping[str, Value], *, place: Place | None = None
) -> dict[str, Value]:
    """Values of all parameters; PipelineError lists each that is unknown, missing or of the wrong type.

    `place` is where a template is called; parameters of a request have none.
    """
    folded = {name.casefold(): value for name, value in given.items()}
    known = {parameter.name.casefold() for parameter in parameters}
    unknown = [f"Unexpected parameter '{name}'" for name in given if name.casefold() not in known]
    problems = [place.say(message) if place else message for message in unknown]
    bound: dict[str, Value] = {}
    for parameter in parameters:
        try:
            bound[parameter.name] = _bound(parameter, folded)
        except PipelineError as error:
            problems.extend(error.messages)
    if problems:
        raise PipelineError(problems)
    return bound


def _bound(parameter: Parameter, given: Mapping[str, Value]) -> Value:
    name = parameter.name.casefold()
    if name in given:
        return convert(parameter, given[name])
    if parameter.default is not None:
        return _from_yaml(parameter, parameter.default)
    raise PipelineError([f"A value for the '{parameter.name}' parameter must be provided."])


def _from_yaml(parameter: Parameter, node: YamlNode) -> Value:
    return convert(parameter, to_value(node), place=node.place)


def convert(parameter: Parameter, value: Value, *, place: Place | None = None) -> Value:
    """A given value as the parameter's type; PipelineError names parameter, value and type."""
    shape = kind(value)
    if parameter.type in _SIMPLE and shape in ("Object", "Array"):
        raise _wrong(parameter, shape.lower(), place=place)
    if parameter.type in (*_LISTS, "stringList") and shape != "Array":
        raise _wrong(parameter, to_string(value) if shape == "String" else shape.lower(), place=place)
    if parameter.type in _SINGLE and shape != "Object":
        raise _wrong(parameter, to_string(value) if shape == "String" else shape.lower(), place=place)
    converted = _simple(parameter, value, place=place) if parameter.type in _SIMPLE else value
    _check_allowed(parameter, converted, place=place)
    return converted


def _simple(parameter: Parameter, value: Value, *, place: Place | None) -> Value:
    text = to_string(value)
    if parameter.type == "boolean":
        if text.casefold() not in ("true", "false"):
            raise _wrong(parameter, text, place=place)
        return text.casefold() == "true"
    if parameter.type == "number":
        number = to_number(value) if text.strip() else None
        if number is None:
            raise _wrong(parameter, text, place=place)
        return number
    return text


def _wrong(parameter: Parameter, shown: str, *, place: Place | None) -> PipelineError:
    message = f"The '{parameter.name}' parameter value '{shown}' is not a valid {parameter.type.capitalize()}."
    return PipelineError([(place or parameter.place).say(message)])


def _check_allowed(parameter: Parameter, value: Value, *, place: Place | None) -> None:
    if not parameter.values:
        return
    text = number_text(value) if isinstance(value, float) else None
    shown = text if text is not None else to_string(value) if kind(value) not in ("Object", "Array") else ""
    if shown.casefold() not in {allowed.casefold() for allowed in parameter.values}:
        allowed_text = ", ".join(parameter.values)
        message = f"The '{parameter.name}' parameter value '{shown}' is not an allowed value. Allowed: {allowed_text}"
        raise PipelineError([(place or parameter.place).say(message)])


def from_request(parameters: Sequence[Parameter], given: Mapping[str, object]) -> dict[str, Value]:
    """Values of an API request as values of expressions: texts, JSON values, or JSON written as text."""
    types = {parameter.name.casefold(): parameter.type for parameter in parameters}
    return {name: _request_value(value, types.get(name.casefold(), "string")) for name, value in given.items()}


def _request_value(value: object, type_name: str) -> Value:
    if type_name in (*_LISTS, *_SINGLE):
        raise PipelineError([f"The local server does not take parameters of type '{type_name}' from a request"])
    if isinstance(value, str) and type_name in ("object", "stringList", ""):
        return _json_text(value)
    return _texts(value)


def _json_text(text: str) -> Value:
    # JSON is YAML: scalars become texts, just as those of the file's own defaults.
    return to_value(read_yaml(text, file="(parameters)"))


def _texts(value: object) -> Value:
    if isinstance(value, Mapping):
        return {str(key): _texts(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_texts(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return to_string(value)
    raise PipelineError([f"A parameter value of type {type(value).__name__} cannot be used"])
