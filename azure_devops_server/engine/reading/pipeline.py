"""Read an expanded pipeline: stages, or the jobs or steps at its root."""

from __future__ import annotations

from dataclasses import replace

from azure_devops_server.engine.plan import JobPlan, StagePlan
from azure_devops_server.engine.reading.conditions import read_condition
from azure_devops_server.engine.reading.fields import Fields
from azure_devops_server.engine.reading.jobs import check_graph, check_pool, implicit_job, read_jobs, spelled
from azure_devops_server.engine.reading.variables import Groups, read_variables

IGNORED = ("trigger", "pr", "schedules")
"""Keys that are accepted and have no effect here: the local server starts runs on request only."""
ROOT_KEYS = (*IGNORED, "name", "parameters", "variables", "pool", "stages", "jobs", "steps", "extends")
ROOT_UNSUPPORTED = (
    "resources", "container", "services", "workspace", "lockBehavior", "appendCommitMessageToRunName", "strategy",
)  # fmt: skip
_STAGE_KEYS = ("stage", "displayName", "dependsOn", "condition", "variables", "jobs", "pool")
_STAGE_UNSUPPORTED = ("lockBehavior", "trigger", "isSkippable", "templateContext")
DEFAULT_STAGE = "__default"


def read_stages(root: Fields, groups: Groups) -> tuple[StagePlan, ...]:
    """The stages of an expanded pipeline; problems are noted in `root`."""
    check_pool(root)
    bodies = [key for key in ("stages", "jobs", "steps") if root.has(key)]
    if len(bodies) > 1:
        root.problems.add(root.at(bodies[1]), f"'{bodies[1]}' cannot stand beside '{bodies[0]}'")
    if not bodies:
        root.problems.add(root.place, "A pipeline needs 'stages', 'jobs', 'steps' or 'extends'")
        return ()
    if bodies[0] == "stages":
        return _stages(root, groups)
    jobs = read_jobs(root, groups) if bodies[0] == "jobs" else (implicit_job(root),)
    _need_jobs(root, jobs)
    return (StagePlan(name=DEFAULT_STAGE, display_name=DEFAULT_STAGE, jobs=jobs),)


def _stages(root: Fields, groups: Groups) -> tuple[StagePlan, ...]:
    stages: list[StagePlan] = []
    items = list(root.maps("stages"))
    for item in items:
        previous = stages[-1].name if stages else None
        stages.append(_stage(item, groups, previous=previous, number=len(stages) + 1))
    if not stages:
        root.problems.add(root.at("stages"), "A pipeline needs at least one stage")
    check_graph("stage", [(stage.name, stage.depends_on) for stage in stages], items=items)
    spelling = {stage.name.casefold(): stage.name for stage in stages}
    return tuple(replace(stage, depends_on=spelled(stage.depends_on, spelling)) for stage in stages)


def _stage(item: Fields, groups: Groups, *, previous: str | None, number: int) -> StagePlan:
    if not item.has("stage"):
        first = item.node.entries[0][0].value if item.node.entries else ""
        item.problems.add(item.place, f"Unexpected value '{first}'")
    item.check(_STAGE_KEYS, _STAGE_UNSUPPORTED)
    check_pool(item)
    name = item.name("stage") or f"Stage{number}"
    depends = item.names("dependsOn")
    jobs = read_jobs(item, groups)
    _need_jobs(item, jobs)
    return StagePlan(
        name=name,
        display_name=item.text("displayName") or name,
        jobs=jobs,
        depends_on=((previous,) if previous else ()) if depends is None else depends,
        condition=read_condition(item, "stage"),
        variables=read_variables(item, groups),
    )


def _need_jobs(fields: Fields, jobs: tuple[JobPlan, ...]) -> None:
    if not jobs:
        fields.problems.add(fields.place, "A stage needs at least one job")
