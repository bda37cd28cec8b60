"""The arithmetic of the start-up benchmark: ratios within a round, and a target that can be missed."""

from __future__ import annotations

import os

import psutil
import pytest

from benchmarks.startup import TARGET, Found, summary
from benchmarks.startup_run import Started, memory, name_of


def found(*, new_ready: float, new_rest: float) -> Found:
    """Two rounds; the second met a machine that was four times as slow, and the ratio does not care."""
    base = [Started(50.0, {"portal": 300.0, "MLflow": 700.0}, 1), Started(200.0, {"portal": 1000.0}, 0)]
    new = [Started(new_ready, {"portal": new_rest}, 0), Started(4 * new_ready, {"portal": new_rest}, 0)]
    return {"base": {"first": base, "second": base}, "new": {"first": new, "second": new}}


def test_summary__both_figures_reach_the_target__says_so() -> None:
    answer = summary(found(new_ready=25.0, new_rest=600.0))
    assert answer["is_met"] is True
    assert answer["ratio"] == {start: {"ready_s": 0.5, "rest_mb": 0.6} for start in ("first", "second")}
    assert answer["base"]["first"]["lost"] == 1  # type: ignore[index]


@pytest.mark.parametrize(("ready", "rest"), [(50 * TARGET + 1, 100.0), (1.0, 1000 * TARGET + 1)])
def test_summary__one_figure_is_above_the_target__is_a_miss(ready: float, rest: float) -> None:
    assert summary(found(new_ready=ready, new_rest=rest))["is_met"] is False


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("python -m demo.serving.scorer", "scoring server"),
        ("python -m demo.serving --port 1", "serving host"),
        ("python -m uvicorn mlflow.server.fastapi_app:app", "MLflow"),
        ("python -m azure_devops_server --port 1", "Azure DevOps"),
        ("something else", "something else"),
        ("", "unnamed"),
    ],
)
def test_name_of__a_process_of_either_build__is_what_it_does(command: str, name: str) -> None:
    assert name_of(command.split()) == name


def test_memory__of_this_process__is_what_the_system_says() -> None:
    mine = psutil.Process(os.getpid())
    assert sum(memory(mine).values()) == pytest.approx(mine.memory_full_info().pss / 1e6, rel=0.2)
