"""The place to deploy to: really serves, tells what it loaded, keeps a way back, and leaves nobody behind."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest
import requests

from services.domain.model_digest import digest_of_files
from tests.integration.pipelines.conftest import MODEL, ServingHost, serving_host, wait_for
from tests.mlflow_server import MlflowServer, free_port
from tests.outside.proxy import Mode, Proxy

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def stored_digest(mlflow: MlflowServer, version: str) -> str:
    """The digest of the files as they lie in MLflow's store."""
    import hashlib

    found = mlflow_version(mlflow, version)
    folder = next(mlflow.artifacts.rglob(f"{found['source'].removeprefix('models:/')}/artifacts"))
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
    return digest_of_files(files)


def mlflow_version(mlflow: MlflowServer, version: str) -> dict[str, str]:
    address = f"{mlflow.url}/api/2.0/mlflow/model-versions/get"
    found: dict[str, str] = requests.get(address, params={"name": MODEL, "version": version}, timeout=30).json()[
        "model_version"
    ]
    return found


def test_deployment__answers_with_the_digest_of_what_it_loaded(host: ServingHost, mlflow: MlflowServer) -> None:
    host.deploy("digest", "1")
    found = host.ready("digest", "1")
    assert found["digest"] == stored_digest(mlflow, "1")
    assert host.score("digest", 1.0, 2.5) == [2.0, 5.0]


def test_second_deployment__swaps_and_keeps_the_way_back(host: ServingHost) -> None:
    host.deploy("swap", "1")
    host.ready("swap", "1")
    host.deploy("swap", "2")
    found = host.ready("swap", "2")
    assert (found["previous_version"], host.score("swap", 2.0)) == ("1", [6.0])
    host.deploy("swap", "2")
    again = wait_for(lambda: now if (now := host.get("swap"))["state"] == "ready" else None)
    assert (again["version"], again["previous_version"]) == ("2", "1")


def test_version_that_does_not_exist__fails_and_the_old_one_goes_on_answering(host: ServingHost) -> None:
    host.deploy("sturdy", "1")
    host.ready("sturdy", "1")
    host.deploy("sturdy", "99")
    found = wait_for(lambda: now if (now := host.get("sturdy"))["state"] == "failed" else None)
    assert (found["version"], bool(found["error"])) == ("1", True)
    assert host.score("sturdy", 1.0) == [2.0]


def test_request_that_is_no_json__is_refused_with_what_is_needed(host: ServingHost) -> None:
    answer = requests.put(f"{host.url}/endpoints/bad", data=b"{", timeout=10)
    assert (answer.status_code, "environment, model and version" in answer.text) == (422, True)


def test_host__killed_with_no_chance_to_tidy_up__leaves_no_scoring_server_and_starts_again(
    tmp_path: Path, mlflow: MlflowServer
) -> None:
    port = free_port()
    with serving_host(tmp_path, mlflow.url, port=port) as killed:
        killed.deploy("kept", "1")
        killed.ready("kept", "1")
        killed.deploy("kept", "2")
        killed.ready("kept", "2")
        children = psutil.Process(killed.process.pid).children(recursive=True)
        assert children
        os.kill(killed.process.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(children, timeout=20)
        assert alive == []
    with serving_host(tmp_path, mlflow.url, port=port) as again:
        found = again.ready("kept", "2")
        assert (found["previous_version"], again.score("kept", 2.0)) == ("1", [6.0])
        assert len(list((tmp_path / "serving" / "scoring").iterdir())) <= 2
        children = psutil.Process(again.process.pid).children(recursive=True)
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []


def test_host__starts_before_its_registry__serves_once_the_registry_answers(
    tmp_path: Path, mlflow: MlflowServer
) -> None:
    proxy = Proxy(int(mlflow.url.rpartition(":")[2]))
    proxy.become(Mode.REFUSE)
    try:
        with serving_host(tmp_path, proxy.url) as early:
            early.deploy("early", "1")
            time.sleep(1)
            assert early.get("early")["state"] == "deploying"
            proxy.become(Mode.PASS)
            assert early.ready("early", "1")["state"] == "ready"
    finally:
        proxy.close()


def test_scoring_servers__are_forks_that_share_what_they_import(host: ServingHost) -> None:
    for name, version in (("shared-1", "1"), ("shared-2", "2")):
        host.deploy(name, version)
        host.ready(name, version)
    forks = [
        process for process in psutil.Process(host.process.pid).children(recursive=True)
        if "forkserver" in " ".join(process.cmdline()) and process.ppid() != host.process.pid
    ]  # fmt: skip
    sizes = [process.memory_full_info() for process in forks]
    assert len(forks) >= 2
    assert all(size.pss < 0.7 * size.rss for size in sizes), sizes
