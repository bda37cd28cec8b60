"""The server as a process of its own: start, restart, crash, stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.contract.azure_devops_server.conftest import PROJECT, open_site, wait_for

pytestmark = pytest.mark.integration
HERE = Path(__file__).resolve().parents[3]


@contextmanager
def process(root: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``python -m azure_devops_server`` with its address; killed at the end if it still runs."""
    command = [sys.executable, "-m", "azure_devops_server", "--port", "0", "--root", str(root), *options]
    with subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server, server.stdout.readline().strip()
        finally:
            if server.poll() is None:
                server.kill()


def call(url: str, method: str, path: str, body: Any = None) -> Any:
    deadline = time.monotonic() + 20
    while True:
        try:
            answer = requests.request(method, f"{url}/{PROJECT}/_apis/{path}", json=body, auth=("", "x"), timeout=20)
            break
        except requests.ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert answer.status_code in (200, 204), answer.text
    return answer.json() if answer.content else None


def sleeping(url: str) -> tuple[int, list[psutil.Process]]:
    """A run in the middle of its sleep, and its processes."""
    number = next(row["id"] for row in call(url, "GET", "pipelines")["value"] if row["name"] == "sleeper")
    run = call(url, "POST", f"pipelines/{number}/runs", {})
    return run["id"], wait_for(_sleepers)


def _sleepers() -> list[psutil.Process]:
    mine = psutil.Process()
    return [child for child in mine.children(recursive=True) if _command(child) == ["sleep", "300"]]


def _command(child: psutil.Process) -> list[str]:
    try:
        return child.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


def test_first_start__with_an_empty_folder__has_a_project_ready(tmp_path: Path) -> None:
    with process(tmp_path / "new", "--organization", "acme", "--project", "risk models") as (server, url):
        assert url.startswith("http://127.0.0.1:")
        assert url.endswith("/acme")
        listed = wait_for(lambda: _projects(url))
        assert [row["name"] for row in listed] == ["risk models"]
        server.send_signal(signal.SIGINT)
        assert server.wait(20) in (0, -signal.SIGINT)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_stop__with_a_run_in_progress__leaves_no_process_and_cancels_the_run(tmp_path: Path, sent: int) -> None:
    _prepare(tmp_path)
    with process(tmp_path / "root") as (server, url):
        number, children = sleeping(url)
        server.send_signal(sent)
        server.wait(30)
        _, alive = psutil.wait_procs(children, timeout=10)
        assert alive == []
    with process(tmp_path / "root") as (server, url):
        build = call(url, "GET", f"build/builds/{number}")
        assert (build["status"], build["result"]) == ("completed", "canceled")
        server.terminate()
        server.wait(20)


def test_kill_9__with_a_run_in_progress__is_told_honestly_at_the_next_start(tmp_path: Path) -> None:
    _prepare(tmp_path)
    with process(tmp_path / "root") as (server, url):
        number, children = sleeping(url)
        call(url, "POST", f"build/builds/{number}/tags", ["kept"])
        os.kill(server.pid, signal.SIGKILL)
        server.wait(20)
        for child in children:
            child.kill()
    with process(tmp_path / "root") as (server, url):
        build = call(url, "GET", f"build/builds/{number}")
        assert (build["status"], build["result"], build["tags"]) == ("completed", "failed", ["kept"])
        records = call(url, "GET", f"build/builds/{number}/timeline")["records"]
        task = next(row for row in records if row["name"] == "CmdLine")
        assert task["result"] == "abandoned"
        assert "local server ended" in task["issues"][0]["message"]
        again = call(url, "POST", f"pipelines/{build['definition']['id']}/runs", {})
        assert again["id"] == number + 1
        call(url, "PATCH", f"build/builds/{again['id']}", {"status": "cancelling"})
        server.terminate()
        server.wait(30)


def test_restart__keeps_everything(tmp_path: Path) -> None:
    with open_site(tmp_path) as server:
        from tests.contract.azure_devops_server.conftest import Site

        site = Site(server)
        run = site.start("full", requestId="kept")
        site.ended(run["id"])
        before = _picture(site, run["id"])
        site.close()
    with open_site(tmp_path) as server:
        site = Site(server)
        assert _picture(site, run["id"]) == before
        assert site.start("quick")["id"] == run["id"] + 1
        site.close()


def test_port_taken__says_so_and_ends(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "azure_devops_server", "--port", str(port), "--root", str(tmp_path)]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"Cannot serve on port {port}" in done.stderr


def _prepare(folder: Path) -> None:
    server = open_site(folder)
    server.stop()


def _picture(site: Any, number: int) -> Any:
    """What clients see of a run, without addresses."""
    paths = [
        f"build/builds/{number}", f"build/builds/{number}/timeline", f"build/builds/{number}/logs",
        f"build/builds/{number}/artifacts", "pipelines", "distributedtask/environments",
        "distributedtask/environments/1/environmentdeploymentrecords",
        f"test/runs?buildUri=vstfs:///Build/Build/{number}&includeRunDetails=true", "test/runs/1/results",
        "git/repositories",
    ]  # fmt: skip
    text = json.dumps([site.ok("GET", path) for path in paths], sort_keys=True)
    return text.replace(site.server.address, "")


def _projects(url: str) -> Any:
    try:
        return requests.get(f"{url}/_apis/projects", auth=("", "x"), timeout=10).json()["value"]
    except requests.ConnectionError:
        return None
