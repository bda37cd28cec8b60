"""Resource locations and areas: what OPTIONS and ResourceAreas answer.

Ids, routes and versions of the main host are those of dev.azure.com; the release host's routes follow its Swagger.
"""

# ruff: noqa: E501  (a table reads best with one row a line)
from __future__ import annotations

from typing import Any, NamedTuple

from azure_devops_server.values import Host


class Location(NamedTuple):
    """One row of an OPTIONS answer."""

    id: str
    area: str
    resource: str
    template: str
    version: int
    least: str = "1.0"
    released: str = "7.1"

    def document(self) -> dict[str, Any]:
        """As it is sent; versions are texts in real data."""
        return {
            "id": self.id,
            "area": self.area,
            "resourceName": self.resource,
            "routeTemplate": self.template,
            "resourceVersion": self.version,
            "minVersion": self.least,
            "maxVersion": "7.2",
            "releasedVersion": self.released,
        }


_P = "{project}/_apis"
_PLANS = "{scopeIdentifier}/_apis/{area}/hubs/{hubName}/plans/{planId}"
_BUILD = f"{_P}/{{area}}/builds/{{buildId}}/{{resource}}"

_LOCATION = (
    Location("e81700f7-3be2-46de-8624-2eb35882fcaa", "Location", "ResourceAreas", "_apis/{resource}/{areaId}", 1, "3.2", "0.0"),
    Location("00d9565f-ed9c-4a06-9a50-00e7896ccab4", "Location", "ConnectionData", "_apis/{resource}", 1, "1.0", "0.0"),
)  # fmt: skip
_MAIN = (
    Location("7859261e-d2e9-4a68-b820-a5d84cc5bb3d", "Pipelines", "runs", f"{_P}/{{area}}/{{pipelineId}}/{{resource}}/{{runId}}", 2, "5.1"),
    Location("28e1305e-2afe-47bf-abaf-cbb0e6a91988", "Pipelines", "pipelines", f"{_P}/{{area}}/{{pipelineId}}", 1, "5.1"),
    Location("53df2d18-29ea-46a9-bee0-933540f80abf", "pipelines", "preview", f"{_P}/{{area}}/{{pipelineId}}/{{resource}}", 2, "5.1"),
    Location("fb1b6d27-3957-43d5-a14b-a2d70403e545", "Pipelines", "logs", f"{_P}/{{area}}/{{pipelineId}}/runs/{{runId}}/{{resource}}/{{logId}}", 1, "5.1"),
    Location("85023071-bd5e-4438-89b0-2a5bf362a19d", "Pipelines", "artifacts", f"{_P}/{{area}}/{{pipelineId}}/runs/{{runId}}/{{resource}}", 1, "5.2"),
    Location("0cd358e1-9217-4d94-8269-1c1ee6f93dcf", "Build", "Builds", f"{_P}/build/{{resource}}/{{buildId}}", 7),
    Location("dbeaf647-6167-421a-bda9-c9327b25e2e6", "Build", "Definitions", f"{_P}/build/{{resource}}/{{definitionId}}", 7),
    Location("35a80daf-7f30-45fc-86e8-6b813d9c90df", "build", "logs", f"{_BUILD}/{{logId}}", 2, "2.0"),
    Location("6e6114b2-8161-44c8-8f6c-c5505782427f", "build", "tags", f"{_BUILD}/{{*tag}}", 3, "2.0"),
    Location("8baac422-4c6e-4de5-8532-db96d92acffa", "build", "Timeline", f"{_BUILD}/{{timelineId}}", 3, "2.0"),
    Location("b8aac6c9-744b-46e1-88fc-3550969f9313", "build", "stages", f"{_BUILD}/{{stageRefName}}", 5, "5.2"),
    Location("0a6312e9-0627-49b7-8083-7d74a64849c9", "build", "properties", _BUILD, 1, "3.2"),
    Location("1db06c96-014e-44e1-ac91-90b2d4b3e984", "build", "artifacts", f"{_BUILD}/{{artifactName}}", 5, "2.0"),
    Location("f2192269-89fa-4f94-baf6-8fb128c55159", "build", "attachments", f"{_BUILD}/{{type}}", 2, "2.0"),
    Location("54481611-01f4-47f3-998f-160da0f0c229", "build", "latest", f"{_P}/{{area}}/{{resource}}/{{definition}}", 1, "5.0", "0.0"),
    Location("54572c7b-bbd3-45d4-80dc-28be08941620", "build", "changes", _BUILD, 2, "2.0"),
    Location("5a21f5d2-5642-47e4-a0bd-1356e6731bee", "build", "workitems", _BUILD, 2, "2.0"),
    Location("cadb3810-d47d-4a3c-a234-fe5f3be50138", "Test", "Runs", f"{_P}/test/{{resource}}/{{runId}}", 3),
    Location("4637d869-3a76-4468-8057-0bb02aa385cf", "Test", "Results", f"{_P}/test/Runs/{{runId}}/{{resource}}/{{testCaseResultId}}", 6),
    Location("0a42c424-d764-4a16-a2d5-5c85f87d0ae8", "Test", "Runs", f"{_P}/test/{{resource}}/{{runId}}/Statistics", 3),
    Location("37794717-f36f-4d78-b2bf-4dc30d0cfbcd", "approval", "approvals", f"{_P}/pipelines/{{resource}}/{{approvalId}}", 2, "5.1"),
    Location("86c8381e-5aee-4cde-8ae4-25c0c7f5eaea", "PipelinesChecks", "configurations", f"{_P}/pipelines/checks/{{resource}}/{{id}}", 1, "5.1", "0.0"),
    Location("5f3d0e64-f943-4584-8811-77eb495e831e", "PipelinesChecks", "queryconfigurations", f"{_P}/pipelines/checks/{{resource}}", 1, "5.2", "0.0"),
    Location("91282c1d-c183-444f-9554-1485bfb3879d", "PipelinesChecks", "runs", f"{_P}/pipelines/checks/{{resource}}/{{checkSuiteId}}", 1, "5.1", "0.0"),
    Location("b5b9a4a4-e6cd-4096-853c-ab7d8b0c4eb2", "pipelinePermissions", "pipelinePermissions", f"{_P}/pipelines/{{resource}}/{{resourceType}}/{{resourceId}}", 1, "5.1", "0.0"),
    Location("8572b1fc-2482-47fa-8f74-7e3ed53ee54b", "distributedtask", "environments", f"{_P}/{{area}}/{{resource}}/{{environmentId}}", 1, "5.0"),
    Location("51bb5d21-4305-4ea6-9dbb-b7488af73334", "distributedtask", "environmentdeploymentRecords", f"{_P}/{{area}}/environments/{{environmentId}}/{{resource}}", 1, "5.0"),
    Location("d86b72de-d240-4d6f-8d06-08c2d66b015d", "environments", "environments", f"{_P}/pipelines/{{resource}}/{{environmentId}}", 1, "5.2"),
    Location("0d9bba8c-e474-49a0-979a-e3b990b4bf76", "environments", "environmentdeploymentrecords", f"{_P}/pipelines/environments/{{environmentId}}/{{resource}}", 1, "5.2"),
    Location("557624af-b29e-4c20-8ab0-0399d2204f3f", "distributedtask", "events", f"{_PLANS}/{{resource}}", 1, "2.0"),
    Location("46f5667d-263a-4684-91b1-dff7fdcf64e2", "distributedtask", "logs", f"{_PLANS}/{{resource}}/{{logId}}", 1, "2.0"),
    Location("8893bc5b-35b2-4be7-83cb-99e683551db4", "distributedtask", "records", f"{_PLANS}/timelines/{{timelineId}}/{{resource}}/{{recordId}}", 2, "2.0"),
    Location("fc50d02a-849f-41fb-8af1-0a5216103269", "hooks", "subscriptions", "_apis/{area}/{resource}/{subscriptionId}", 1),
    Location("1139462c-7e27-4524-a997-31b9b73551fe", "hooks", "testNotifications", "_apis/{area}/{resource}/{notificationId}", 1),
    Location("603fe2ac-9723-48b9-88ad-09305aa6c6e1", "core", "projects", "_apis/{resource}/{*projectId}", 4),
    Location("14e48fdc-2c8b-41ce-a0c3-e26f6cc55bd0", "serviceendpoint", "endpoints", "_apis/{area}/{resource}/{endpointId}", 4, "5.0"),
    Location("e85f1c62-adfc-4b74-b618-11a150fb195e", "serviceendpoint", "endpoints", f"{_P}/{{area}}/{{resource}}/{{endpointId}}", 4, "5.0"),
    Location("225f7195-f9c7-4d14-ab28-a83f7ff77e1f", "git", "repositories", f"{_P}/{{area}}/{{resource}}/{{repositoryId}}", 1),
    Location("fb93c0db-47ed-4a31-8c20-47552878fb44", "git", "items", f"{_P}/{{area}}/repositories/{{repositoryId}}/{{resource}}/{{*path}}", 1),
    Location("c2570c3b-5b3f-41b8-98bf-5407bfde8d58", "git", "commits", f"{_P}/{{area}}/repositories/{{repositoryId}}/{{resource}}/{{commitId}}", 1),
    Location("ea98d07b-3c87-4971-8ede-a613694ffb55", "git", "pushes", f"{_P}/{{area}}/repositories/{{repositoryId}}/{{resource}}/{{pushId}}", 3),
    Location("d5b216de-d8d5-4d32-ae76-51df755b16d3", "git", "branchStats", f"{_P}/{{area}}/repositories/{{repositoryId}}/stats/branches/{{*name}}", 2),
    Location("d84ac5c6-edc7-43d5-adc9-1b34be5dea09", "build", "tags", f"{_P}/{{area}}/{{resource}}/{{*tag}}", 3, "2.0"),
    Location("900fa995-c559-4923-aae7-f8424fe4fbea", "distributedtask", "queues", f"{_P}/{{area}}/{{resource}}/{{queueId}}", 1, "2.0"),
    Location("f5b09dd5-9d54-45a1-8b5a-1c8287d634cc", "distributedtask", "variablegroups", f"{_P}/{{area}}/{{resource}}/{{groupId}}", 2, "3.0"),
    Location("a8c47e17-4d56-4a56-92bb-de7ea7dc65be", "distributedtask", "pools", "_apis/{area}/{resource}/{poolId}", 1, "2.0"),
    Location("2d874a60-a811-4f62-9c9f-963a6ea0a55b", "git", "refs", f"{_P}/{{area}}/repositories/{{repositoryId}}/{{resource}}/{{*filter}}", 1),
)  # fmt: skip
_ONE = f"{_P}/{{area}}/releases/{{releaseId}}/{{resource}}"
_RELEASE = (
    Location("a166fde7-27ad-408e-ba75-703c2cc9d500", "Release", "releases", f"{_P}/{{area}}/{{resource}}/{{releaseId}}", 9, "2.2"),
    Location("a7e426b1-03dc-48af-9dfe-c98bac612dcb", "Release", "environments", f"{_ONE}/{{environmentId}}", 8, "2.2"),
    Location("b47c6458-e73b-47cb-a770-4df1e8813a91", "Release", "approvals", f"{_P}/{{area}}/{{resource}}", 3, "2.2"),
    Location("9328e074-59fb-465a-89d9-b09c82ee5109", "Release", "approvals", f"{_P}/{{area}}/{{resource}}/{{approvalId}}", 3, "2.2"),
    Location("d8f96f24-8ea7-4cb6-baab-2df8fc515665", "Release", "definitions", f"{_P}/{{area}}/{{resource}}/{{definitionId}}", 4, "2.2"),
    Location("b005ef73-cddc-448e-9ba2-5193bf36b19f", "Release", "deployments", f"{_P}/{{area}}/{{resource}}", 2, "2.2"),
    Location("616c46e4-f370-4456-adaa-fbaf79c7b79e", "Release", "manualinterventions", f"{_ONE}/{{manualInterventionId}}", 1, "2.2"),
    Location("2666a539-2001-4f80-bcc7-0379956749d4", "Release", "gates", f"{_P}/{{area}}/{{resource}}/{{gateStepId}}", 1, "2.2"),
    Location("17c91af7-09fd-4256-bff1-c24ee4f73bc0", "Release", "logs", f"{_P}/{{area}}/releases/{{releaseId}}/environments/{{environmentId}}/deployPhases/{{releaseDeployPhaseId}}/tasks/{{taskId}}/{{resource}}", 2, "2.2"),
    Location("c37fbab5-214b-48e4-a55b-cb6b4f6e4038", "Release", "logs", _ONE, 2, "2.2"),
    Location("c5b602b6-d1b3-4363-8a51-94384f78068f", "Release", "tags", f"{_ONE}/{{tag}}", 1, "3.0"),
)  # fmt: skip
_RUN = f"{_P}/{{area}}/runs/{{runId}}"
_TESTS = (
    Location("364538f9-8062-4ce0-b024-75a0fb463f0d", "testresults", "runs", f"{_P}/{{area}}/{{resource}}/{{runId}}", 1, "5.0"),
    Location("02afa165-e79a-4d70-8f0c-2af0f35b4e07", "testresults", "results", f"{_RUN}/{{resource}}/{{testResultId}}", 2, "5.0"),
    Location("82b986e8-ca9e-4a89-b39e-f65c69bc104a", "testresults", "statistics", f"{_RUN}/{{resource}}", 2, "5.0"),
    Location("f48cc885-dbc4-4efc-ab19-ae8c19d1e02a", "testresults", "resultsbybuild", f"{_P}/{{area}}/{{resource}}", 1, "5.0"),
    Location("a518c749-4524-45b2-a7ef-1ac009b312cd", "testresults", "resultdetailsbybuild", f"{_P}/{{area}}/{{resource}}", 1, "5.0"),
    Location("e009fa95-95a5-4ad4-9681-590043ce2423", "testresults", "resultsummarybybuild", f"{_P}/{{area}}/{{resource}}", 1, "5.0"),
)  # fmt: skip
_BY_HOST: dict[Host, tuple[Location, ...]] = {"main": (*_MAIN, *_LOCATION), "release": (*_RELEASE, *_LOCATION)}
_BY_HOST["tests"] = (*_TESTS, *_LOCATION)

