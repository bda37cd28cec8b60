"""Addresses, sign-in and limits of calls to Azure DevOps."""

from __future__ import annotations

from dataclasses import dataclass, fields
from urllib.parse import SplitResult, urlsplit

from requests.auth import AuthBase

from services.errors import SettingsError

MIB = 1024 * 1024
Origin = tuple[str, str, int]
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class AzureDevOpsConfig:
    """Settings of the adapter; times in seconds, sizes in bytes. Raises SettingsError for a wrong address."""

    organization_url: str
    """``https://dev.azure.com/ORG``, or the collection URL of an Azure DevOps Server."""
    auth: AuthBase
    release_url: str = ""
    """Host of classic releases; default: ``https://vsrm.dev.azure.com/ORG``, and the collection itself on a Server."""
    ca_file: str = ""
    """CA certificates to trust instead of the bundled ones, for a Server with its own authority."""
    connect_seconds: float = 3.05
    read_seconds: float = 10
    """Maximum idle time of the server within a call."""
    call_seconds: float = 30
    """Wall-clock limit of one call, including retries and pauses."""
    patience_seconds: float = 5
    """Longest pause within a call for a server that asks to slow down; a longer one is reported as `throttled`."""
    read_attempts: int = 3
    """How often a read may be sent; a write is sent once."""
    max_answer_bytes: int = 64 * MIB
    max_pages: int = 100
    """Maximum pages of a listing; a longer one is an error, never silently truncated."""

    def __post_init__(self) -> None:
        """Check everything that needs no network."""
        _checked("COUNTERSIGN_AZURE_DEVOPS_URL", self.organization_url)
        if self.release_url:
            _checked("COUNTERSIGN_AZURE_DEVOPS_RELEASE_URL", self.release_url)
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not value > 0:
                raise SettingsError(f"Azure DevOps: {field.name} must be greater than 0.")

    @property
    def base(self) -> str:
        """The address of the organization or collection, without a trailing slash."""
        return self.organization_url.strip().rstrip("/")

    @property
    def release_base(self) -> str:
        """The address of classic releases, without a trailing slash."""
        return self.release_url.strip().rstrip("/") or _release_host(self.base)

    @property
    def origins(self) -> frozenset[Origin]:
        """The only addresses to which credentials are sent."""
        return frozenset({origin(self.base), origin(self.release_base)})


def origin(url: str) -> Origin:
    """Scheme, host and port; ValueError for an address without a host or with an invalid port."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not parts.hostname:
        raise ValueError("no web address")
    return scheme, parts.hostname.lower(), parts.port or _PORTS[scheme]


def _checked(setting: str, url: str) -> None:
    try:
        parts = urlsplit(url.strip())
        origin(url.strip())
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    if not parts.path.strip("/") and not _is_old_host(parts.hostname or ""):
        raise SettingsError(
            f"{setting} is not an organization URL.",
            hint="Use https://dev.azure.com/ORGANIZATION, or https://server/tfs/COLLECTION.",
        )
    if parts.username or parts.password:
        raise SettingsError(f"{setting} contains credentials.", hint="Set the token in COUNTERSIGN_AZURE_DEVOPS_TOKEN.")
    if parts.query or parts.fragment:
        raise SettingsError(f"{setting} has a query.", hint="Remove everything from the question mark on.")


def _is_old_host(host: str) -> bool:
    return host.lower().endswith(".visualstudio.com")


def _release_host(base: str) -> str:
    """Azure DevOps Services has a separate host for classic releases; a Server has one host for everything."""
    parts = urlsplit(base)
    host = (parts.hostname or "").lower()
    if host == "dev.azure.com":
        return f"{parts.scheme}://vsrm.dev.azure.com{parts.path}"
    if _is_old_host(host) and ".vsrm." not in host:
        return f"{parts.scheme}://{host.replace('.visualstudio.com', '.vsrm.visualstudio.com')}{parts.path}"
    return base
