"""Children of the demo: started apart, waited for, ended with everything that they started."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from demo.processes import children as processes
from demo.processes.children import (
    Child,
    ProcessError,
    ProcessGroup,
    child_environment,
    clear_leftovers,
    free_port,
    is_free,
    wait_for,
)
from demo.processes.groups import is_alive, is_still_there, mark_of, mark_text, members, parse_mark

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
ENVIRONMENT = child_environment()
STUBBORN = ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"]
SERVER = "import http.server as h; h.HTTPServer(('127.0.0.1', {port}), h.SimpleHTTPRequestHandler).serve_forever()"


@pytest.fixture
def group(tmp_path: Path) -> Iterator[ProcessGroup]:
    with ProcessGroup(tmp_path) as opened:
        yield opened


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def until(condition: object, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.01)
    return False


def test_stop__a_child_has_children_of_its_own__ends_them_all(group: ProcessGroup) -> None:
    child = group.start("family", ["sh", "-c", "sleep 60 & sleep 60 & wait"], environment=ENVIRONMENT)
    assert until(lambda: len(members(child.process.pid)) == 3)
    group.stop()
    assert members(child.process.pid) == []
    assert not child.pid_file.exists()


def test_stop__a_child_ignores_sigterm__kills_it_after_the_grace(
    group: ProcessGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "GRACE", 0.2)
    child = group.start("stubborn", STUBBORN, environment=ENVIRONMENT)
    assert until(lambda: b"up" in child.log.read_bytes())
    group.stop()
    assert child.process.returncode == -signal.SIGKILL


def test_leaving_the_block__after_an_error__ends_the_children_and_frees_the_world(tmp_path: Path) -> None:
    with suppress(ZeroDivisionError), ProcessGroup(tmp_path) as group:
        child = group.start("sleeper", ["sleep", "60"], environment=ENVIRONMENT)
        raise ZeroDivisionError
    assert child.process.poll() is not None
    with ProcessGroup(tmp_path):
        pass


def test_entering__another_process_runs_the_same_world__is_refused_by_name(tmp_path: Path, group: ProcessGroup) -> None:
    child = group.start("sleeper", ["sleep", "60"], environment=ENVIRONMENT)
    with pytest.raises(ProcessError, match=f"Process {os.getpid()} runs the demo"), ProcessGroup(tmp_path):
        pass
    assert child.is_running


def test_entering__a_killed_run_left_a_group__ends_it(tmp_path: Path) -> None:
    left = subprocess.Popen(["sh", "-c", "sleep 60 & sleep 60 & wait"], start_new_session=True)
    assert until(lambda: len(members(left.pid)) == 3)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "left.pid").write_text(mark_text(mark_of(left.pid)))
    with ProcessGroup(tmp_path):
        left.wait(10)
        assert not is_alive(left.pid)


def test_entering__only_grandchildren_were_left__ends_them(tmp_path: Path) -> None:
    first = subprocess.Popen(["sh", "-c", "sleep 60 & wait"], start_new_session=True)
    assert until(lambda: len(members(first.pid)) == 2)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "first.pid").write_text(mark_text(mark_of(first.pid)))
    first.kill()
    first.wait(10)
    assert len(members(first.pid)) == 1
    with ProcessGroup(tmp_path):
        assert until(lambda: not members(first.pid))


@pytest.mark.parametrize("change", [{"started": 1}, {"boot": "an earlier start of the machine"}, {"started": None}])
def test_clear_leftovers__the_id_was_given_to_another_process__leaves_it_alone(
    tmp_path: Path, stranger: subprocess.Popen[bytes], change: dict[str, object]
) -> None:
    (tmp_path / "run").mkdir()
    mark = replace(mark_of(stranger.pid), **change)  # type: ignore[arg-type]
    (tmp_path / "run" / "old.pid").write_text(mark_text(mark))
    assert not is_still_there(mark)
    clear_leftovers(tmp_path)
    assert stranger.poll() is None
    assert not (tmp_path / "run" / "old.pid").exists()


@pytest.mark.parametrize("content", ["", "17", '{"group": "x"}', "[]", "{"])
def test_parse_mark__rubbish__is_no_mark(content: str) -> None:
    assert parse_mark(content) is None


def test_wait_for__the_server_answers__returns(group: ProcessGroup) -> None:
    port = free_port()
    child = group.start("server", [sys.executable, "-c", SERVER.format(port=port)], environment=ENVIRONMENT)
    wait_for(child, f"http://127.0.0.1:{port}/", seconds=30)
    assert child.is_running


def test_wait_for__the_child_dies__raises_with_the_end_of_its_log(group: ProcessGroup) -> None:
    child = group.start("doomed", ["sh", "-c", "echo no such database; exit 3"], environment=ENVIRONMENT)
    with pytest.raises(ProcessError, match=r"doomed ended with code 3\.\nno such database"):
        wait_for(child, f"http://127.0.0.1:{free_port()}/", seconds=30)
    assert group.dead() is child


def test_wait_for__nobody_answers_in_time__says_so_and_told_progress(
    group: ProcessGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PROGRESS_EVERY", 0.0)
    child = group.start("mute", ["sleep", "60"], environment=ENVIRONMENT)
    told: list[str] = []
    with pytest.raises(ProcessError, match="mute did not answer"):
        wait_for(child, f"http://127.0.0.1:{free_port()}/", seconds=0.15, progress=told.append)
    assert told[0].startswith("waiting for mute")


def test_start__a_second_time__keeps_the_earlier_log_apart(group: ProcessGroup) -> None:
    for word in ("first", "second"):
        child = group.start("speaker", ["echo", word], environment=ENVIRONMENT)
        child.process.wait(10)
    assert child.log.read_text() == "second\n"
    assert child.log.with_name("speaker.previous.log").read_text() == "first\n"


def test_child_environment__holds_no_variable_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "secret")
    assert "SOME_TOKEN" not in child_environment()
    assert child_environment(MINE="1")["MINE"] == "1"


def test_child_environment__programs_of_this_python_are_found_first() -> None:
    assert shutil.which("mlflow", path=child_environment()["PATH"]) == str(Path(sys.executable).parent / "mlflow")


def test_is_free__somebody_listens__is_false() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert not is_free(taken.getsockname()[1])
    assert is_free(free_port())


def test_start__ctrl_c_comes_while_the_child_starts__keeps_the_child_and_then_obeys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    popen = subprocess.Popen

    def interrupted(*given: object, **named: object) -> object:
        process = popen(*given, **named)  # type: ignore[call-overload]
        if given[0] == ["sleep", "60"]:
            started.append(process.pid)
            signal.raise_signal(signal.SIGINT)
        return process

    started: list[int] = []
    with suppress(KeyboardInterrupt), ProcessGroup(tmp_path) as group:
        monkeypatch.setattr(subprocess, "Popen", interrupted)
        group.start("sleeper", ["sleep", "60"], environment=ENVIRONMENT)
        pytest.fail("Ctrl-C was lost")
    assert started
    assert members(started[0]) == []


def run_job(group: ProcessGroup, script: str, tell: Callable[[str], None] = print) -> Child:
    return group.start_job("job", ["sh", "-c", script], environment=ENVIRONMENT, cwd=group.directory, tell=tell)


def test_finish__the_job_does_its_work__its_lines_were_reported_and_nobody_is_missed(group: ProcessGroup) -> None:
    lines: list[str] = []
    job = run_job(group, "echo one; echo two", lines.append)
    group.finish(job, seconds=30)
    assert until(lambda: lines == ["one", "two"])
    assert group.dead() is None


def test_finish__the_job_fails__raises_with_what_it_said_on_stderr(group: ProcessGroup) -> None:
    job = run_job(group, "echo progress; echo no data >&2; exit 1")
    with pytest.raises(ProcessError, match=r"job ended with code 1\.\nno data"):
        group.finish(job, seconds=30)


def test_finish__a_server_dies_meanwhile__does_not_wait_for_the_job(group: ProcessGroup) -> None:
    group.start("server", ["sh", "-c", "echo disk full; exit 4"], environment=ENVIRONMENT)
    job = run_job(group, "sleep 60")
    with pytest.raises(ProcessError, match=r"server ended with code 4\.\ndisk full"):
        group.finish(job, seconds=30)


def test_finish__the_job_takes_too_long__says_so(group: ProcessGroup) -> None:
    with pytest.raises(ProcessError, match=r"job did not end within 0\.1 s"):
        group.finish(run_job(group, "sleep 60"), seconds=0.1)
