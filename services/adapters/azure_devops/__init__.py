"""Azure DevOps over its REST API: the `ReleasePipelines` of the portal. `docs/azure-devops.md` has the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.adapters.azure_devops.config import AzureDevOpsConfig
from services.errors import SettingsError

if TYPE_CHECKING:
    from requests.auth import AuthBase

    from services.adapters.azure_devops.auth import Credential
    from services.ports.callbacks import CheckCallbacks
    from services.ports.pipelines import ReleasePipelines
    from services.settings import Settings


def build_pipelines(config: AzureDevOpsConfig) -> ReleasePipelines:
    """The adapter for one organization."""
    from services.adapters.azure_devops.calls import Calls
    from services.adapters.azure_devops.pipelines import AzureDevOpsPipelines

    return AzureDevOpsPipelines(Calls(config))


def build_from_settings(settings: Settings) -> ReleasePipelines:
    """The adapter for the settings. Raises SettingsError."""
    return build_pipelines(_config(settings))


def build_callbacks(settings: Settings) -> CheckCallbacks:
    """The client that answers checks. Raises SettingsError."""
    from services.adapters.azure_devops.callbacks import AzureCheckCallbacks

    return AzureCheckCallbacks(_config(settings))


def _config(settings: Settings) -> AzureDevOpsConfig:
    return AzureDevOpsConfig(
        organization_url=settings.azure_devops_url,
        auth=_auth(settings),
        release_url=settings.azure_devops_release_url,
        ca_file=str(settings.azure_devops_ca_file or ""),
        read_seconds=settings.azure_devops_timeout,
        call_seconds=3 * settings.azure_devops_timeout,
    )


def _auth(settings: Settings) -> AuthBase:
    from services.adapters.azure_devops.auth import EntraToken, PersonalAccessToken

    if settings.azure_devops_auth == "pat":
        return PersonalAccessToken(settings.azure_devops_token)
    try:
        return EntraToken(_credential(settings))
    except ValueError as error:
        raise SettingsError(
            f"The sign-in {settings.azure_devops_auth} to Azure DevOps is not set up: {str(error).split('. ')[0]}.",
            hint=_HINTS[settings.azure_devops_auth],
        ) from None


_HINTS = {
    "service_principal": "Set COUNTERSIGN_AZURE_DEVOPS_TENANT_ID, …_CLIENT_ID and …_CLIENT_SECRET.",
    "managed_identity": "Set COUNTERSIGN_AZURE_DEVOPS_CLIENT_ID for a user-assigned identity, or leave it empty.",
    "workload_identity": "Set COUNTERSIGN_AZURE_DEVOPS_TENANT_ID and …_CLIENT_ID; the platform gives "
    "AZURE_FEDERATED_TOKEN_FILE.",
}


def _credential(settings: Settings) -> Credential:
    """Raises ValueError with azure-identity's message if something is missing."""
    from azure import identity

    client = settings.azure_devops_client_id or None
    if settings.azure_devops_auth == "managed_identity":
        return identity.ManagedIdentityCredential(client_id=client)
    if settings.azure_devops_auth == "workload_identity":
        tenant = settings.azure_devops_tenant_id or None
        return identity.WorkloadIdentityCredential(tenant_id=tenant, client_id=client)
    secret = settings.azure_devops_client_secret.get_secret_value()
    return identity.ClientSecretCredential(settings.azure_devops_tenant_id, client or "", secret)


__all__ = ["AzureDevOpsConfig", "build_callbacks", "build_from_settings", "build_pipelines"]
