"""Build the variables and named values of stages and jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from azure_devops_server.engine.expressions.evaluate import Scope, evaluate
from azure_devops_server.engine.expressions.values import Value, to_string
from azure_devops_server.engine.plan import InstancePlan, JobPlan, StagePlan, Variable
from azure_devops_server.engine.reading.conditions import runtime_expression
from azure_devops_server.engine.step.state import RunState, StageState
from azure_devops_server.engine.step.status import job_dependency, stage_dependency, stage_jobs
from azure_devops_server.engine.step.variables import Variables


def stage_names(run: RunState, stage: StagePlan) -> dict[str, Value]:
    """``parameters`` and ``dependencies`` of a stage: the stages that it names in ``dependsOn``."""
    known = {name: run.stages[name] for name in stage.depends_on if name in run.stages}
    dependencies: dict[str, Value] = {name: stage_dependency(outcome) for name, outcome in known.items()}
    return {"parameters": run.plan.parameters, "dependencies": dependencies}


def job_names(stage: StageState, job: JobPlan) -> dict[str, Value]:
    """``parameters``, ``dependencies`` (jobs) and ``stageDependencies`` of a job."""
    own: dict[str, Value] = {name: job_dependency(stage.jobs[name]) for name in job.depends_on if name in stage.jobs}
    stages = stage.run.stages
    others: dict[str, Value] = {name: stage_jobs(stages[name]) for name in stage.plan.depends_on if name in stages}
    parameters = stage_names(stage.run, stage.plan)["parameters"]
    return {"parameters": parameters, "dependencies": own, "stageDependencies": others}


def stage_level_variables(run: RunState, stage: StagePlan, *, names: Mapping[str, Value]) -> Variables:
    """Variables of the pipeline and the stage."""
    variables = _base(run)
    add(variables, run.plan.variables, names=names)
    add(variables, stage.variables, names=names)
    return variables


def job_level_variables(
    stage: StageState, job: JobPlan, *, instance: InstancePlan, names: Mapping[str, Value]
) -> Variables:
    """Variables of the pipeline, the stage, the job and a matrix leg; later ones win."""
    variables = _base(stage.run)
    for layer in (stage.run.plan.variables, stage.plan.variables, job.variables, instance.variables):
        add(variables, layer, names=names)
    return variables


def _base(run: RunState) -> Variables:
    variables = Variables(run.masker)
    variables.update(run.context.predefined_variables, readonly=True)
    variables.update(run.plan.queue_variables)
    for name, value in run.context.secrets.items():
        variables.set(name, value, secret=True)
    return variables


def add(variables: Variables, layer: Sequence[Variable], *, names: Mapping[str, Value]) -> None:
    """Define a layer of variables; ``$[ … ]`` is evaluated with what is known so far."""
    for variable in layer:
        expression = runtime_expression(variable.value)
        value = variable.value
        if expression is not None:
            value = to_string(evaluate(expression, Scope({**_NOTHING, **names, "variables": variables.mapping()})))
        secret = expression is not None and variables.reveals(value)
        variables.set(variable.name, value, secret=secret, readonly=variable.readonly)


_NOTHING: Mapping[str, Value] = {"dependencies": {}, "stageDependencies": {}}
