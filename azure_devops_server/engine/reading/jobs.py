"""Read ``jobs:``: plain jobs, matrix jobs and deployment jobs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from azure_devops_server.engine.plan import InstancePlan, JobPlan, StepPlan, Variable
from azure_devops_server.engine.reading.conditions import read_condition
from azure_devops_server.engine.reading.fields import Fields
from azure_devops_server.engine.reading.source import YamlList, YamlMap, YamlText
from azure_devops_server.engine.reading.steps import read_steps
from azure_devops_server.engine.reading.variables import Groups, read_variables
from azure_devops_server.engine.tasks.catalog import CHECKOUT, task_spec

DEFAULT_INSTANCE = "__default"
_COMMON = (
    "displayName", "dependsOn", "condition", "strategy", "continueOnError", "pool", "timeoutInMinutes",
    "cancelTimeoutInMinutes", "variables",
)  # fmt: skip
_UNSUPPORTED = ("container", "services", "workspace", "uses", "templateContext")
_HOOKS = ("preDeploy", "deploy", "routeTraffic", "postRouteTraffic")
_MATRIX_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class _Named:
    name: str
    display_name: str


def read_jobs(fields: Fields, groups: Groups) -> tuple[JobPlan, ...]:
    """All jobs of ``jobs:``, with checked names and dependencies."""
    jobs: list[JobPlan] = []
    items: list[Fields] = []
    for item in fields.maps("jobs"):
        job = _job(item, groups, number=len(jobs) + 1)
        if job is not None:
            jobs.append(job)
            items.append(item)
    check_graph("job", [(job.name, job.depends_on) for job in jobs], items=items)
    spelling = {job.name.casefold(): job.name for job in jobs}
    return tuple(replace(job, depends_on=spelled(job.depends_on, spelling)) for job in jobs)


def spelled(names: Sequence[str], spelling: Mapping[str, str]) -> tuple[str, ...]:
    """Dependencies written as the names that they mean; names ignore case."""
    return tuple(spelling.get(name.casefold(), name) for name in names)


def implicit_job(fields: Fields) -> JobPlan:
    """The job around ``steps:`` that stand at the root."""
    instance = InstancePlan(DEFAULT_INSTANCE, "Job", _with_checkout(read_steps(fields)))
    return JobPlan(name="Job", display_name="Job", instances=(instance,))


def _job(item: Fields, groups: Groups, *, number: int) -> JobPlan | None:
    check_pool(item)
    if item.has("deployment"):
        item.check(("deployment", "environment", *_COMMON), _UNSUPPORTED)
        return _deployment(item, groups, number=number)
    if item.has("job"):
        item.check(("job", "steps", *_COMMON), _UNSUPPORTED)
        return _plain_job(item, groups, number=number)
    first = item.node.entries[0][0] if item.node.entries else None
    item.problems.add(first.place if first else item.place, f"Unexpected value '{first.value if first else ''}'")
    return None


def check_pool(fields: Fields) -> None:
    """``pool:`` is accepted, as all steps run on this machine; agentless jobs are not."""
    node = fields.node.get("pool")
    if isinstance(node, YamlText) and node.value.casefold() == "server":
        fields.problems.unsupported(node.place, "'pool: server' (agentless jobs)")


def _plain_job(item: Fields, groups: Groups, *, number: int) -> JobPlan:
    named = _named(item, "job", default=f"Job{number}")
    steps = _with_checkout(read_steps(item))
    listed = item.node.get("steps")
    if not steps and not (isinstance(listed, YamlList) and listed.items):
        item.problems.add(item.place, f"The job {named.name} has no steps")
    return _plan(item, named, instances=tuple(_instances(item, named, steps=steps)), groups=groups)


def _instances(item: Fields, named: _Named, *, steps: Sequence[StepPlan]) -> Iterator[InstancePlan]:
    strategy = item.map("strategy")
    if strategy is None:
        yield InstancePlan(DEFAULT_INSTANCE, named.display_name, tuple(steps))
        return
    strategy.check(("matrix", "maxParallel"), ("parallel",))
    strategy.count("maxParallel", 0)
    matrix = strategy.map("matrix")
    for key, _ in matrix.node.entries if matrix else ():
        if not _MATRIX_NAME.fullmatch(key.value):
            item.problems.add(key.place, f"The matrix name '{key.value}' is not valid")
        values = matrix.texts(key.value) if matrix else {}
        variables = tuple(Variable(name, value) for name, value in values.items())
        yield InstancePlan(key.value, f"{named.display_name} {key.value}", tuple(steps), variables)


def _with_checkout(steps: tuple[StepPlan, ...]) -> tuple[StepPlan, ...]:
    if any(step.task == CHECKOUT.name for step in steps) or not steps:
        return steps
    checkout = StepPlan(
        CHECKOUT.name, CHECKOUT.version, {"repository": "self", "persistCredentials": "false"}, "Checkout self"
    )
    return (checkout, *steps)


def _deployment(item: Fields, groups: Groups, *, number: int) -> JobPlan:
    named = _named(item, "deployment", default=f"Deployment{number}")
    environment = _environment(item)
    strategy = item.map("strategy")
    if strategy is None:
        item.problems.add(item.place, f"The deployment {named.name} needs a 'strategy' with 'runOnce'")
        return _plan(item, named, instances=(), groups=groups)
    strategy.check(("runOnce",), ("canary", "rolling"))
    once = strategy.map("runOnce")
    instances = tuple(_hooks(once, named)) if once else ()
    if once and not once.has("deploy"):
        once.problems.add(once.place, "The strategy 'runOnce' needs 'deploy'")
    return _plan(item, named, instances=instances, groups=groups, environment=environment)


def _environment(item: Fields) -> str | None:
    node = item.node.get("environment")
    if isinstance(node, YamlMap):
        fields = Fields(node, item.problems)
        fields.check(("name",), ("resourceName", "resourceType", "resourceId", "tags"))
        name = fields.text("name")
    else:
        name = item.text("environment")
        if "." in name:
            item.problems.unsupported(item.at("environment"), f"A resource of an environment ('{name}')")
    if not name and node is not None:
        item.problems.add(item.at("environment"), "The environment's name is empty, so its checks could not be asked")
    if "$" in name:
        item.problems.add(
            item.at("environment"), f"The environment '{name}' must be known before the run starts. Use ${{{{ }}}}"
        )
    return name or None


def _hooks(once: Fields, named: _Named) -> Iterator[InstancePlan]:
    once.check((*_HOOKS, "on"))
    for hook in _HOOKS:
        below = once.map(hook)
        if below is not None:
            yield _hook(below, hook, named=named)
    on = once.map("on")
    if on is None:
        return
    on.check(("success", "failure"))
    for hook in ("success", "failure"):
        below = on.map(hook)
        if below is not None:
            yield _hook(below, hook, named=named)


def _hook(fields: Fields, hook: str, *, named: _Named) -> InstancePlan:
    fields.check(("steps", "pool"))
    check_pool(fields)
    steps = read_steps(fields)
    if hook == "deploy":
        steps = _with_download(steps)
    name = named.name if hook == "deploy" else _instance_name(hook)
    shown = named.display_name if hook == "deploy" else f"{named.display_name} - {_instance_name(hook)}"
    return InstancePlan(name, shown, steps, hook=hook)


def _instance_name(hook: str) -> str:
    return f"On{hook.capitalize()}" if hook in ("success", "failure") else hook[0].upper() + hook[1:]


def _with_download(steps: tuple[StepPlan, ...]) -> tuple[StepPlan, ...]:
    """Deployments fetch the run's artifacts first, unless a step says what to download."""
    spec = task_spec("DownloadPipelineArtifact")
    if any(step.task == spec.name for step in steps):
        return steps
    inputs = {key: declared.default for key, declared in spec.inputs.items()}
    return (StepPlan(spec.name, spec.version, inputs, "Download artifacts of this run"), *steps)


