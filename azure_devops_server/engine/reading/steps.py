"""Read ``steps:``: tasks, and the shortcuts that stand for tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from azure_devops_server.engine.plan import StepPlan
from azure_devops_server.engine.reading.conditions import read_condition
from azure_devops_server.engine.reading.fields import Fields
from azure_devops_server.engine.tasks.catalog import CHECKOUT, SUPPORTED, TASKS, Input, TaskSpec, task_spec

_COMMON = (
    "displayName", "name", "condition", "continueOnError", "enabled", "env", "timeoutInMinutes",
    "retryCountOnTaskFailure",
)  # fmt: skip
_COMMON_UNSUPPORTED = ("target",)
_CHECKOUT_PLAIN = ("clean", "fetchDepth", "fetchTags", "lfs", "submodules", "persistCredentials")
_CHECKOUT_OFF = ("lfs", "submodules")
_UNSUPPORTED = {
    "powershell": (), "pwsh": (), "getPackage": (), "reviewApp": (), "upload": (), "downloadBuild": (),
    "template": (),
}  # fmt: skip


@dataclass(frozen=True)
class _Reader:
    """How one kind of step is read: its own keys, and the task and inputs that it stands for."""

    keys: tuple[str, ...]
    unsupported: tuple[str, ...] = ()


_READERS = {
    "script": _Reader(("script", "workingDirectory", "failOnStderr")),
    "bash": _Reader(("bash", "workingDirectory", "failOnStderr")),
    "task": _Reader(("task", "inputs")),
    "checkout": _Reader(("checkout", *_CHECKOUT_PLAIN), ("path", "fetchFilter", "sparseCheckoutDirectories")),
    "download": _Reader(("download", "artifact", "patterns"), ("tags", "preferTriggeringPipeline")),
    "publish": _Reader(("publish", "artifact"), ("properties",)),
}


def read_steps(fields: Fields, key: str = "steps") -> tuple[StepPlan, ...]:
    """All steps of a job or hook, as tasks."""
    steps: list[StepPlan] = []
    for item in fields.maps(key):
        step = _step(item)
        if step is None:
            continue
        if step.name and step.name.casefold() in {other.name.casefold() for other in steps}:
            fields.problems.add(item.at("name"), f"The step name {step.name} appears more than once")
        steps.append(step)
    return tuple(steps)


def _step(item: Fields) -> StepPlan | None:
    word = next((key.value for key, _ in item.node.entries if key.value in _READERS), None)
    if word is None:
        _refuse(item)
        return None
    reader = _READERS[word]
    item.check((*_COMMON, *reader.keys), (*_COMMON_UNSUPPORTED, *reader.unsupported))
    if word == "task":
        return _task(item)
    if word == "checkout":
        return _checkout(item)
    return _shortcut(word, item)


def _refuse(item: Fields) -> None:
    for key, _ in item.node.entries:
        if key.value in _UNSUPPORTED:
            item.problems.unsupported(key.place, f"The step '{key.value}'")
            return
    first = item.node.entries[0][0] if item.node.entries else None
    item.problems.add(first.place if first else item.place, f"Unexpected value '{first.value if first else ''}'")


def _task(item: Fields) -> StepPlan | None:
    reference = item.text("task")
    spec = TASKS.get(reference.casefold())
    if spec is None:
        item.problems.add(
            item.at("task"),
            f"The task '{reference}' is not supported by the local server. It supports: {SUPPORTED}",
        )
        return None
    given = item.map("inputs")
    return _plan(item, spec, inputs=_inputs(spec, given, item=item), title=spec.title)


def _inputs(spec: TaskSpec, given: Fields | None, *, item: Fields) -> dict[str, str]:
    names = {name.casefold(): key for key, declared in spec.inputs.items() for name in (key, *declared.aliases)}
    values = {key: declared.default for key, declared in spec.inputs.items()}
    for key, _ in given.node.entries if given else ():
        own = names.get(key.value.casefold())
        if own is None:
            item.problems.unsupported(key.place, f"The input '{key.value}' of {spec.reference}")
        elif given is not None:
            values[own] = given.text(key.value)
            _check_input(spec.inputs[own], key.value, value=values[own], given=given)
    _check_needed(spec, values, item=item)
    return values


def _check_input(declared: Input, name: str, *, value: str, given: Fields) -> None:
    allowed = {option.casefold() for option in declared.only}
    if allowed and "$(" not in value and value.casefold() not in allowed:
        given.problems.unsupported(given.at(name), f"The value '{value}' of '{name}'")


def _check_needed(spec: TaskSpec, values: Mapping[str, str], *, item: Fields) -> None:
    needed = [key for key, declared in spec.inputs.items() if declared.required]
    if spec.name in ("Bash", "PythonScript"):
        source = values["targetType" if spec.name == "Bash" else "scriptSource"].casefold()
        path = "filePath" if spec.name == "Bash" else "scriptPath"
        needed.append("script" if source == "inline" else path)
    for key in needed:
        if not values[key]:
            item.problems.add(item.place, f"The task {spec.reference} needs the input '{key}'")


def _checkout(item: Fields) -> StepPlan | None:
    repository = item.text("checkout")
    if repository not in ("self", "none"):
        item.problems.unsupported(item.at("checkout"), f"'checkout: {repository}'")
        return None
    for key in _CHECKOUT_OFF:
        if item.has(key) and item.text(key).casefold() not in ("false", ""):
            item.problems.unsupported(item.at(key), f"'{key}: {item.text(key)}'")
    inputs = {"repository": repository, "persistCredentials": item.text("persistCredentials", "false")}
    return _plan(item, CHECKOUT, inputs=inputs, title=f"Checkout {repository}")


def _shortcut(word: str, item: Fields) -> StepPlan | None:
    value = item.text(word)
    if not value and word != "download":
        item.problems.add(item.at(word), f"'{word}' must not be empty")
    folder = item.text("workingDirectory")
    stderr = item.text("failOnStderr", "false")
    if word == "script":
        inputs = {"script": value, "workingDirectory": folder, "failOnStderr": stderr}
        return _plan(item, task_spec("CmdLine"), inputs=inputs, title="CmdLine")
    if word == "bash":
        inputs = {"targetType": "inline", "script": value, "workingDirectory": folder, "failOnStderr": stderr}
        return _plan(item, task_spec("Bash"), inputs=inputs, title="Bash")
    if word == "publish":
        return _publish(item, value)
    return _download(item, value)


def _publish(item: Fields, path: str) -> StepPlan:
    inputs = {"targetPath": path, "artifact": item.text("artifact"), "publishLocation": "pipeline"}
    return _plan(item, task_spec("PublishPipelineArtifact"), inputs=inputs, title="PublishPipelineArtifact")


def _download(item: Fields, source: str) -> StepPlan | None:
    if source not in ("current", "none"):
        item.problems.unsupported(item.at("download"), f"'download: {source}'")
        return None
    artifact = item.text("artifact")
    inputs = {
        "buildType": source,
        "artifactName": artifact,
        "itemPattern": item.text("patterns", "**"),
        "targetPath": f"$(Pipeline.Workspace)/{artifact}" if artifact else "$(Pipeline.Workspace)",
    }
    return _plan(item, task_spec("DownloadPipelineArtifact"), inputs=inputs, title="DownloadPipelineArtifact")


def _plan(item: Fields, spec: TaskSpec, *, inputs: Mapping[str, str], title: str) -> StepPlan:
    filled = {**{key: declared.default for key, declared in spec.inputs.items()}, **inputs}
    return StepPlan(
        task=spec.name,
        version=spec.version,
        inputs=filled,
        display_name=item.text("displayName") or title,
        name=item.name("name"),
        condition=read_condition(item, "step"),
        continue_on_error=item.flag("continueOnError", default=False),
        enabled=item.flag("enabled", default=True),
        env=item.texts("env"),
        timeout_minutes=item.count("timeoutInMinutes", 0),
        retries=item.count("retryCountOnTaskFailure", 0),
    )
