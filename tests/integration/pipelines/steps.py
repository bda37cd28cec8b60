"""Run a step as an agent does: a script in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
STEPS = ROOT / "pipelines" / "steps"


def run_step(
    name: str, *arguments: str, env: Mapping[str, str] | None = None, python: str = sys.executable, strict: bool = True
) -> subprocess.CompletedProcess[str]:
    """The step's end, with what it printed; `strict` makes warnings errors."""
    plain = {k: os.environ[k] for k in ("PATH", "HOME", "LANG", "TMPDIR") if k in os.environ}
    return subprocess.run(
        [python, "-W", "error" if strict else "default", str(STEPS / f"{name}.py"), *arguments],
        env=plain | dict(env or {}), capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


def issue(done: subprocess.CompletedProcess[str]) -> str:
    """The error that a failed step shows on the run's page; fails when it ended in any other way."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    line = done.stdout.strip().splitlines()[-1]
    assert line.startswith("##vso[task.logissue type=error]"), done.stdout
    return line.partition("]")[2]
