"""`UsePythonVersion@0` with the interpreters of this machine; nothing is downloaded."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from azure_devops_server.engine.step.errors import TaskError
from azure_devops_server.engine.step.own_python import own_python
from azure_devops_server.engine.tasks.scripts import find_program

if TYPE_CHECKING:
    from azure_devops_server.engine.step.step_run import StepRun

_ASK_SECONDS = 20
_ASK = "import sys; print('.'.join(str(part) for part in sys.version_info[:3]))"
_CONDITION = re.compile(r"\s*(>=|<=|==|=|>|<|~=)?\s*v?(\d+(?:\.(?:\d+|[xX*]))*)\s*")


def run_use_python(step: StepRun) -> None:
    """Put a copy of an interpreter first on the PATH: of one that matches, or with a warning of the one at hand."""
    spec = step.inputs["versionSpec"]
    found: list[tuple[Path, str]] = []
    for candidate in _candidates(step, spec):
        known = _version(candidate)
        if known is not None:
            found.append((candidate, known))
            if matches(known, spec):
                break
    if not found:
        raise TaskError("No Python interpreter was found on this machine")
    fits = matches(found[-1][1], spec)
    path, version = found[-1] if fits else found[0]
    if not fits:
        step.warning(f"Python {spec} is not on this machine. The local server goes on with Python {version} ({path}).")
    else:
        step.log(f"Found Python {version} for '{spec}': {path}")
    binaries = own_python(step.job, path, version=version)
    step.log(f"Steps of this job use their own copy in {binaries.parent}")
    if step.inputs["addToPath"].casefold() == "true":
        step.job.prepended.append(str(binaries))
    step.job.variables.set("pythonLocation", str(binaries))


def _candidates(step: StepRun, spec: str) -> Iterator[Path]:
    yield step.job.run.context.python
    numbers = re.match(r"\D*(\d+)\.(\d+)", spec)
    names = [f"python{numbers.group(1)}.{numbers.group(2)}"] if numbers else []
    programs = (find_program(step, name) for name in (*names, "python3", "python"))
    seen = {step.job.run.context.python}
    for path in (Path(program) for program in programs if program):
        if path not in seen:
            yield path
        seen.add(path)


def _version(path: Path) -> str | None:
    try:
        answer = subprocess.run(
            [str(path), "-I", "-c", _ASK], capture_output=True, text=True, timeout=_ASK_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def matches(version: str, spec: str) -> bool:
    """Whether a version such as ``3.11.7`` fits ``3.x``, ``3.11``, ``3.11.7`` or ``>=3.9 <3.13``; unclear is no."""
    conditions = list(_CONDITION.finditer(spec))
    if not conditions or "".join(match.group() for match in conditions) != spec:
        return False
    return all(_fits(version, match.group(1) or "", wanted=match.group(2)) for match in conditions)


def _fits(version: str, sign: str, *, wanted: str) -> bool:
    have = [int(part) for part in version.split(".")]
    want = [int(part) for part in wanted.split(".") if part.isdigit()]
    start = have[: len(want)]
    if sign in ("", "=", "=="):
        return start == want
    if sign == "~=":
        return have >= want and have[: max(len(want) - 1, 1)] == want[: max(len(want) - 1, 1)]
    return {">=": start >= want, "<=": start <= want, ">": start > want, "<": start < want}[sign]
