"""What a run will do: the pipeline after all templates and `${{ }}` are expanded. Plain, read-only data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from azure_devops_server.engine.expressions.values import Value
from azure_devops_server.engine.run_name import format_run_name

DEFAULT_CONDITION = "succeeded()"
DEFAULT_NAME = "$(Date:yyyyMMdd).$(Rev:r)"


@dataclass(frozen=True)
class Variable:
    """A variable of the YAML; `value` may hold macros ``$(x)`` or one runtime expression ``$[ … ]``."""

    name: str
    value: str
    readonly: bool = False


@dataclass(frozen=True)
class StepPlan:
    """One step; shortcuts such as ``script:`` are already written as their task."""

    task: str
    """Name of the task without version, for example ``CmdLine``; ``Checkout`` for ``checkout:``."""
    version: str
    inputs: Mapping[str, str]
    display_name: str
    name: str = ""
    condition: str = DEFAULT_CONDITION
    continue_on_error: bool = False
    enabled: bool = True
    env: Mapping[str, str] = field(default_factory=dict)
    timeout_minutes: int = 0
    """0 means no limit on the step."""
    retries: int = 0


@dataclass(frozen=True)
class InstancePlan:
    """What one agent does for a job: the job itself, one leg of a matrix, or one hook of a deployment."""

    name: str
    """``__default``, the matrix leg, or for deployments the job's name (hook deploy) or the hook's name."""
    display_name: str
    steps: tuple[StepPlan, ...]
    variables: tuple[Variable, ...] = ()
    hook: str = ""
    """preDeploy, deploy, routeTraffic, postRouteTraffic, success, failure; empty for plain jobs."""


@dataclass(frozen=True)
class JobPlan:
    """A job or deployment job; `instances` run side by side for a matrix, one after another for a deployment."""

    name: str
    display_name: str
    instances: tuple[InstancePlan, ...]
    depends_on: tuple[str, ...] = ()
    condition: str = DEFAULT_CONDITION
    variables: tuple[Variable, ...] = ()
    continue_on_error: bool = False
    timeout_minutes: int = 60
    cancel_timeout_minutes: int = 5
    environment: str | None = None
    is_deployment: bool = False


@dataclass(frozen=True)
class StagePlan:
    """A stage with its jobs in the order of the YAML."""

    name: str
    display_name: str
    jobs: tuple[JobPlan, ...]
    depends_on: tuple[str, ...] = ()
    condition: str = DEFAULT_CONDITION
    variables: tuple[Variable, ...] = ()

    @property
    def environments(self) -> tuple[str, ...]:
        """Environments that the stage deploys to, each once, in order."""
        named = (job.environment for job in self.jobs if job.environment)
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True)
class PipelinePlan:
    """A run's whole plan; `parameters` has the values in use, also the defaults."""

    stages: tuple[StagePlan, ...]
    name: str = DEFAULT_NAME
    variables: tuple[Variable, ...] = ()
    queue_variables: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Value] = field(default_factory=dict)
    final_yaml: str = ""

    def yaml(self) -> str:
        """The final YAML: templates included, expressions of compile time replaced."""
        return self.final_yaml

    @property
    def environments(self) -> tuple[str, ...]:
        """Environments of all stages, each once, in order."""
        return tuple(dict.fromkeys(name for stage in self.stages for name in stage.environments))

    def run_name(
        self, *, now: datetime, revision: Callable[[str], int], predefined: Mapping[str, str] | None = None
    ) -> str:
        """Build number from ``name:``; `revision` gives the next number for a name without its ``$(Rev:r)`` part."""
        known = {item.name: item.value for item in self.variables}
        values = {**(predefined or {}), **self.queue_variables, **known}
        return format_run_name(self.name, now=now, revision=revision, values=values)
