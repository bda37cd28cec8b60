"""Time-outs, cancel, and processes that stay behind."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest

from tests.integration.pipeline_engine.world import World


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def pid_in(path: Path) -> int:
    return int(path.read_text().strip())


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_alive(pid)


def test_step_timeout__whole_group__is_ended_and_the_step_fails(world: World) -> None:
    world.on("ready", lambda: world.pass_minutes(2))
    outcome = world.run(
        """
        steps:
        - checkout: none
        - bash: sleep 60 & echo $! > $SHARED/child; echo ready; wait
          timeoutInMinutes: 2
          displayName: slow
        - {bash: echo after, condition: always(), displayName: after}
        """,
        context={"environment": {"SHARED": str(world.folder)}},
    )
    record = world.journal.named("slow")
    assert (record.result, record.issues[-1].message) == ("failed", "The task has timed out.")
    assert world.journal.named("after").result == "succeeded"
    assert outcome.result == "failed"
    assert gone(pid_in(world.folder / "child"))


def test_step_timeout__process_that_ignores_signals__is_killed(world: World) -> None:
    world.on("ready", lambda: world.pass_minutes(2))
    world.run(
        """
        steps:
        - checkout: none
        - bash: trap '' INT TERM; echo $$ > $SHARED/leader; echo ready; while true; do sleep 0.05; done
          timeoutInMinutes: 2
          displayName: stubborn
        """,
        context={"stop_grace": (0.02, 0.02), "environment": {"SHARED": str(world.folder)}},
    )
    assert world.journal.named("stubborn").result == "failed"
    assert gone(pid_in(world.folder / "leader"))


def test_job_timeout__running_step__is_canceled_and_the_job_says_why(world: World) -> None:
    world.on("ready", lambda: world.pass_minutes(1))
    outcome = world.run("""
        jobs:
        - job: J
          timeoutInMinutes: 1
          steps:
          - checkout: none
          - {bash: echo ready; sleep 60, displayName: slow}
          - {bash: echo never, displayName: never}
          - {bash: echo cleaning, condition: always(), displayName: cleanup}
    """)
    journal = world.journal
    assert [journal.named(name).result for name in ("slow", "never", "cleanup")] == ["canceled", "skipped", "succeeded"]
    job = journal.find("__default.J.__default")
    assert job.result == "canceled"
    assert "ran longer than the maximum time of 1 minutes" in job.issues[0].message
    assert outcome.result == "canceled"


CANCELLED = """
    stages:
    - stage: A
      jobs:
      - job: J
        steps:
        - checkout: none
        - {bash: "trap 'echo got SIGINT; exit 7' INT; echo ready; sleep 60 & wait", displayName: running}
        - {bash: echo never, displayName: never}
        - {bash: echo cleaning, condition: canceled(), displayName: cleanup}
      - job: K
        dependsOn: J
        steps: [{bash: echo never}]
      - job: L
        dependsOn: J
        condition: always()
        steps: [{checkout: none}, {bash: echo last, displayName: last}]
    - stage: B
      jobs: [{job: J, steps: [{bash: echo never}]}]
    - stage: C
      dependsOn: A
      condition: always()
      jobs: [{job: J, steps: [{checkout: none}, {bash: echo final, displayName: final}]}]
