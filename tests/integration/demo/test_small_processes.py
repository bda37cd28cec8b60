"""What keeps the demo small and quick: light processes import nothing heavy, forked ones start from a single thread."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from demo.processes.children import child_environment
from demo.serving.scoring import VARIABLES

ROOT = Path(__file__).resolve().parents[3]
HEAVY = {"numpy", "pandas", "sklearn", "mlflow", "services", "sqlalchemy", "pyarrow", "streamlit", "psutil"}


def run(code: str, *arguments: str) -> str:
    environment = child_environment(PYTHONPATH=str(ROOT), **VARIABLES)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments, "-c", code],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=True,
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize("module", ["demo.__main__", "demo.start", "demo.serving.__main__", "demo.processes.groups"])
def test_process_that_stays_up__imports_nothing_heavy(module: str) -> None:
    loaded = json.loads(run(f"import {module}, sys, json; print(json.dumps(list(sys.modules)))"))
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_scoring_servers_are_forked_from__has_one_thread() -> None:
    code = "import demo.serving.preloaded, psutil; print(psutil.Process().num_threads())"
    assert run(code).strip() == "1"
