"""The adapter's configuration and encryption."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from services.domain.identity.people import Role

SYSTEM = "identity_provider"


@dataclass(frozen=True)
class OidcConfig:
    """One provider and this portal's registration with it."""

    issuer: str
    client_id: str
    client_secret: SecretStr
    """Empty for a public client: PKCE alone protects the code."""
    redirect_uri: str
    after_sign_out: str
    session_secret: SecretStr
    groups: Mapping[Role, tuple[str, ...]]
    """Groups (or app roles) that give each role."""
    named_groups: frozenset[str] = frozenset()
    """Groups that the policy names for disciplines and rights: kept with the person, others are not."""
    scopes: str = "openid profile email offline_access"
    groups_claim: str = "groups"
    person_claim: str = "sub"
    graph_url: str = "https://graph.microsoft.com/v1.0"
    api_audience: str = ""
    seconds: float = 5.0


class Sealer:
    """Authenticated encryption (Fernet) with a separate key for each purpose."""

    def __init__(self, secret: SecretStr, purpose: str) -> None:
        key = HKDF(SHA256(), 32, salt=None, info=f"countersign {purpose}".encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(key.derive(secret.get_secret_value().encode())))

    def seal(self, value: Mapping[str, Any]) -> str:
        """JSON, encrypted."""
        return self._fernet.encrypt(json.dumps(dict(value)).encode()).decode()

    def open(self, text: str, *, max_age: int | None = None) -> dict[str, Any] | None:
        """The sealed value; None if it is invalid or older than `max_age` seconds."""
        try:
            value: dict[str, Any] = json.loads(self._fernet.decrypt(text.encode(), ttl=max_age))
        except (InvalidToken, ValueError):
            return None
        return value