_AREAS: dict[Host, dict[str, str]] = {
    "main": {
        "965220d5-5bb9-42cf-8d67-9b146df2a5a4": "build",
        "c2aa639c-3ccc-4740-b3b6-ce2a1e1d984e": "Test",
        "a85b8835-c1a1-4aac-ae97-1c3d0ba72dbd": "distributedtask",
        "4a933897-0488-45af-bd82-6fd3ad33f46a": "PipelinesChecks",
        "5b55a9b6-2e0f-40d7-829d-3741d2b8c4e4": "approval",
        "a81a0441-de52-4000-aa15-ff0e07bfbbaa": "pipelinePermissions",
        "2e0bf237-8973-4ec9-a581-9c3d679d1776": "pipelines",
        "0a833654-df2a-437e-8253-fe6b63b82035": "environments",
        "79134c72-4a58-4b42-976c-04e7115f32bf": "core",
        "4e080c62-fa21-4fbc-8fef-2a10a2b38049": "git",
        "1814ab31-2f4f-4a9f-8761-f4d77dc5a5d7": "serviceendpoint",
        "5264459e-e5e0-4bd8-b118-0985e68a4ec5": "wit",
    },
    "release": {"efc2f575-36ef-48e9-b672-0c6fb4a48ac5": "Release"},
    "tests": {
        "c83eaf52-edf3-4034-ae11-17d38f25404c": "testresults",
        "c08c062a-b973-4754-b339-8de3b6fe53ec": "tcm",
    },
}


def locations(host: Host, *, area: str | None = None, on_premises: bool = False) -> list[dict[str, Any]]:
    """Rows of a host, or of one area of it; a Server collection serves all of them on one host."""
    rows = (*_MAIN, *_RELEASE, *_TESTS, *_LOCATION) if on_premises else _BY_HOST[host]
    wanted = area.casefold() if area else None
    return [row.document() for row in rows if wanted in (None, row.area.casefold())]


def resource_areas() -> dict[str, tuple[str, Host]]:
    """Name and host of every area, by id."""
    return {key: (name, host) for host, areas in _AREAS.items() for key, name in areas.items()}
