"""Obey logging commands of a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from azure_devops_server.engine.journal import RecordResult
from azure_devops_server.engine.step.commands import LoggingCommand, parse_command
from azure_devops_server.engine.step.variables import ReadOnlyVariableError
from azure_devops_server.engine.tasks.artifacts import publish
from azure_devops_server.engine.tasks.junit import publish_results

if TYPE_CHECKING:
    from azure_devops_server.engine.step.step_run import StepRun

_RESULTS: Mapping[str, RecordResult] = {
    "succeeded": "succeeded",
    "succeededwithissues": "succeededWithIssues",
    "failed": "failed",
    "canceled": "canceled",
    "cancelled": "canceled",
    "skipped": "skipped",
}


class _CommandError(Exception):
    """A command lacks something or names what does not exist."""


def obey(line: str, step: StepRun) -> None:
    """Do what a line's command says. Unknown commands become warnings, impossible ones fail the step."""
    command = parse_command(line)
    if command is None:
        step.warning(f"Unable to parse the logging command: {line}")
        return
    handler = _HANDLERS.get(command.name)
    if handler is None:
        step.warning(f"The logging command '##vso[{command.name}]' is not known to the local server and has no effect.")
        return
    try:
        handler(command, step)
    except (_CommandError, OSError, ValueError) as error:
        step.error(f"Unable to process command '##vso[{command.name}]' successfully. {error}")
        step.conclude("failed")
    if (step.job.variables.get("System.Debug") or "").casefold() == "true":
        step.log(f"##[debug]Processed: ##vso[{command.name}]")


def _set_variable(command: LoggingCommand, step: StepRun) -> None:
    name = command.get("variable")
    if not name:
        raise _CommandError("The property 'variable' is missing.")
    secret, output = command.flag("issecret"), command.flag("isoutput")
    key = name
    if output:
        if not step.step.name:
            # Azure gives unnamed steps a generated name, which nothing can refer to.
            step.warning(f"The output variable '{name}' cannot be used by other jobs, as its step has no 'name'.")
        key = f"{step.step.name or step.step.task}.{name}"
    try:
        step.job.variables.set_by_step(key, command.text, secret=secret, readonly=command.flag("isreadonly"))
    except ReadOnlyVariableError as error:
        step.warning(str(error))
        return
    if output:
        step.job.outputs[key] = command.text
        if secret:
            step.job.secret_outputs.add(key)


def _log_issue(command: LoggingCommand, step: StepRun) -> None:
    kind = command.get("type").casefold()
    if kind not in ("error", "warning"):
        raise _CommandError("The property 'type' must be 'error' or 'warning'.")
    where = command.get("sourcepath")
    line = f"({command.get('linenumber')})" if command.get("linenumber") else ""
    text = f"{where}{line}: {command.text}" if where else command.text
    (step.error if kind == "error" else step.warning)(text)


def _complete(command: LoggingCommand, step: StepRun) -> None:
    result = _RESULTS.get(command.get("result", "succeeded").casefold())
    if result is None:
        raise _CommandError(f"The result '{command.get('result')}' is not known.")
    if command.text:
        step.log(command.text)
    step.conclude(result)


def _set_progress(command: LoggingCommand, step: StepRun) -> None:
    value = int(command.get("value", "0") or "0")
    percent = min(max(value, 0), 100)
    step.update(replace(step.record, percent=percent, operation=command.text or step.record.operation))


def _set_secret(command: LoggingCommand, step: StepRun) -> None:
    step.job.run.masker.add(command.text)


def _upload(kind: str) -> Callable[[LoggingCommand, StepRun], None]:
    def handler(command: LoggingCommand, step: StepRun) -> None:
        path = _existing(command.text, step)
        step.job.run.journal.upload(step.record.id, path, kind=kind)

    return handler


def _existing(text: str, step: StepRun) -> Path:
    path = step.path(text.strip())
    if not text.strip() or not path.exists():
        raise _CommandError(f"The file '{text}' does not exist.")
    return path


def _upload_artifact(command: LoggingCommand, step: StepRun) -> None:
    name = command.get("artifactname") or command.get("containerfolder")
    if not name:
        raise _CommandError("The property 'artifactname' is missing.")
    publish(step, name, path=_existing(command.text, step))


def _add_tag(command: LoggingCommand, step: StepRun) -> None:
    tag = command.text.strip()
    if not tag:
        raise _CommandError("The tag is empty.")
    step.job.run.journal.add_tag(step.job.run.masker.mask(tag))


def _update_build_number(command: LoggingCommand, step: StepRun) -> None:
    number = command.text.strip()
    if not number:
        raise _CommandError("The build number is empty.")
    step.job.run.journal.rename_run(step.job.run.masker.mask(number))
    step.job.variables.set("Build.BuildNumber", number, readonly=True)


def _publish_results(command: LoggingCommand, step: StepRun) -> None:
    if command.get("type").casefold() != "junit":
        raise _CommandError("The local server supports results of the type 'JUnit' only.")
    names = [name.strip() for name in command.get("resultfiles").split(",") if name.strip()]
    files = [_existing(name, step) for name in names]
    if not files:
        raise _CommandError("The property 'resultFiles' is missing.")
    publish_results(step, files, title=command.get("runtitle"), merge=command.flag("mergeresults"))


def _prepend_path(command: LoggingCommand, step: StepRun) -> None:
    folder = command.text.strip()
    if not folder:
        raise _CommandError("The path is empty.")
    step.job.prepended.append(folder)


def _debug(command: LoggingCommand, step: StepRun) -> None:
    if (step.job.variables.get("System.Debug") or "").casefold() == "true":
        step.log(f"##[debug]{command.text}")


_HANDLERS: Mapping[str, Callable[[LoggingCommand, StepRun], None]] = {
    "task.setvariable": _set_variable,
    "task.logissue": _log_issue,
    "task.complete": _complete,
    "task.setprogress": _set_progress,
    "task.setsecret": _set_secret,
    "task.uploadsummary": _upload("summary"),
    "task.uploadfile": _upload("file"),
    "task.prependpath": _prepend_path,
    "task.debug": _debug,
    "artifact.upload": _upload_artifact,
    "build.addbuildtag": _add_tag,
    "build.updatebuildnumber": _update_build_number,
    "build.uploadlog": _upload("log"),
    "results.publish": _publish_results,
}
