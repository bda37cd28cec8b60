"""What MLflow's own `basic-auth` lets the portal's account do, and what the portal makes of a refusal."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from services.adapters.mlflow import MlflowConfig, MlflowRegistry, build_registry
from services.cli.doctor import demand_rights
from services.domain.promotions.target import RegistryWrite
from services.domain.registry import VersionKey
from services.errors import SettingsError, UpstreamRefusedError
from services.rollout.registry import write_to_registry
from tests.mlflow_seed import Seed
from tests.mlflow_server import MlflowServer, mlflow_server

ADMINISTRATOR = ("root", "a-long-password-1")
PORTAL = ("portal", "a-long-password-2")
RIGHTS = {"edited": "EDIT", "managed": "MANAGE", "read": "READ"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with mlflow_server(tmp_path_factory.mktemp("rights"), administrator=ADMINISTRATOR) as running:
        ask(running, "2.0/mlflow/users/create", {"username": PORTAL[0], "password": PORTAL[1]})
        seed = Seed(running)
        for name, right in RIGHTS.items():
            seed.model(name)
            seed.version(name, "s3://nowhere/model", tags={"candidate": "true"})
            grant = {
                "username": PORTAL[0],
                "resource_type": "registered_model",
                "resource_id": name,
                "permission": right,
            }
            ask(running, "3.0/mlflow/users/permissions/grant", grant)
        yield running


def ask(server: MlflowServer, path: str, body: dict[str, str]) -> None:
    answer = requests.post(f"{server.url}/api/{path}", json=body, auth=ADMINISTRATOR, timeout=30)
    assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def registry(server: MlflowServer) -> Iterator[MlflowRegistry]:
    config = MlflowConfig(server.url, username=PORTAL[0], password=SecretStr(PORTAL[1]), call_seconds=60)
    opened = build_registry(config)
    yield opened
    opened.close()


def first_promotion(registry: MlflowRegistry, model: str) -> Any:
    """The context of a rollout that set the alias of a model that had none."""
    registry.set_alias(model, "champion", 1)
    registry.move_stage(VersionKey(model, 1), "Production")
    environment = SimpleNamespace(alias="champion", stage="Production")
    return SimpleNamespace(key=VersionKey(model, 1), environment=environment)


def test_permission__of_the_portals_account__is_what_was_granted(registry: MlflowRegistry) -> None:
    assert {name: registry.permission_on(name) for name in RIGHTS} == RIGHTS


def test_permission__server_without_basic_auth__is_not_known(tmp_path_factory: pytest.TempPathFactory) -> None:
    with mlflow_server(tmp_path_factory.mktemp("open")) as running:
        opened = build_registry(MlflowConfig(running.url, username="x", password=SecretStr("y"), call_seconds=60))
        assert opened.permission_on("any") is None
        opened.close()


BACK = RegistryWrite("alias", None)


def test_undo__of_a_first_promotion_with_manage__deletes_the_alias(registry: MlflowRegistry) -> None:
    write_to_registry(registry, first_promotion(registry, "managed"), BACK)
    assert registry.version(VersionKey("managed", 1)).aliases == ()


def test_undo__of_a_first_promotion_with_edit__is_refused_and_names_the_right(registry: MlflowRegistry) -> None:
    """The way back goes the way there backwards, so nothing else was touched: a person is asked (ADR 9)."""
    context = first_promotion(registry, "edited")
    with pytest.raises(UpstreamRefusedError, match="does not let the portal delete the alias champion") as raised:
        write_to_registry(registry, context, BACK)
    assert "MANAGE" in raised.value.hint
    left = registry.version(VersionKey("edited", 1))
    assert (left.stage, left.aliases) == ("Production", ("champion",))


def test_tag__deleted_with_edit__is_refused_with_a_hint_that_names_manage(registry: MlflowRegistry) -> None:
    registry.set_version_tag(VersionKey("edited", 1), "note", "x")
    with pytest.raises(UpstreamRefusedError) as raised:
        registry.delete_version_tag(VersionKey("edited", 1), "candidate")
    assert "MANAGE" in raised.value.hint
    registry.delete_version_tag(VersionKey("managed", 1), "candidate")


def test_doctor__rights_that_undo_needs__are_demanded_by_model() -> None:
    demand_rights({"managed": "MANAGE"})
    with pytest.raises(SettingsError, match="has EDIT on edited: it can promote, but it cannot delete an alias"):
        demand_rights({"managed": "MANAGE", "edited": "EDIT"})
    with pytest.raises(SettingsError, match=r"cannot promote read \(READ\)"):
        demand_rights({"edited": "EDIT", "read": "READ"})
    with pytest.raises(SettingsError, match="and 15 more"):
        demand_rights({f"m{n}": "EDIT" for n in range(20)})
