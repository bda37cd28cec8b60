"""The target azureml: the real Azure ML SDK, as a pipeline's agent has it, against servers in the documented shapes.

The SDK wants other versions of libraries than the portal has, so it gets an environment of its own, once a machine.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.pipelines.answering import answering
from tests.integration.pipelines.azure_cloud import AzureCloud, azure_cloud
from tests.integration.pipelines.steps import issue, run_step

pytestmark = [pytest.mark.integration, pytest.mark.slow]
MODEL, DIGEST = "fraud", "sha256:" + "a" * 64
PINNED = ("azure-ai-ml==1.35.2", "azure-identity==1.27.0", "requests==2.34.2")


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter with the SDK; the tests are skipped where it cannot be installed."""
    folder = tmp_path_factory.mktemp("azureml")
    uv = Path(sysconfig.get_path("scripts")) / "uv"
    made = folder / "environment" / "bin" / "python"
    subprocess.run([uv, "venv", "-q", "-p", sys.executable, folder / "environment"], check=True, timeout=120)
    done = subprocess.run(
        [uv, "pip", "install", "-q", "--python", made, *PINNED],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"azure-ai-ml cannot be installed here: {done.stderr[-300:]}")
    return str(made)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[AzureCloud]:
    with azure_cloud(tmp_path) as found:
        yield found


def run(python: str, cloud: AzureCloud, name: str, *arguments: str, version: str = "3") -> Any:
    env = cloud.environment() | {
        "SERVINGTARGET": "azureml", "SERVINGENDPOINT": "fraud-live", "MODELNAME": MODEL, "MODELVERSION": version,
        "AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000001", "AZUREMLRESOURCEGROUP": "ml",
        "AZUREMLWORKSPACE": "risk", "ARTIFACTDIGEST": DIGEST, "AZURE_CLIENT_ID": "$(azureClientId)",
    }  # fmt: skip
    fast = ("--every", "0.1", "--seconds", "60") if name in {"deploy", "roll_back"} else ()
    return run_step(name, *arguments, *fast, env=env, python=python, strict=False)


def deploy(python: str, cloud: AzureCloud, version: str) -> Any:
    return run(python, cloud, "deploy", "--environment", "production", version=version)


def test_deployments__one_after_the_other__turn_the_traffic_and_keep_the_way_back(
    python: str, cloud: AzureCloud
) -> None:
    for version in ("2", "3", "4"):
        done = deploy(python, cloud, version)
        assert done.returncode == 0, done.stdout + done.stderr
    endpoint = cloud.rows["/onlineEndpoints/fraud-live"]
    assert endpoint["properties"]["traffic"] == {"version-4": 100}
    assert endpoint["tags"]["countersign-previous"] == "3"
    standing = {path.rpartition("/")[2] for path in cloud.rows if "/deployments/" in path}
    assert standing == {"version-3", "version-4"}
    model = cloud.rows["/onlineEndpoints/fraud-live/deployments/version-4"]["properties"]["model"]
    assert model.endswith("/workspaces/risk/models/fraud/versions/4")
    back = run(python, cloud, "roll_back", "--environment", "production", "--from-version", "4", version="4")
    assert back.returncode == 0, back.stdout + back.stderr
    assert endpoint is not cloud.rows["/onlineEndpoints/fraud-live"]
    assert cloud.rows["/onlineEndpoints/fraud-live"]["properties"]["traffic"] == {"version-3": 100}


def test_failed_deployment__is_told_and_the_old_version_keeps_the_traffic(python: str, cloud: AzureCloud) -> None:
    assert deploy(python, cloud, "2").returncode == 0
    cloud.fails = True
    assert "Deployment version-3 ended Failed" in issue(deploy(python, cloud, "3"))
    assert cloud.rows["/onlineEndpoints/fraud-live"]["properties"]["traffic"] == {"version-2": 100}
    cloud.fails = False
    assert deploy(python, cloud, "3").returncode == 0


def test_verify__scores_with_the_endpoints_key_and_compares_the_digest(
    python: str, cloud: AzureCloud, tmp_path: Path
) -> None:
    assert deploy(python, cloud, "3").returncode == 0
    known = {"columns": ["x"], "data": [[1.0], [2.0]], "expected": [3.0, 6.0]}

    def mlflow_answers(asked: Any) -> tuple[int, Any]:
        version = {"model_version": {"run_id": "r", "version": "3"}}
        return 200, known if asked.path.startswith("/get-artifact") else version

    with answering(mlflow_answers) as mlflow:
        options = ("--mlflow-url", mlflow.url, "--report", str(tmp_path / "report.xml"))
        done = run(python, cloud, "verify", *options)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "5 of 5 checks passed" in done.stdout
        assert "digest" in issue(run(python, cloud, "verify", *options, "--digest", "sha256:other"))


def test_missing_option_and_missing_sdk__say_what_to_do() -> None:
    env = {"MODELNAME": "m", "MODELVERSION": "1", "SERVINGTARGET": "azureml", "SERVINGENDPOINT": "e"}
    done = run_step("deploy", "--environment", "test", env=env)
    assert "needs --subscription, --resource-group, --workspace" in issue(done)
    place = {"AZURE_SUBSCRIPTION_ID": "s", "AZUREMLRESOURCEGROUP": "g", "AZUREMLWORKSPACE": "w"}
    assert "pip install azure-ai-ml" in issue(run_step("deploy", "--environment", "test", env=env | place))