def _named(item: Fields, key: str, *, default: str) -> _Named:
    name = item.name(key) or default
    return _Named(name, item.text("displayName") or name)


def _plan(
    item: Fields,
    named: _Named,
    *,
    instances: tuple[InstancePlan, ...],
    groups: Groups,
    environment: str | None = None,
) -> JobPlan:
    return JobPlan(
        name=named.name,
        display_name=named.display_name,
        instances=instances,
        depends_on=item.names("dependsOn") or (),
        condition=read_condition(item, "job"),
        variables=read_variables(item, groups),
        continue_on_error=item.flag("continueOnError", default=False),
        timeout_minutes=item.count("timeoutInMinutes", 60),
        cancel_timeout_minutes=item.count("cancelTimeoutInMinutes", 5),
        environment=environment,
        is_deployment=item.has("deployment"),
    )


def check_graph(word: str, nodes: Sequence[tuple[str, tuple[str, ...]]], *, items: Sequence[Fields]) -> None:
    """Note names that appear twice, unknown dependencies and circles; names ignore case, as in Azure."""
    known = [name.casefold() for name, _ in nodes]
    wants = {name.casefold(): {other.casefold() for other in depends} for name, depends in nodes}
    for index, ((name, depends), item) in enumerate(zip(nodes, items, strict=True)):
        if name.casefold() in known[:index]:
            item.problems.add(item.place, f"The {word} name {name} appears more than once. Names must be unique")
        for other in depends:
            if other.casefold() not in known:
                item.problems.add(item.at("dependsOn"), f"The {word} {name} depends on unknown {word} {other}")
    is_unique = len(set(known)) == len(known)
    if items and is_unique and (circle := _circle(wants)):
        items[0].problems.add(items[0].place, f"The {word}s depend on each other in a circle: {', '.join(circle)}")


def _circle(wants: dict[str, set[str]]) -> list[str]:
    left = dict(wants)
    while ready := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in ready:
            del left[name]
    return sorted(left)
