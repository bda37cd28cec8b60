"""What a run is asked to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from azure_devops_server.model.build import Pipeline, RunVariable


@dataclass(frozen=True)
class RunOrder:
    """What a run is asked to be. `secrets` are the values of the variables marked secret."""

    pipeline: Pipeline
    requested_by: str
    ref: str | None = None
    commit: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, RunVariable] = field(default_factory=dict)
    stages_to_skip: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    reason: str = "manual"
    yaml_override: str | None = None
