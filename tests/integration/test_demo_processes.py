"""However the demo's own process ends, its children end with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from demo.processes.groups import members

pytestmark = [pytest.mark.integration, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]
PARENT = """
import sys, time
from pathlib import Path
from demo.processes.children import ProcessGroup, child_environment
with ProcessGroup(Path(sys.argv[1])) as group:
    child = group.start("child", ["sh", "-c", sys.argv[2]], environment=child_environment())
    print(child.process.pid, flush=True)
    time.sleep(60)
"""
OBEDIENT = "sleep 60 & sleep 60"
Start = Callable[[str], tuple[subprocess.Popen[str], int]]
STUBBORN = "trap '' TERM; while :; do sleep 0.05; done"


def until(condition: Callable[[], bool], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    parents: list[subprocess.Popen[str]] = []
    groups: list[int] = []

    def started(script: str) -> tuple[subprocess.Popen[str], int]:
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, str(tmp_path), script],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
        )  # fmt: skip
        parents.append(parent)
        assert parent.stdout is not None
        groups.append(int(parent.stdout.readline()))
        assert until(lambda: bool(members(groups[-1])))
        return parent, groups[-1]

    yield started
    for parent in parents:
        parent.kill()
        parent.wait()
        assert parent.stdout is not None
        parent.stdout.close()
    for group in groups:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_parent__asked_to_end__ends_its_children_first(start: Start, number: signal.Signals) -> None:
    parent, group = start(OBEDIENT)
    parent.send_signal(number)
    parent.wait(30)
    assert members(group) == []


def test_parent__killed__takes_its_children_along(start: Start) -> None:
    parent, group = start(OBEDIENT)
    parent.kill()
    parent.wait(30)
    assert until(lambda: not members(group))


def test_parent__ctrl_c_pressed_twice__does_not_wait_for_a_stubborn_child(start: Start) -> None:
    parent, group = start(STUBBORN)
    time.sleep(0.2)  # let the shell set its trap
    begun = time.monotonic()
    parent.send_signal(signal.SIGINT)
    time.sleep(0.5)
    parent.send_signal(signal.SIGINT)
    parent.wait(30)
    assert members(group) == []
    assert time.monotonic() - begun < 8


def test_next_start__parent_and_watcher_were_killed__clears_their_children_away(start: Start) -> None:
    parent, left = start(STUBBORN)
    time.sleep(0.2)
    for watcher in Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split():
        if int(watcher) != left:
            os.kill(int(watcher), signal.SIGKILL)
    parent.kill()
    parent.wait(30)
    assert members(left) != []
    start(OBEDIENT)
    assert members(left) == []
