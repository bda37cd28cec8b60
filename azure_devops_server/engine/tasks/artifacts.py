"""Pipeline artifacts of the current run: publish and download."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from azure_devops_server.engine.step.errors import TaskError
from azure_devops_server.engine.tasks.patterns import find_files

if TYPE_CHECKING:
    from azure_devops_server.engine.step.step_run import StepRun

_FORBIDDEN = re.compile(r'[\\/":<>|*?]|^\.+$')


def run_publish_artifact(step: StepRun) -> None:
    """`PublishPipelineArtifact@1` and ``publish:``."""
    path = step.path(step.inputs["targetPath"])
    if not path.exists():
        raise TaskError(f"Path does not exist: {path}")
    default = f"{step.job.stage.plan.name}.{step.job.plan.name}.{step.job.instance.name}"
    publish(step, step.inputs["artifact"] or default, path=path)


def publish(step: StepRun, name: str, *, path: Path) -> None:
    """Keep a file or folder under a name that the run has not used yet."""
    if _FORBIDDEN.search(name):
        raise TaskError(f'Artifact name is not valid: {name}. It cannot contain \\ / " : < > | * ?')
    folder = _store(step) / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir()
    except FileExistsError as error:
        raise TaskError(f"Artifact {name} already exists in this run.") from error
    if path.is_dir():
        shutil.copytree(path, folder, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copy2(path, folder / path.name)
    step.job.run.journal.publish_artifact(name, path)
    step.log(f"Published '{path}' as the artifact '{name}'.")


def run_download_artifact(step: StepRun) -> None:
    """`DownloadPipelineArtifact@2` and ``download:``, for artifacts of this run."""
    if step.inputs["buildType"] == "none":
        step.log("No artifacts are downloaded.")
        return
    target = step.path(step.inputs["targetPath"], base=step.job.folders.workspace)
    name = step.inputs["artifactName"]
    source = _store(step) / name if name else _store(step)
    if name and (_FORBIDDEN.search(name) or not source.is_dir()):
        raise TaskError(f"Artifact {name} was not found in this run.")
    files = find_files(source, step.inputs["itemPattern"] or "**") if source.is_dir() else []
    for path in files:
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy, follow_symlinks=False)
    step.log(f"Downloaded {len(files)} file(s) to {target}.")


def _store(step: StepRun) -> Path:
    return step.job.run.context.work_dir / "artifacts"
