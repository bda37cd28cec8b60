"""Release definitions: read what a client gives, and turn an environment's tasks into pipeline YAML.

Steps are run by the same engine as YAML pipelines, so an unsupported task is refused when the definition is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from azure_devops_server.engine.definition import PipelineError, PipelinePlan, expand, load_pipeline
from azure_devops_server.http.errors import release_invalid
from azure_devops_server.http.wire import Fields

_TASKS = {
    "d9bafed4-0b18-4f58-968d-86655b4d2ce9": "CmdLine",
    "6c731c3c-3c68-459a-a5c9-bde6e6595b5b": "Bash",
    "6392f95f-7e76-4a18-b3c7-7f078d2f7700": "PythonScript",
    "33c63b11-352b-45a2-ba1b-54cb568a29ca": "UsePythonVersion",
    "0b0f01ed-7dde-43ff-9cbb-e48954daf9b1": "PublishTestResults",
}
_EXPRESSION = "${{"
AUTOMATED = {"rank": 1, "isAutomated": True, "isNotificationOn": False}


def read_definition(body: Fields) -> dict[str, Any]:
    """A definition as it is kept: environments with ids and ranks; 400 for what cannot run here."""
    name = body.text("name").strip()
    if not name:
        raise release_invalid("VS402875: The release definition needs a name.")
    given = body.array("environments")
    if not given:
        raise release_invalid("VS402877: The release definition needs at least one environment.")
    environments = [_environment(Fields(item), number) for number, item in enumerate(given, start=1)]
    names = [item["name"].casefold() for item in environments]
    if len(set(names)) < len(names):
        raise release_invalid("VS402878: Environments of a release definition need different names.")
    document = dict(body.raw) | {"name": name, "environments": environments}
    for environment in environments:
        environment_plan(environment, {})
    return document


def environment_plan(environment: Mapping[str, Any], variables: Mapping[str, str]) -> PipelinePlan:
    """What an environment's phases do, as a plan of one stage with one job a phase; 400 where they cannot run."""
    text = yaml.safe_dump(_pipeline(environment, variables), sort_keys=False, allow_unicode=True)
    try:
        definition = load_pipeline(text, read_template=_no_template, path=f"/{environment['name']}")
        return expand(definition, parameters={}, variables={}, predefined={})
    except PipelineError as error:
        raise release_invalid(str(error)) from error


def conditions(environment: Mapping[str, Any]) -> tuple[bool, list[str]]:
    """Whether the release's creation starts an environment, and the environments whose success does."""
    after: list[str] = []
    started = False
    for item in Fields(environment).array("conditions"):
        condition = Fields(item)
        kind = condition.text("conditionType").casefold()
        if kind in ("event", "1"):
            started = True
        elif kind in ("environmentstate", "2"):
            after.append(condition.text("name"))
    return started, after


def _environment(item: Fields, number: int) -> dict[str, Any]:
    name = item.text("name").strip()
    if not name:
        raise release_invalid("VS402876: Every environment needs a name.")
    document = dict(item.raw) | {"id": number, "name": name, "rank": item.number("rank") or number}
    for side in ("preDeployApprovals", "postDeployApprovals"):
        approvals = item.object(side)
        steps = approvals.array("approvals") or [AUTOMATED]
        document[side] = dict(approvals.raw) | {"approvals": [{"id": n, **step} for n, step in enumerate(steps, 1)]}
    document["deployPhases"] = _phases(item)
    document.setdefault("conditions", [{"name": "ReleaseStarted", "conditionType": "event", "value": ""}])
    document.setdefault("variables", {})
    return document


def _phases(item: Fields) -> list[Any]:
    phases = item.array("deployPhases")
    if not phases and (tasks := item.object("deployStep").array("tasks")):
        phases = [{"name": "Agent job", "phaseType": "agentBasedDeployment", "rank": 1, "workflowTasks": tasks}]
    for phase in phases:
        kind = Fields(phase).text("phaseType", "agentBasedDeployment").casefold()
        if kind not in ("agentbaseddeployment", "1"):
            raise release_invalid(f"The local server runs phases of type agentBasedDeployment only, not '{kind}'.")
    return phases


def _pipeline(environment: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, Any]:
    jobs = []
    for number, phase in enumerate(environment["deployPhases"], start=1):
        fields = Fields(phase)
        steps: list[dict[str, Any]] = [{"checkout": "self", "displayName": "Download artifacts"}]
        steps += [step for task in fields.array("workflowTasks") if (step := _step(Fields(task)))]
        job: dict[str, Any] = {"job": f"phase{number}", "displayName": fields.text("name", f"Phase {number}")}
        if number > 1:
            job["dependsOn"] = f"phase{number - 1}"
        jobs.append({**job, "steps": steps})
    if not jobs:
        jobs.append({"job": "phase1", "steps": [{"checkout": "self", "displayName": "Download artifacts"}]})
    stage = {"stage": "deploy", "displayName": environment["name"], "jobs": jobs}
    document: dict[str, Any] = {"trigger": "none", "stages": [stage]}
    if variables:
        document["variables"] = dict(variables)
    return document


def _step(task: Fields) -> dict[str, Any] | None:
    if task.get("enabled", True) is False:
        return None
    task_id = task.text("taskId").casefold()
    name = _TASKS.get(task_id)
    if name is None:
        raise release_invalid(
            f"The local server does not run the task {task_id or '(none)'}; it runs {', '.join(_TASKS.values())}."
        )
    inputs = {key: str(value) for key, value in task.object("inputs").raw.items()}
    if any(_EXPRESSION in value for value in inputs.values()):
        raise release_invalid(f"The local server does not take '{_EXPRESSION}' in the inputs of a classic task.")
    version = task.text("version", "*").split(".")[0]
    default = {"CmdLine": "2", "Bash": "3", "PythonScript": "0", "UsePythonVersion": "0", "PublishTestResults": "2"}
    step: dict[str, Any] = {"task": f"{name}@{default[name] if version == '*' else version}", "inputs": inputs}
    step["displayName"] = task.text("name", name)
    if environment := task.object("environment").raw:
        step["env"] = dict(environment)
    if task.get("continueOnError"):
        step["continueOnError"] = True
    if condition := task.text("condition"):
        step["condition"] = condition
    if task.get("alwaysRun"):
        step["condition"] = "always()"
    return step


def _no_template(path: str) -> str:
    raise OSError(path)
