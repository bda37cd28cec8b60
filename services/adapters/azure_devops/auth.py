"""How the portal signs in: a personal access token, or Entra ID through azure-identity.

Both are `AuthBase` objects set as ``session.auth``: a header would be overwritten by a ``~/.netrc`` entry. Entra tokens
are asked for at every request; azure-identity keeps and refreshes them. Nothing here shows a secret in its repr.
"""

from __future__ import annotations

import base64
from typing import Any, Protocol

import requests
from pydantic import SecretStr
from requests.auth import AuthBase

from services.errors import SettingsError

SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"
"""Azure DevOps' resource id in Entra ID."""


class Credential(Protocol):
    """An azure-identity credential."""

    def get_token(self, *scopes: str) -> Any:
        """An access token that is valid now."""


class PersonalAccessToken(AuthBase):
    """HTTP Basic with an empty user name, as Azure DevOps asks for tokens."""

    def __init__(self, token: SecretStr) -> None:
        if not token.get_secret_value():
            raise SettingsError(
                "No personal access token is set.",
                hint="Set COUNTERSIGN_AZURE_DEVOPS_TOKEN (scopes: build execute, test read), or another sign-in.",
            )
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header."""
        encoded = base64.b64encode(f":{self._token.get_secret_value()}".encode()).decode()
        request.headers["Authorization"] = f"Basic {encoded}"
        return request

    def __repr__(self) -> str:
        return "PersonalAccessToken(…)"


class EntraToken(AuthBase):
    """Bearer tokens of a service principal, managed identity or workload identity."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add a header with a token that is valid now."""
        request.headers["Authorization"] = f"Bearer {self._credential.get_token(SCOPE).token}"
        return request

    def __repr__(self) -> str:
        return "EntraToken(…)"


class SdkAuthentication:
    """What the SDK (msrest) takes for credentials; azure-identity's objects lack `signed_session`."""

    def __init__(self, auth: AuthBase) -> None:
        self._auth = auth

    def signed_session(self, session: requests.Session | None = None) -> requests.Session:
        """A session that signs each request."""
        session = session or requests.Session()
        session.auth = self._auth
        return session
