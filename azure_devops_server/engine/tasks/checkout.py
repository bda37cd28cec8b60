"""``checkout:``: a copy of the repository for the job alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azure_devops_server.engine.step.step_run import StepRun

_LEFT_OUT = frozenset({".git", ".venv", "node_modules", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"})


def run_checkout(step: StepRun) -> None:
    """Copy the sources into ``Build.SourcesDirectory``; nothing for ``none``."""
    if step.inputs["repository"] == "none":
        step.log("The sources are not checked out.")
        return
    source, target = step.job.run.context.source_dir, step.job.folders.sources
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, ignore=_ignore(step.job.run.context.work_dir))
    if step.inputs["persistCredentials"].casefold() == "true":
        step.log("persistCredentials: the copy has no .git folder, so there is no Git remote to keep credentials for.")
    step.log(f"Copied the repository to {target}, without: {', '.join(sorted(_LEFT_OUT))}.")


def _ignore(work_dir: Path) -> Callable[[str, list[str]], set[str]]:
    """Names that are not copied: tool folders, the run's own folder, and anything but files, folders and links."""
    own = work_dir.resolve()

    def is_foreign(path: Path) -> bool:
        return not path.is_symlink() and (path.resolve() == own or not (path.is_file() or path.is_dir()))

    def ignore(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if name in _LEFT_OUT or is_foreign(Path(folder) / name)}

    return ignore
