"""Entry of the model's process: `python -I main.py WORK`. Reads `request.json` there, writes `result.json`.

The request: task, inputs, files (name to path), limits, hidden. All of its output goes through files in the work
folder, so nothing that a model prints can be mistaken for an answer.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from services.runner.inside import jail, tasks

TEXT_LIMIT = 2000
CODE_SPACE = 2 * 2**30
"""Address space beyond the memory limit: libraries map far more than they use. The watcher measures actual use."""


def main(work: Path) -> int:
    """Set up the isolation, then run the task in it."""
    jail.die_with_parent()
    request = json.loads((work / "request.json").read_text())
    left, problem = jail.enter_namespaces()
    return jail.in_child(lambda: _walled(work, request, left=left, problem=problem))


def _walled(work: Path, request: dict[str, Any], *, left: set[str], problem: str) -> int:
    has_files = False
    model = Path(request["model"])
    if {"mount", "pid"} <= left:
        try:
            jail.build_files(work, model, [Path(path) for path in request["hidden"]])
            has_files, model = True, work / "model"
        except OSError as error:
            problem = error.strerror or str(error)
    has_dropped, problem = _dropped(problem)
    built = {
        "network": "network" in left,
        "files": has_files,
        "processes": "pid" in left and has_files,
        "privileges": has_dropped and bool(left),
        "problem": problem,
    }
    _write(work / "isolation.json", built)
    if request["demand"] and not all(built[name] for name in ("network", "files", "processes", "privileges")):
        return tasks.REFUSED
    limits = request["limits"]
    jail.set_limits(
        memory=limits["memory"] + CODE_SPACE,
        seconds=limits["seconds"],
        output=limits["output"],
        processes=limits["processes"] if left else None,
    )
    os.chdir(work)
    # One child more: as the first process of a pid namespace it would ignore signals and collect orphans.
    return jail.in_child(lambda: _run(work, model, request))


def _dropped(problem: str) -> tuple[bool, str]:
    try:
        jail.drop_privileges()
    except OSError as error:
        return False, error.strerror or str(error)
    return True, problem


def _run(work: Path, model: Path, request: dict[str, Any]) -> int:
    context = tasks.Context(
        model=model,
        inputs=request["inputs"],
        files={name: Path(path) for name, path in request["files"].items()},
        out=work / "out",
        progress_file=work / "progress.json",
    )
    try:
        answer = {"output": tasks.run(request["task"], context)}
        code = 0
    except BaseException as error:  # noqa: BLE001 - any error of a model is reported, even SystemExit
        answer = {"error": _told(error)}
        code = tasks.FAILED
    try:
        _write(work / "result.json", answer)
    except (TypeError, ValueError) as error:
        _write(work / "result.json", {"error": _told(error)})
        code = tasks.FAILED
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _told(error: BaseException) -> dict[str, str]:
    stage = getattr(error, "stage", "task")
    cause = error.__cause__ if isinstance(error, tasks.StageError) and error.__cause__ else error
    return {"stage": stage, "type": type(cause).__name__, "message": str(cause)[:TEXT_LIMIT]}


def _write(path: Path, value: Any) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value, allow_nan=False))
    part.replace(path)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
