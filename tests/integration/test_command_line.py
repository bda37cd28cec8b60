"""Every command of `countersign`, really run as a process over a real MLflow server."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from sqlalchemy import text

from services.database import migrate
from services.database.engine import open_engine
from tests.mlflow_seed import Seed
from tests.mlflow_server import MlflowServer, free_port, mlflow_server
from tests.outside.portal import PEOPLE, environment, portal_process

pytestmark = [
    pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600),
]  # fmt: skip

POLICY = """
version: 1
environments:
  production: {stage: Production, alias: champion}
policies:
  - {models: "*", environment: production, quorum: 1, expires_after_days: 7,
     checks: [{kind: tests_passed}]}
"""
LIMIT = 120


@dataclass
class Place:
    """A folder with a policy, and the settings of a portal in it."""

    folder: Path
    settings: dict[str, str]

    @property
    def database(self) -> Path:
        return self.folder / "portal.db"

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "services.cli.main", *arguments], cwd=self.folder, env=environment(self.settings | more),
            capture_output=True, text=True, timeout=LIMIT, check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as server:
        seed = Seed(server)
        run = seed.run(seed.experiment("e"), metrics={"auc": 0.9})
        seed.model("census")
        seed.version("census", f"mlflow-artifacts:/{run.root}", run_id=run.run_id)
        yield server


@pytest.fixture
def place(tmp_path: Path, mlflow: MlflowServer) -> Place:
    (tmp_path / "governance.yaml").write_text(POLICY)
    return Place(tmp_path, {"database_url": f"sqlite:///{tmp_path / 'portal.db'}", "mlflow_url": mlflow.url})


def assert_clean(done: subprocess.CompletedProcess[str]) -> None:
    """Whatever went wrong was said in words."""
    assert "Traceback" not in done.stdout + done.stderr


def test_migrate__twice__makes_the_schema_once(place: Place) -> None:
    first, second = place.run("migrate"), place.run("migrate")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "was: empty" in first.stdout
    assert f"was: {migrate.head_revision()}" in second.stdout


def test_migrate__database_that_cannot_be_opened__names_the_setting(place: Place) -> None:
    done = place.run("migrate", database_url=f"sqlite:///{place.folder / 'no' / 'such' / 'folder.db'}")
    assert done.returncode == 1
    assert "COUNTERSIGN_DATABASE_URL" in done.stderr
    assert_clean(done)


@pytest.mark.parametrize("url", ["nonsense", "mysql://u@h/x", "postgresql://u:hunter2@127.0.0.1:1/x"])
def test_migrate__impossible_database__names_the_setting_and_no_password(place: Place, url: str) -> None:
    done = place.run("migrate", database_url=url)
    assert done.returncode == 1
    assert "COUNTERSIGN_DATABASE_URL" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    assert_clean(done)


def test_sync__over_mlflow__says_how_many_versions_there_are(place: Place) -> None:
    done = place.run("sync")
    assert (done.returncode, done.stdout.strip()) == (0, "1 versions in the catalogue."), done.stderr
    assert place.run("sync", "--quiet").stdout == ""


def test_sync__while_nobody_listens__fails_and_says_where(place: Place) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    done = place.run("sync", mlflow_url=address)
    assert done.returncode == 1
    assert address in done.stderr
    assert_clean(done)


def test_doctor__all_well__says_ok_for_each(place: Place) -> None:
    done = place.run("doctor", demo_people=json.dumps(PEOPLE))
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert all(line.startswith("ok ") for line in lines)
    assert not any("ServerInfo" in line for line in lines)
    for what in ("Policy", "Database", "Data folder", "MLflow", "Azure DevOps", "Ledger key"):
        assert any(what in line for line in lines), what


@pytest.mark.parametrize(
    ("setting", "value", "line", "hint"),
    [
        ("governance_file", "missing.yaml", "Policy", "COUNTERSIGN_GOVERNANCE_FILE"),
        ("database_url", "sqlite:////no/such/folder/x.db", "Database", "COUNTERSIGN_DATABASE_URL"),
        ("data_dir", "/dev/null/data", "Data folder", "COUNTERSIGN_DATA_DIR"),
        ("mlflow_url", "http://127.0.0.1:1", "MLflow", "COUNTERSIGN_MLFLOW_URL"),
        ("mlflow_url", "not an address", "MLflow", "COUNTERSIGN_MLFLOW_URL"),
        ("azure_devops_url", "http://127.0.0.1:1/org", "Azure DevOps", "COUNTERSIGN_AZURE_DEVOPS"),
        ("ledger_key_file", "/dev/null/key.pem", "Ledger key", "COUNTERSIGN_LEDGER_KEY_FILE"),
        ("predictions_path", "no-such-folder", "Prediction log", "COUNTERSIGN_PREDICTIONS_PATH"),
    ],
)
def test_doctor__one_wrong_setting__names_it_and_still_looks_at_the_rest(
    place: Place, setting: str, value: str, line: str, hint: str
) -> None:
    more = {setting: value} | ({"azure_devops_token": "t"} if "azure" in setting else {})
    done = place.run("doctor", **more)
    assert done.returncode == 1
    assert_clean(done)
    failing = [found for found in done.stdout.splitlines() if found.startswith("FAIL")]
    assert any(line in found and hint in found for found in failing), done.stdout
    assert len([found for found in done.stdout.splitlines() if found.startswith("ok ")]) >= 4


def test_doctor__policy_that_nobody_can_satisfy__is_told_with_its_line(place: Place) -> None:
    (place.folder / "governance.yaml").write_text(POLICY.replace("quorum: 1", "quorum: 4"))
    done = place.run("doctor", demo_people=json.dumps(PEOPLE))
    assert done.returncode == 1
    assert "line 6" in done.stdout
    assert "4 different people must approve, but only 1 can" in done.stdout


@pytest.mark.parametrize("command", ["serve", "worker", "migrate", "sync", "doctor"])
def test_any_command__with_a_wrong_setting__names_it_and_does_nothing(place: Place, command: str) -> None:
    done = place.run(command, port="eighty")
    assert done.returncode in (1, 2)
    assert "COUNTERSIGN_PORT" in done.stderr
    assert_clean(done)
    assert not place.database.exists()


@pytest.mark.parametrize("command", ["serve", "worker", "sync"])
def test_any_command__with_an_impossible_data_folder__names_the_setting(place: Place, command: str) -> None:
    done = place.run(command, data_dir="/dev/null/data", port=str(free_port()))
    assert done.returncode not in (0, -signal.SIGKILL)
    assert "COUNTERSIGN_DATA_DIR" in done.stderr, done.stdout + done.stderr
    assert_clean(done)


@pytest.mark.parametrize("command", ["serve", "worker", "sync"])
def test_any_command__without_a_policy__says_which_file_and_which_setting(place: Place, command: str) -> None:
    done = place.run(command, governance_file="missing.yaml", port=str(free_port()))
    assert done.returncode not in (0, -signal.SIGKILL)
    assert "missing.yaml" in done.stderr
    assert "COUNTERSIGN_GOVERNANCE_FILE" in done.stderr
    assert_clean(done)


def test_serve__on_a_port_that_is_taken__says_so(place: Place) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        done = place.run("serve", port=str(taken.getsockname()[1]))
    assert done.returncode not in (0, -signal.SIGKILL)
    assert "port" in (done.stdout + done.stderr).lower()
    assert_clean(done)


def test_serve__started__answers_health_readiness_and_api(place: Place) -> None:
    secret = place.run("token", "create", "test", "--scope", "read", "--quiet", demo_people=json.dumps(PEOPLE)).stdout
    with (
        portal_process(place.folder, place.settings | {"sync_interval": "1"}) as address,
        requests.Session() as session,
    ):
        session.trust_env = False
        assert session.get(f"{address}/healthz", timeout=30).text == "ok"
        assert session.get(f"{address}/readyz", timeout=30).json() == {"ready": True}
        assert session.get(f"{address}/api/v1/versions", timeout=30).status_code == 401
        bearer = {"Authorization": f"Bearer {secret.strip()}"}
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            if session.get(f"{address}/api/v1/versions", headers=bearer, timeout=30).json()["total"] == 1:
                break
            time.sleep(0.2)
        else:
            pytest.fail("The catalogue stays empty.")
        answer = session.get(f"{address}/", timeout=30, allow_redirects=False)
        assert answer.headers["content-security-policy"]


def test_readiness__database_breaks__is_503_while_health_stays_ok(place: Place) -> None:
    settings = place.settings | {"run_worker": "false"}
    with portal_process(place.folder, settings) as address, requests.Session() as session:
        session.trust_env = False
        engine = open_engine(settings["database_url"])
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE sync_state RENAME TO sync_state_away"))
        engine.dispose()
        answer = session.get(f"{address}/readyz", timeout=30)
        assert (answer.status_code, answer.json()["ready"]) == (503, False)
        assert "sync_state" not in answer.text
        assert session.get(f"{address}/healthz", timeout=30).status_code == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_worker__started__fills_the_catalogue_and_ends_when_told(place: Place, number: signal.Signals) -> None:
    with (place.folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.cli.main", "worker"], cwd=place.folder, stdout=log, stderr=log,
            env=environment(place.settings | {"sync_interval": "1"}),
        )  # fmt: skip
    try:
        end = time.monotonic() + LIMIT
        while time.monotonic() < end and process.poll() is None and not _versions(place):
            time.sleep(0.3)
        assert _versions(place) == 1
        process.send_signal(number)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in (place.folder / "worker.log").read_text()


def _versions(place: Place) -> int:
    if not place.database.exists():
        return 0
    engine = open_engine(place.settings["database_url"])
    try:
        if migrate.current_revision(engine) is None:
            return 0
        with engine.connect() as connection:
            return int(connection.execute(text("SELECT count(*) FROM catalogue_version")).scalar_one())
    finally:
        engine.dispose()


def test_help__of_the_program_and_each_command__is_there(place: Place) -> None:
    whole = place.run("--help")
    assert whole.returncode == 0
    for command in ("serve", "worker", "migrate", "sync", "doctor", "evidence", "ledger"):
        assert command in whole.stdout
        assert place.run(command, "--help").returncode == 0
    assert place.run("dance").returncode == 2
