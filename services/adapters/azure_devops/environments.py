"""Environments of YAML pipelines and their deployments."""

from __future__ import annotations

from collections.abc import Sequence

from services.adapters.azure_devops.calls import Calls
from services.adapters.azure_devops.parse import record_of
from services.domain.releases import DeploymentRecord
from services.errors import NotFoundError


class YamlEnvironments:
    """Reads only. All methods raise UpstreamError and NotFoundError."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def id_of(self, project: str, name: str) -> int:
        """The environment's number; the server's filter also matches prefixes, so the name is compared."""
        pages = self._calls.pages(
            "task_agent",
            lambda client, token: client.get_environments(project, name=name, continuation_token=token),
        )
        for page in pages:
            for environment in page:
                if str(environment.name).casefold() == name.casefold():
                    return int(environment.id)
        raise NotFoundError(
            f"The project {project} has no environment {name}, or the portal's account may not see it.",
            hint="Create it in Azure DevOps under Pipelines, Environments, or correct the name.",
        )

    def deployments(self, project: str, environment: str, *, limit: int = 50) -> Sequence[DeploymentRecord]:
        """Deployments to an environment, newest first."""
        number = self.id_of(project, environment)
        pages = self._calls.pages(
            "task_agent",
            lambda client, token: client.get_environment_deployment_execution_records(
                project, number, continuation_token=token, top=limit
            ),
        )
        found: list[DeploymentRecord] = []
        for page in pages:
            found += [record_of(record) for record in page]
            if len(found) >= limit:
                break
        return found[:limit]
