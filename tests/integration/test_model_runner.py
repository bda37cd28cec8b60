"""Models that hang, crash, want too much, look for secrets or call home: real pyfunc models in the real runner."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from services.errors import InvalidInputError, ModelRunError
from services.runner.limits import MIB, Limits, RunResult
from services.runner.process import Host, run_model

LIMITS = Limits(seconds=180, memory=2048 * MIB, output=64 * MIB)
NOTHING = {"records": [{"x": 1}]}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    command = [sys.executable, "-W", "ignore", "-m", "tests.integration.hostile_models", str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=300, cwd=Path(__file__).parents[2])
    return folder


@pytest.fixture(scope="module")
def honest(models: Path) -> RunResult:
    rows = {"records": [{"age": 3, "hours": 1}, {"age": 39, "hours": 2}]}
    return run_model(models / "honest", "predict", rows, LIMITS)


def _walls(honest: RunResult) -> None:
    if not honest.isolation.is_complete:
        pytest.skip(f"This system does not build every wall: {honest.isolation.problem}")


def test_model__that_is_honest__answers_with_values_and_probabilities(honest: RunResult) -> None:
    assert [bool(value) for value in honest.output["values"]] == [False, True]
    assert honest.output["probabilities"][1][1] > 0.9
    assert honest.peak_memory > 50 * MIB
    assert honest.isolation.sentence()


def test_model__that_hangs__is_stopped_in_time_and_leaves_no_process(models: Path) -> None:
    with pytest.raises(ModelRunError, match="did not finish within 8 seconds") as raised:
        run_model(models / "hanging", "predict", NOTHING, replace(LIMITS, seconds=8))
    assert raised.value.code == "model_time"
    assert _all_end()


def test_model__that_crashes__is_told_with_its_last_words(models: Path) -> None:
    with pytest.raises(ModelRunError, match=r"without an answer \(signal 11\).*address zero") as raised:
        run_model(models / "crashing", "predict", NOTHING, LIMITS)
    assert raised.value.code == "model_crashed"


def test_model__that_allocates_50_gb__is_refused_the_memory(models: Path) -> None:
    with pytest.raises(ModelRunError, match="exceeded 2,048 MB") as raised:
        run_model(models / "hungry", "predict", NOTHING, LIMITS)
    assert raised.value.code == "model_memory"


def test_model__whose_children_share_out_the_memory__is_stopped_with_all_of_them(models: Path) -> None:
    with pytest.raises(ModelRunError) as raised:
        run_model(models / "spawning", "predict", NOTHING, replace(LIMITS, memory=1536 * MIB))
    assert raised.value.code == "model_memory"
    assert _all_end()


def test_model__that_prints_all_it_finds__finds_no_secret(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, honest: RunResult
) -> None:
    secret = "pat-3f9c1d-not-for-models"
    monkeypatch.setenv("COUNTERSIGN_AZURE_DEVOPS_TOKEN", secret)
    key = tmp_path / "data" / "ledger.pem"
    key.parent.mkdir()
    key.write_text(secret)
    paths = {"records": [{"path": str(key)}, {"path": f"/proc/{os.getpid()}/environ"}]}
    host = Host(hidden=(key.parent,), redact=lambda text: text.replace("nothing of the kind", ""))
    found = run_model(models / "talkative", "predict", paths, LIMITS, host=host)
    assert "COUNTERSIGN" not in found.said
    if honest.isolation.files:
        assert secret not in found.output["values"][0]
        assert secret not in found.said


def test_model__that_prints_a_secret_that_the_portal_knows__is_quoted_without_it(models: Path, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("the word is swordfish")
    host = Host(redact=lambda text: text.replace("swordfish", "…"))
    found = run_model(models / "talkative", "predict", {"records": [{"path": str(note)}]}, LIMITS, host=host)
    assert "swordfish" not in found.said
    assert "the word is …" in found.said


def test_model__that_calls_home__reaches_nobody(models: Path, listener: socket.socket, honest: RunResult) -> None:
    _walls(honest)
    with pytest.raises(ModelRunError, match="unreachable"):
        run_model(models / "calling", "predict", {"records": [{"port": listener.getsockname()[1]}]}, LIMITS)
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_model__that_writes_to_the_portals_files__changes_nothing(
    models: Path, tmp_path: Path, honest: RunResult
) -> None:
    _walls(honest)
    policy = tmp_path / "governance.yaml"
    policy.write_text("version: 1\n")
    with pytest.raises(ModelRunError, match="Read-only file system"):
        run_model(models / "scribbling", "predict", {"records": [{"path": str(policy)}]}, LIMITS)
    assert policy.read_text() == "version: 1\n"


def test_model__that_prints_for_ever__is_stopped(models: Path) -> None:
    with pytest.raises(ModelRunError) as raised:
        run_model(models / "flooding", "predict", NOTHING, LIMITS)
    assert raised.value.code in {"model_output", "model_crashed", "model_failed"}


def test_model__that_leaves__is_told_as_a_failure(models: Path) -> None:
    with pytest.raises(ModelRunError, match="SystemExit: I leave"):
        run_model(models / "leaving", "predict", NOTHING, LIMITS)


def test_model__that_cannot_be_loaded__says_what_is_missing_and_what_to_do(models: Path) -> None:
    with pytest.raises(ModelRunError, match="a_library_that_is_not_here") as raised:
        run_model(models / "failing", "predict", NOTHING, LIMITS)
    assert raised.value.code == "model_load"
    assert "COUNTERSIGN_RUNNER_PYTHON" in raised.value.hint


def test_folder__that_is_no_model__is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no MLmodel"):
        run_model(tmp_path, "predict", NOTHING)


def test_input__without_a_json_form__is_refused(models: Path) -> None:
    with pytest.raises(InvalidInputError, match="JSON"):
        run_model(models / "honest", "predict", {"records": [{"age": float("nan")}]})


def test_table__scored_in_the_runner__becomes_held_out_predictions(models: Path, tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"id": range(50), "age": range(50), "hours": [1] * 50, "over": [int(n > 20) for n in range(50)]}
    )
    table["sex"] = ["f", "m"] * 25
    table.to_parquet(tmp_path / "evaluation.parquet")
    seen: list[tuple[int, int, str]] = []
    found = run_model(
        models / "honest",
        "score",
        {"key": "id", "label": "over"},
        LIMITS,
        files={"table": tmp_path / "evaluation.parquet"},
        keep=tmp_path / "kept",
        progress=lambda done, total, what: seen.append((done, total, what)),
    )
    scored = pd.read_parquet(found.files["predictions.parquet"])
    assert found.output == {"rows": 50}
    assert {"row_id", "label", "score", "sex"} <= set(scored.columns)
    assert scored["score"].iloc[45] > 0.9
    assert seen


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


FORBIDS = """#!{python}
# A system that forbids namespaces: a seccomp filter answers unshare(2) with EPERM. Classic BPF, x86-64: number 272.
import ctypes, os, struct, sys
code = [(0x20, 0, 0, 0), (0x15, 0, 1, 272), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)]
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Filter(len(code), ctypes.addressof(program))), 0, 0) == 0
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the filter names system calls of x86-64")
def test_isolation__required_where_the_system_forbids_it__runs_nothing_and_says_what_to_do(
    models: Path, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text(FORBIDS.format(python=sys.executable))
    python.chmod(0o700)
    rows = {"records": [{"age": 3, "hours": 1}]}
    with pytest.raises(ModelRunError, match="was not run") as raised:
        run_model(models / "honest", "predict", rows, LIMITS, host=Host(str(python), demand_isolation=True))
    assert raised.value.code == "model_isolation"
    assert "COUNTERSIGN_RUNNER_ISOLATION" in raised.value.sentence()
    found = run_model(models / "honest", "predict", rows, LIMITS, host=Host(str(python)))
    assert not found.isolation.network
    assert "it could reach the network" in found.isolation.sentence()
    assert "Operation not permitted" in found.isolation.sentence()


def _all_end() -> bool:
    """True once no process is left; a killed one needs a moment to give much memory back."""
    end = time.monotonic() + 20
    while left := _left_processes():
        if time.monotonic() > end:
            pytest.fail(f"still there: {left}")
        time.sleep(0.1)
    return True


def _left_processes() -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes().decode("utf-8", "replace")
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if "runner/inside/main.py" in command and parent in {os.getpid(), 1}:
                found.append(command)
    return found
