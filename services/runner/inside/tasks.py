"""The tasks that a model's process can do. A task is a module of this package with `run(model, context)`.

It gets the loaded MLflow pyfunc model and gives back JSON values; NaN and infinity are not JSON. Larger results go into
files below `context.out`.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FAILED, REFUSED = 3, 4
_NAME = re.compile(r"[a-z][a-z_]{0,40}")


@dataclass(frozen=True)
class Context:
    """What a task works with."""

    model: Path
    inputs: Mapping[str, Any]
    files: Mapping[str, Path]
    """Input files by name, readable."""
    out: Path
    """Folder for result files."""
    progress_file: Path

    def progress(self, done: int, total: int, what: str) -> None:
        """Report progress."""
        part = self.progress_file.with_suffix(".part")
        part.write_text(json.dumps({"done": done, "total": total, "what": what}))
        part.replace(self.progress_file)


class StageError(Exception):
    """Carries the stage of the failure: load, input or task."""

    def __init__(self, stage: str) -> None:
        super().__init__(stage)
        self.stage = stage


def run(name: str, context: Context) -> Any:
    """Load the model and run the task. Passes on the model's errors."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"There is no task {name!r}.")
    module = importlib.import_module(f"services.runner.inside.task_{name}")
    context.progress(0, 1, "loading the model")
    model = _load(context.model)
    return module.run(model, context)


def _load(path: Path) -> Any:
    import mlflow.pyfunc

    try:
        return mlflow.pyfunc.load_model(str(path), suppress_warnings=True)
    except BaseException as error:
        raise StageError("load") from error
