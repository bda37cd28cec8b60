"""Where Azure DevOps is, how the portal signs in, and how long a call may take."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from requests.auth import AuthBase

from services.errors import SettingsError


@dataclass(frozen=True)
class AzureDevOpsConfig:
    """Settings of the adapter; times in seconds. Raises SettingsError for an address that cannot be one."""

    organization_url: str
    """``https://dev.azure.com/ORG``, or the collection URL of an Azure DevOps Server."""
    auth: AuthBase
    connect_seconds: float = 3.05
    read_seconds: float = 10
    call_seconds: float = 30
    """Wall-clock limit of one call, however slowly the other side answers."""

    def __post_init__(self) -> None:
        """Check the address without a network."""
        parts = urlsplit(self.organization_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or not parts.path.strip("/"):
            raise SettingsError(
                "COUNTERSIGN_AZURE_DEVOPS_URL is no organization URL.",
                hint="Use https://dev.azure.com/ORGANIZATION, or https://server/tfs/COLLECTION.",
            )
        if parts.username or parts.password:
            raise SettingsError(
                "COUNTERSIGN_AZURE_DEVOPS_URL holds credentials.",
                hint="Put the token into COUNTERSIGN_AZURE_DEVOPS_TOKEN.",
            )

    @property
    def base(self) -> str:
        """The address without a slash at the end."""
        return self.organization_url.rstrip("/")
