"""How the portal signs in: a personal access token, or Entra ID through azure-identity.

Both are `AuthBase` objects set as ``session.auth``: a header would be overwritten by a ``~/.netrc`` entry. Entra tokens
are requested for every call; azure-identity caches and refreshes them. Nothing here shows a secret in its repr, and
no error contains Entra ID's answer.
"""

from __future__ import annotations

import base64
from typing import Any, Protocol

import requests
from pydantic import SecretStr
from requests.auth import AuthBase

from services.errors import PortalError, SettingsError, UpstreamRefusedError, UpstreamUnavailableError

SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"
"""Azure DevOps' resource id in Entra ID."""
SYSTEM = "azure_devops"


class Credential(Protocol):
    """An azure-identity credential."""

    def get_token(self, *scopes: str) -> Any:
        """An access token that is valid now."""


class PersonalAccessToken(AuthBase):
    """HTTP Basic with an empty user name, as Azure DevOps requires for tokens."""

    def __init__(self, token: SecretStr) -> None:
        value = token.get_secret_value()
        if not value:
            raise SettingsError(
                "No personal access token is set.",
                hint="Set COUNTERSIGN_AZURE_DEVOPS_TOKEN (scopes: build execute, test read), or another sign-in.",
            )
        if not value.isascii() or not value.isprintable() or " " in value:
            raise SettingsError(
                "COUNTERSIGN_AZURE_DEVOPS_TOKEN contains characters that are invalid in a token.",
                hint="Copy the token again, without spaces and line breaks.",
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
        """Add a header with a token that is valid now. Raises UpstreamError if there is none."""
        request.headers["Authorization"] = f"Bearer {self._token()}"
        return request

    def _token(self) -> str:
        from azure.core.exceptions import AzureError

        try:
            return str(self._credential.get_token(SCOPE).token)
        except (AzureError, ValueError) as error:
            problem = _no_token(error)
        raise problem  # outside the block: the cause may contain the request

    def __repr__(self) -> str:
        return "EntraToken(…)"


def _no_token(error: Exception) -> PortalError:
    from azure.core.exceptions import ServiceRequestError, ServiceResponseError

    if isinstance(error, ServiceRequestError | ServiceResponseError):
        return UpstreamUnavailableError(
            "Entra ID cannot be reached, so there is no token for Azure DevOps.", system=SYSTEM,
            hint="Check the network to login.microsoftonline.com, or to the managed identity's address.",
        )  # fmt: skip
    return UpstreamRefusedError(
        f"Entra ID gave no token for Azure DevOps ({type(error).__name__}).", system=SYSTEM, code="bad_token",
        hint="Check COUNTERSIGN_AZURE_DEVOPS_TENANT_ID, …_CLIENT_ID and …_CLIENT_SECRET, and that the secret has not "
        "expired; the identity must be a member of the organization.",
    )  # fmt: skip


class SdkAuthentication:
    """Credentials for the SDK (msrest); azure-identity's objects lack `signed_session`."""

    def __init__(self, auth: AuthBase) -> None:
        self._auth = auth

    def signed_session(self, session: requests.Session | None = None) -> requests.Session:
        """A session that signs each request."""
        session = session or requests.Session()
        session.auth = self._auth
        return session
