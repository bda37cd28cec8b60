from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from services.adapters.oidc.config import OidcConfig
from services.adapters.oidc.provider import OidcProvider
from services.domain.identity.people import Role
from tests.simulators.identity_provider import CLIENT, SECRET, Provider, running_provider

GROUPS = {Role.REVIEWER: ("g-reviewers", "g-risk"), Role.AUDITOR: ("g-audit",), Role.SERVICE: ("api.call",)}


@pytest.fixture
def other_side() -> Iterator[Provider]:
    with running_provider() as provider:
        provider.users["ben"] = {"name": "Ben Okafor", "email": "Ben.Okafor@example.com", "preferred_username": "ben.o"}
        provider.groups["ben"] = ["g-reviewers", "g-all"]
        yield provider


Client = Callable[..., OidcProvider]


@pytest.fixture
def client(other_side: Provider) -> Client:
    def make(**changes: Any) -> OidcProvider:
        values: dict[str, Any] = {
            "issuer": other_side.issuer, "client_id": CLIENT, "client_secret": SecretStr(SECRET),
            "redirect_uri": other_side.redirect_uri, "after_sign_out": "http://127.0.0.1:8501/signed-out",
            "session_secret": SecretStr("x" * 40), "groups": GROUPS, "graph_url": f"{other_side.issuer}/graph",
            "api_audience": "api://countersign", "seconds": 2.0,
        }  # fmt: skip
        return OidcProvider(OidcConfig(**values | changes))

    return make
