"""Settings that keep demo and production apart."""

from __future__ import annotations

from typing import Any

import pytest

from services.errors import SettingsError
from services.settings import load_settings

PEOPLE = [{"id": "ana", "name": "Ana", "roles": ["reviewer"]}]
OIDC = {"oidc_issuer": "https://login.example", "oidc_client_id": "c", "session_secret": "s" * 32}


@pytest.mark.parametrize(
    "production",
    [
        {"database_url": "postgresql://portal@db/portal"}, {"host": "0.0.0.0"}, {"host": "portal.example"},
        {"public_url": "https://portal.example"}, {"mlflow_url": "https://mlflow.example"},
        {"azure_devops_url": "https://dev.azure.com/contoso"}, OIDC,
    ],
    ids=",".join,
)  # fmt: skip
def test_demo_people__with_anything_of_production__are_refused(production: dict[str, Any]) -> None:
    load_settings(**production)
    with pytest.raises(SettingsError, match="DEMO_PEOPLE"):
        load_settings(demo_people=PEOPLE, **production)


def test_demo_people__on_this_machine__are_accepted() -> None:
    local = {
        "host": "127.0.0.1",
        "public_url": "http://localhost:8501",
        "azure_devops_url": "http://127.0.0.1:5002/demo",
    }
    assert load_settings(demo_people=PEOPLE, **local).demo_people


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"oidc_client_id": ""}, "OIDC_CLIENT_ID"), ({"session_secret": "short"}, "SESSION_SECRET"),
        ({"public_url": "http://portal.example"}, "PUBLIC_URL"), ({"oidc_issuer": "http://login.example"}, "OIDC_ISSUER"),
        ({"roles_max_age": 60}, "ROLES_MAX_AGE"),
    ],
)  # fmt: skip
def test_oidc__half_configured_or_in_the_clear__is_refused_by_name(change: dict[str, Any], name: str) -> None:
    load_settings(**OIDC, public_url="https://portal.example")
    with pytest.raises(SettingsError, match=name):
        load_settings(**(OIDC | change))


def test_secrets__never_show() -> None:
    settings = load_settings(**(OIDC | {"oidc_client_secret": "hush", "session_secret": "hush" * 8}))
    assert "hush" not in repr(settings)
