"""`CmdLine@2`, `Bash@3` and `PythonScript@0`."""

from __future__ import annotations

import shlex
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from azure_devops_server.engine.step.errors import TaskError

if TYPE_CHECKING:
    from azure_devops_server.engine.step.step_run import StepRun


def run_command_line(step: StepRun) -> None:
    """`CmdLine@2` and ``script:``: bash on Linux, as on the real agent."""
    _run_shell(step, _inline(step, ".sh"), arguments=[])


def run_bash(step: StepRun) -> None:
    """`Bash@3` and ``bash:``."""
    if step.inputs["targetType"].casefold() == "inline":
        _run_shell(step, _inline(step, ".sh"), arguments=[])
    else:
        _run_shell(step, _file(step, "filePath"), arguments=_arguments(step))


def run_python(step: StepRun) -> None:
    """`PythonScript@0`."""
    inline = step.inputs["scriptSource"].casefold() == "inline"
    script = _inline(step, ".py") if inline else _file(step, "scriptPath")
    interpreter = step.inputs["pythonInterpreter"] or find_program(step, "python3") or find_program(step, "python")
    if not interpreter:
        raise TaskError("No Python was found on the PATH. Add the step UsePythonVersion@0.")
    step.execute([interpreter, str(script), *_arguments(step)], fail_on_stderr=_fail_on_stderr(step))


def find_program(step: StepRun, name: str) -> str | None:
    """A program on the step's own PATH."""
    return shutil.which(name, path=step.environment()["PATH"])


def _run_shell(step: StepRun, script: Path, *, arguments: list[str]) -> None:
    bash = find_program(step, "bash")
    if bash is None:
        raise TaskError("bash was not found on the PATH")
    step.log("========================== Starting Command Output ===========================")
    step.execute([bash, "--noprofile", "--norc", str(script), *arguments], fail_on_stderr=_fail_on_stderr(step))


def _inline(step: StepRun, suffix: str) -> Path:
    script = step.inputs["script"]
    path = step.job.folders.temp / f"{uuid.uuid4()}{suffix}"
    path.touch(mode=0o600)
    path.write_text(script if script.endswith("\n") else f"{script}\n", encoding="utf-8")
    step.log("Generating script.")
    if "\n" not in script.strip():
        step.log("Script contents:", script.strip())
    return path


def _file(step: StepRun, name: str) -> Path:
    path = step.path(step.inputs[name])
    if not path.is_file():
        raise TaskError(f"Invalid {name}: there is no file '{path}'")
    return path


def _arguments(step: StepRun) -> list[str]:
    return shlex.split(step.inputs["arguments"])


def _fail_on_stderr(step: StepRun) -> bool:
    return step.inputs["failOnStderr"].casefold() == "true"
