"""Task `replay`: logged rows scored again, and how this environment differs from the model's requirements.

Inputs and answer as `task_predict`; besides, `environment`: a list of name, wanted and found for Python and for each
package that the model's files pin; `seen`: what the model saw otherwise than logged; `variants`: answers that the model
would have given had something not been lost in saving it.
"""

from __future__ import annotations

import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from services.runner.inside import task_predict, variants
from services.runner.inside.tasks import Context

_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*==\s*([^\s;#,]+)")
_PYTHON = re.compile(r"^\s*python:\s*['\"]?([\d.]+)", re.MULTILINE)
TEXT_LIMIT = 100_000


def run(model: Any, context: Context) -> dict[str, Any]:
    """Predict, and compare the environments."""
    frame = task_predict.frame_of(context.inputs, model)
    return {
        **task_predict.run(model, context),
        "environment": environment(context.model),
        "seen": task_predict.seen(context.inputs, frame),
        "variants": variants.of(model, frame, context.inputs),
    }


def environment(folder: Path) -> list[dict[str, str | None]]:
    """The model's pinned packages and the installed ones; `found` is None if a package is missing."""
    pins = _PIN.findall(_text(folder / "requirements.txt"))
    packages = [{"name": name, "wanted": wanted, "found": _installed(name)} for name, wanted in pins]
    python = _PYTHON.search(_text(folder / "python_env.yaml"))
    wanted = [{"name": "python", "wanted": python[1], "found": platform.python_version()}] if python else []
    return [*wanted, *packages]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")[:TEXT_LIMIT]
    except OSError:
        return ""


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
