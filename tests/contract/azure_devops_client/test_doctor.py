"""`countersign doctor` tells what stands before the environments in Azure DevOps."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from azure_devops_server import seed
from azure_devops_server.seed import ApprovalCheck
from services.cli.doctor import Diagnosis, examine
from services.settings import load_settings
from tests.contract.azure_devops_client.conftest import Bench
from tests.contract.azure_devops_server.conftest import PROJECT
from tests.world import GOVERNANCE


def azure(bench: Bench, folder: Path, **settings: object) -> Diagnosis:
    governance = folder / "governance.yaml"
    text = GOVERNANCE.replace("project: ml", f"project: {PROJECT}").replace("REGISTRY", "before").replace("QUORUM", "1")
    governance.write_text(text, encoding="utf-8")
    found = examine(
        load_settings(
            _env_file=None, database_url=f"sqlite:///{folder / 'portal.db'}", data_dir=folder, governance_file=governance,
            mlflow_url="http://127.0.0.1:9", azure_devops_url=bench.site.url,
            **{"azure_devops_token": SecretStr("any"), **settings},
        )
    )  # fmt: skip
    return next(line for line in found if line.what == "Azure DevOps")


def test_doctor__check_before_production__is_named(bench: Bench, tmp_path: Path) -> None:
    seed.environment(bench.site.organization, PROJECT, "production", [ApprovalCheck(("Anna",))])
    found = azure(bench, tmp_path)
    assert found.is_well
    assert "Checks on production: Approval" in found.sentence


def test_doctor__no_check_before_production__says_how_to_add_one(bench: Bench, tmp_path: Path) -> None:
    seed.environment(bench.site.organization, PROJECT, "production", [])
    assert "none; see docs/azure-devops.md" in azure(bench, tmp_path).sentence


@pytest.mark.parametrize("fault", ["sign_in_html", "unauthorized_empty"])
def test_doctor__bad_token__says_what_to_renew(bench: Bench, tmp_path: Path, fault: str) -> None:
    bench.fault(fault=fault, route=".*", times=None)
    found = azure(bench, tmp_path)
    assert not found.is_well
    assert "Renew COUNTERSIGN_AZURE_DEVOPS_TOKEN" in found.sentence
