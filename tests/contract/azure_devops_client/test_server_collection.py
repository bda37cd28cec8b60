"""Azure DevOps Server: a collection instead of an organization, and one host for everything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.adapters.azure_devops import AzureDevOpsConfig
from services.adapters.azure_devops.auth import PersonalAccessToken
from services.adapters.azure_devops.callbacks import AzureCheckCallbacks
from services.adapters.azure_devops.config import origin
from services.domain.releases import RunResult, RunState
from tests.contract.azure_devops_client.conftest import Bench
from tests.contract.azure_devops_server.conftest import PROJECT, Site, open_site
from tests.contract.azure_devops_server.test_releases import environment

AUTH = PersonalAccessToken(SecretStr("any"))


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Bench]:
    """A Server with the collection that every new one has."""
    with open_site(tmp_path, organization="tfs/DefaultCollection", on_premises=True) as server:
        site = Site(server)
        bench = Bench(site)
        yield bench
        bench.close()
        site.close()


def test_collection__pipelines_and_classic_releases__work_on_one_host(collection: Bench) -> None:
    from datetime import UTC, datetime, timedelta

    from services.domain.releases import RunKind, RunStart
    from tests.contract.azure_devops_client.conftest import until

    azure = collection.client(release_url="")
    azure.ping()
    run = azure.start(collection.start("full", "req-server"))
    collection.ended(run.ref)
    assert azure.get(run.ref).result is RunResult.SUCCEEDED
    assert azure.tests(run.ref)[0].total == 3
    assert azure.deployments(PROJECT, "production")
    body = {"name": "classic", "environments": [environment("test", "true")]}
    number = collection.site.ok("POST", "Release/definitions", json=body)["id"]
    start = RunStart(PROJECT, number, "", "req-classic", {}, datetime.now(UTC) - timedelta(minutes=1), RunKind.RELEASE)
    release = azure.start(start)
    assert until(lambda: azure.get(release.ref).state is RunState.COMPLETED)


@pytest.mark.parametrize(
    ("url", "releases"),
    [
        ("https://dev.azure.com/contoso", "https://vsrm.dev.azure.com/contoso"),
        ("https://dev.azure.com/contoso/", "https://vsrm.dev.azure.com/contoso"),
        ("https://contoso.visualstudio.com", "https://contoso.vsrm.visualstudio.com"),
        ("https://tfs.example.org/tfs/DefaultCollection", "https://tfs.example.org/tfs/DefaultCollection"),
    ],
)
def test_release_host__of_services_and_server__is_derived(url: str, releases: str) -> None:
    config = AzureDevOpsConfig(url, AUTH)
    assert config.release_base == releases
    assert config.origins == {origin(url), origin(releases)}


def test_certificates__of_an_own_authority__are_a_setting(tmp_path: Path) -> None:
    config = AzureDevOpsConfig("https://tfs.example.org/tfs/C", AUTH, ca_file=str(tmp_path / "ca.pem"))
    assert config.ca_file.endswith("ca.pem")


@pytest.mark.parametrize(
    ("configured", "plan_url", "expected"),
    [
        ("https://dev.azure.com/Contoso", "https://dev.azure.com/contoso/", True),
        ("https://dev.azure.com/contoso", "https://contoso.visualstudio.com/", True),
        ("https://contoso.visualstudio.com", "https://dev.azure.com/contoso/", True),
        ("https://tfs.example.org/tfs/C", "https://tfs.example.org/tfs/C/", True),
        ("https://dev.azure.com/contoso", "https://dev.azure.com/contoso2/", False),
        ("https://dev.azure.com/contoso", "https://contoso.visualstudio.com.evil.example/", False),
        ("https://dev.azure.com/contoso", "https://evil.example/https://dev.azure.com/contoso", False),
        ("https://dev.azure.com/contoso", "http://dev.azure.com/contoso/", False),
        ("https://dev.azure.com/contoso", "", False),
    ],
)
def test_check__address_of_its_organization__is_ours_or_not(configured: str, plan_url: str, *, expected: bool) -> None:
    assert AzureCheckCallbacks(AzureDevOpsConfig(configured, AUTH)).is_own(plan_url) is expected