"""


def test_cancel__running_step__is_interrupted_and_only_what_asks_for_it_runs(world: World) -> None:
    world.on("ready", world.journal.cancelled.set)
    outcome = world.run(CANCELLED)
    journal = world.journal
    steps = {name: journal.named(name).result for name in ("running", "never", "cleanup", "last", "final")}
    assert steps == {
        "running": "canceled",
        "never": "skipped",
        "cleanup": "succeeded",
        "last": "succeeded",
        "final": "succeeded",
    }
    assert "got SIGINT" in journal.all_logs
    assert (journal.result("A.J"), journal.result("A.K")) == ("canceled", "skipped")
    assert [journal.result(name) for name in "ABC"] == ["canceled", "skipped", "succeeded"]
    assert outcome.result == "canceled"


def test_cancel__steps_that_run_always__go_on_until_the_cancel_time_is_over(world: World) -> None:
    world.on("ready", world.journal.cancelled.set)
    world.on("endless", lambda: world.pass_minutes(3))
    world.run("""
        jobs:
        - job: J
          cancelTimeoutInMinutes: 3
          steps:
          - checkout: none
          - {bash: echo ready; sleep 0.1; echo finished, condition: always(), displayName: finishes}
          - {bash: echo endless; sleep 60, condition: always(), displayName: ended}
          - {bash: echo never, condition: always(), displayName: never}
    """)
    assert "finished" in world.journal.lines("finishes")
    results = [world.journal.named(name).result for name in ("finishes", "ended", "never")]
    assert results == ["succeeded", "canceled", "skipped"]


def test_cancel__job_that_waits_for_an_agent__never_starts(world: World) -> None:
    world.on("ready", world.journal.cancelled.set)
    step = "{bash: echo ready; sleep 60}"
    world.run(
        f"jobs:\n- job: A\n  steps: [{step}]\n- job: B\n  steps: [{step}]",
        context={"max_parallel_jobs": 1},
    )
    results = {world.journal.result("__default.A.__default"), world.journal.result("__default.B.__default")}
    assert results == {"canceled"}
    assert world.journal.all_logs.count("Starting: Bash") == 1


def test_cancel__of_one_stage__leaves_the_others(world: World) -> None:
    world.journal.cancelled_stages.add("A")
    world.run("""
        stages:
        - stage: A
          jobs: [{job: J, steps: [{bash: echo never}]}]
        - stage: B
          dependsOn: []
          jobs: [{job: J, steps: [{checkout: none}, {bash: echo b}]}]
    """)
    assert (world.journal.result("A"), world.journal.result("B")) == ("skipped", "succeeded")


def test_background_process__of_a_step__lives_for_the_job_and_ends_with_it(world: World) -> None:
    world.run(
        """
        steps:
        - checkout: none
        - bash: sleep 60 > /dev/null 2>&1 & echo $! > $SHARED/child
        - bash: kill -0 $(cat $SHARED/child) && echo "still there"
        """,
        context={"environment": {"SHARED": str(world.folder)}},
    )
    assert "still there" in world.journal.all_logs
    assert "Terminated orphan processes of 1 step(s)." in world.journal.all_logs
    assert gone(pid_in(world.folder / "child"))


def test_daemon__with_its_own_session__survives_the_job(world: World) -> None:
    world.run(
        """
        steps:
        - checkout: none
        - bash: |
            setsid sleep 60 > /dev/null 2>&1 < /dev/null &
            echo $! > $SHARED/daemon
            sleep 0.05
        """,
        context={"environment": {"SHARED": str(world.folder)}},
    )
    pid = pid_in(world.folder / "daemon")
    try:
        assert world.journal.result("__default") == "succeeded"
        assert is_alive(pid)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_daemon__that_holds_the_output_open__does_not_hold_up_the_step(world: World) -> None:
    world.run(
        """
        steps:
        - checkout: none
        - bash: setsid sh -c 'echo $$ > $SHARED/daemon; sleep 60' & until [ -s $SHARED/daemon ]; do sleep 0.01; done
        """,
        context={"environment": {"SHARED": str(world.folder)}},
    )
    pid = pid_in(world.folder / "daemon")
    try:
        assert world.journal.result("__default") == "succeeded"
        assert is_alive(pid)
    finally:
        os.killpg(pid, signal.SIGKILL)


def test_process__where_ended_ones_cannot_be_looked_at__still_ends_with_its_code(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("azure_devops_server.engine.step.process._CAN_PEEK", False)
    world.run("steps:\n- checkout: none\n- {bash: echo last words; exit 4, displayName: step}")
    assert world.journal.named("step").issues[0].message == "Bash exited with code '4'."
    assert "last words" in world.journal.lines("step")


def test_process__much_output__arrives_whole_and_in_order(world: World) -> None:
    world.run("steps:\n- checkout: none\n- {bash: seq 1 30000, displayName: count}")
    numbers = [line for line in world.journal.lines("count") if line.isdigit()]
    assert numbers == [str(number) for number in range(1, 30001)]
