"""The four ways to sign in, from settings to the credential; nothing is asked over the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.adapters.azure_devops import build_callbacks, build_from_settings
from services.adapters.azure_devops.auth import EntraToken, PersonalAccessToken
from services.errors import SettingsError
from services.settings import Settings, load_settings

SECRET = "s3cret-of-the-principal"


def settings(**given: Any) -> Settings:
    named = {f"azure_devops_{name}": value for name, value in given.items()}
    return load_settings(_env_file=None, azure_devops_url="https://dev.azure.com/contoso", **named)


@pytest.mark.parametrize(
    ("given", "credential"),
    [
        ({"auth": "service_principal", "tenant_id": "t", "client_id": "c", "client_secret": SECRET},
         "ClientSecretCredential"),
        ({"auth": "managed_identity"}, "ManagedIdentityCredential"),
        ({"auth": "managed_identity", "client_id": "c"}, "ManagedIdentityCredential"),
        ({"auth": "workload_identity", "tenant_id": "t", "client_id": "c"}, "WorkloadIdentityCredential"),
    ],
)  # fmt: skip
def test_entra__each_way__has_its_credential(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: dict[str, str], credential: str
) -> None:
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "token"))
    azure = build_from_settings(settings(**given))
    auth = azure._calls.config.auth  # type: ignore[attr-defined]
    assert isinstance(auth, EntraToken)
    assert type(auth._credential).__name__ == credential
    assert SECRET not in repr(auth)


def test_token__is_a_personal_access_token() -> None:
    azure = build_from_settings(settings(token="abc"))
    assert isinstance(azure._calls.config.auth, PersonalAccessToken)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"auth": "service_principal"}, "COUNTERSIGN_AZURE_DEVOPS_TENANT_ID"),
        ({"auth": "service_principal", "tenant_id": "t t", "client_id": "c", "client_secret": SECRET},
         "COUNTERSIGN_AZURE_DEVOPS_TENANT_ID"),
        ({"auth": "service_principal", "tenant_id": "t", "client_id": "c"}, "CLIENT_SECRET"),
        ({"auth": "workload_identity"}, "AZURE_FEDERATED_TOKEN_FILE"),
        ({"auth": "pat"}, "COUNTERSIGN_AZURE_DEVOPS_TOKEN"),
    ],
)  # fmt: skip
def test_sign_in__something_missing__is_a_settings_error_that_names_it(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], hint: str
) -> None:
    monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE", raising=False)
    for build in (build_from_settings, build_callbacks):
        with pytest.raises(SettingsError) as caught:
            build(settings(**given))
        assert hint in f"{caught.value} {caught.value.hint}"
        assert SECRET not in caught.value.sentence()
