"""Read a pipeline's YAML and expand it into a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import yaml

from azure_devops_server.engine.errors import PipelineError
from azure_devops_server.engine.expressions.values import Value
from azure_devops_server.engine.plan import DEFAULT_NAME, PipelinePlan
from azure_devops_server.engine.reading.fields import Fields, Problems
from azure_devops_server.engine.reading.parameters import Parameter, bind, declared, from_request
from azure_devops_server.engine.reading.pipeline import IGNORED, ROOT_KEYS, ROOT_UNSUPPORTED, read_stages
from azure_devops_server.engine.reading.source import YamlMap, YamlNode, read_yaml, to_value
from azure_devops_server.engine.reading.templates import Expander
from azure_devops_server.engine.reading.variables import Groups, read_variables

__all__ = ["PipelineDefinition", "PipelineError", "PipelinePlan", "expand", "load_pipeline"]

_NOT_EXPANDED = (*IGNORED, "parameters")


@dataclass(frozen=True)
class PipelineDefinition:
    """A pipeline's YAML, read and found well-formed; `read_template` fetches files of the same repository.

    `read_template` gets paths from the root of the repository, such as ``/templates/steps.yml``, and raises OSError,
    KeyError or ValueError if there is no such file.
    """

    path: str
    root: YamlMap
    parameters: tuple[Parameter, ...]
    read_template: Callable[[str], str]


def load_pipeline(
    text: str, *, read_template: Callable[[str], str], path: str = "/azure-pipelines.yml"
) -> PipelineDefinition:
    """Read YAML and check its top level and parameters; PipelineError tells line and column of what is wrong."""
    root = read_yaml(text, file=path)
    if not isinstance(root, YamlMap):
        raise root.place.error("A mapping was expected")
    problems = Problems()
    plain = YamlMap(tuple(entry for entry in root.entries if "${{" not in entry[0].value), root.place)
    Fields(plain, problems).check(ROOT_KEYS, ROOT_UNSUPPORTED)
    problems.raise_if_any()
    parameters = declared(root.get("parameters"))
    return PipelineDefinition(path=path, root=root, parameters=parameters, read_template=read_template)


def expand(
    definition: PipelineDefinition,
    *,
    parameters: Mapping[str, object],
    variables: Mapping[str, str],
    predefined: Mapping[str, str],
    groups: Groups | None = None,
) -> PipelinePlan:
    """Check parameters, fill in templates and `${{ }}`, and read the result; PipelineError lists all problems.

    `parameters` come as in an API request (texts or JSON), `variables` are those given with the run, `predefined`
    such as ``Build.SourceBranch``; `groups` are variable groups by name, without which ``group:`` is refused.
    """
    bound = bind(definition.parameters, from_request(definition.parameters, parameters))
    expander = Expander.for_root(
        definition.path,
        parameters=bound,
        variables={**predefined, **variables},
        read_template=definition.read_template,
    )
    root = _expanded_root(definition, expander)
    return _plan(root, bound, queue_variables=variables, groups=groups or {})


def _expanded_root(definition: PipelineDefinition, expander: Expander) -> YamlMap:
    entries = tuple(entry for entry in definition.root.entries if entry[0].value not in _NOT_EXPANDED)
    root = expander.expand_root(YamlMap(entries, definition.root.place))
    call = root.get("extends")
    if call is None:
        return root
    if not isinstance(call, YamlMap):
        raise call.place.error("Expected a mapping with 'template'")
    extended = expander.include(call, "")
    own = tuple(entry for entry in root.entries if entry[0].value != "extends")
    return YamlMap((*own, *extended.entries), root.place)


def _plan(
    root: YamlMap, parameters: Mapping[str, Value], *, queue_variables: Mapping[str, str], groups: Groups
) -> PipelinePlan:
    problems = Problems()
    fields = Fields(root, problems)
    _refuse_twice(root, problems)
    fields.check(ROOT_KEYS, ROOT_UNSUPPORTED)
    plan = PipelinePlan(
        stages=read_stages(fields, groups),
        name=fields.text("name") or DEFAULT_NAME,
        variables=read_variables(fields, groups),
        queue_variables=dict(queue_variables),
        parameters=parameters,
        final_yaml=_dump(root),
    )
    problems.raise_if_any()
    return plan


def _refuse_twice(root: YamlMap, problems: Problems) -> None:
    seen: set[str] = set()
    for key, _ in root.entries:
        if key.value in seen:
            problems.add(key.place, f"'{key.value}' is already defined")
        seen.add(key.value)


def _dump(root: YamlNode) -> str:
    return yaml.safe_dump(to_value(root), sort_keys=False, allow_unicode=True, width=120)
