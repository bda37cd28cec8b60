"""The two builds that `benchmarks.startup` compares, ready to run."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMIT = "1c17697"
GIT_SECONDS, MAKE_SECONDS, WARM_SECONDS = 120, 3600, 600
WARM_UP = """
import compileall, importlib, sys, warnings
warnings.simplefilter("ignore")
for name in ("services", "dashboard", "demo", "pipelines", "azure_devops_server"):
    compileall.compile_dir(name, quiet=2)
for name in (
    "mlflow.server.fastapi_app", "mlflow.cli", "mlflow.sklearn", "mlflow.pyfunc.scoring_server", "skops.io",
    "sklearn.ensemble", "streamlit.starlette", "plotly.graph_objects", "fastapi", "duckdb", "pyarrow.parquet",
):
    importlib.import_module(name)
importlib.import_module(sys.argv[1]).warm_up()
"""
"""Fills the caches on disk that a ready environment has: bytecode, and kernels that numba compiled."""


class BuildError(Exception):
    """The base cannot be built; the message says what failed."""


@dataclass(frozen=True)
class Build:
    """A checkout with the Python of its environment."""

    name: str
    commit: str
    root: Path
    python: Path
    kernels: str
    """The module whose `warm_up` compiles them."""

    def warm_up(self) -> None:
        """Fill its caches on disk. Raises BuildError."""
        _run([str(self.python), "-c", WARM_UP, self.kernels], self.root, WARM_SECONDS)


BASE = Build("base", COMMIT, Path(), Path(), "services.comparisons")


def this_build() -> Build:
    """The checkout that this module is in, with the Python that runs it."""
    build = Build("new", "this checkout", ROOT, Path(sys.executable), "services.comparisons.desk")
    build.warm_up()
    return build


def base_build(folder: Path) -> Build:
    """The base in this folder: made when it is not there, used again when it is. Raises BuildError."""
    root = folder / COMMIT
    if not (root / "Makefile").exists():
        _run(["git", "worktree", "prune"], ROOT, GIT_SECONDS)
        _run(["git", "worktree", "add", "--detach", str(root), COMMIT], ROOT, GIT_SECONDS)
    found = _run(["git", "rev-parse", "HEAD"], root, GIT_SECONDS).strip()
    if not found.startswith(COMMIT):
        raise BuildError(f"{root} holds commit {found}, not {COMMIT}. Remove it, or name another folder.")
    print(f"the environment of {COMMIT} (some minutes where it is not there yet) ...", flush=True)
    _run(["make", "--silent", ".venv/ready", f"PYTHON={sys.executable}"], root, MAKE_SECONDS)
    build = replace(BASE, root=root, python=root / ".venv" / "bin" / "python")
    build.warm_up()
    return build


def remove_base(folder: Path) -> None:
    """Take the worktree out of Git's list, where it got as far; the folder itself goes with its owner."""
    if (folder / COMMIT).exists():
        _run(["git", "worktree", "remove", "--force", str(folder / COMMIT)], ROOT, GIT_SECONDS)


def _run(command: list[str], where: Path, seconds: float) -> str:
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")}
    try:
        done = subprocess.run(
            command, cwd=where, env=kept, capture_output=True, text=True, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{' '.join(command[:4])} in {where}: {error}") from error
    if done.returncode != 0:
        raise BuildError(f"{' '.join(command[:4])} in {where} failed:\n{(done.stderr or done.stdout)[-2000:]}")
    return done.stdout
