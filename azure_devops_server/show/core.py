"""Projects, people, connection data as JSON."""

from __future__ import annotations

import base64
from typing import Any

from azure_devops_server.http.locations import resource_areas
from azure_devops_server.model.core import Identity, Project, ServiceEndpoint
from azure_devops_server.resources import Resources
from azure_devops_server.values import EMPTY_GUID, derived_guid, wire_time, without_none


def show_identity(resources: Resources, identity_id: str | None) -> dict[str, Any]:
    """An IdentityRef."""
    person = resources.identities.get(identity_id)
    base = resources.links.base()
    avatar = f"{base}/_apis/GraphProfile/MemberAvatars/{descriptor(person)}"
    return {
        "displayName": person.name,
        "url": f"{base}/_apis/Identities/{person.id}",
        "_links": {"avatar": {"href": avatar}},
        "id": person.id,
        "uniqueName": person.unique_name,
        "imageUrl": f"{base}/_api/_common/identityImage?id={person.id}",
        "descriptor": descriptor(person),
    }


def descriptor(person: Identity) -> str:
    """A subject descriptor: `svc.` for the build service, `aad.` for people."""
    text = base64.urlsafe_b64encode(person.id.encode()).decode().rstrip("=")
    return f"{'svc' if person.is_service else 'aad'}.{text}"


def show_project(resources: Resources, project: Project) -> dict[str, Any]:
    """A TeamProjectReference."""
    return without_none(
        {
            "id": project.id,
            "name": project.name,
            "description": project.description or None,
            "url": f"{resources.links.base()}/_apis/projects/{project.id}",
            "state": "wellFormed",
            "revision": 11,
            "visibility": "private",
            "lastUpdateTime": wire_time(project.created),
        }
    )


def show_project_details(resources: Resources, project: Project) -> dict[str, Any]:
    """A TeamProject: the reference with links and its default team."""
    base = resources.links.base()
    team_id = derived_guid(project.id, "team")
    return show_project(resources, project) | {
        "_links": {
            "self": {"href": f"{base}/_apis/projects/{project.id}"},
            "collection": {"href": f"{base}/_apis/projectCollections/{resources.id}"},
            "web": {"href": f"{base}/{project.id}"},
        },
        "defaultTeam": {
            "id": team_id,
            "name": f"{project.name} Team",
            "url": f"{base}/_apis/projects/{project.id}/teams/{team_id}",
        },
    }


def show_connection(resources: Resources, identity_id: str) -> dict[str, Any]:
    """ConnectionData; the Node client needs `authenticatedUser`."""
    person = resources.identities.get(identity_id)
    user = {
        "id": person.id,
        "descriptor": f"Microsoft.IdentityModel.Claims.ClaimsIdentity;{EMPTY_GUID}\\{person.unique_name}",
        "subjectDescriptor": descriptor(person),
        "providerDisplayName": person.name,
        "isActive": True,
        "properties": {"Account": {"$type": "System.String", "$value": person.unique_name}},
        "resourceVersion": 2,
        "metaTypeId": 0,
    }
    return {
        "authenticatedUser": user,
        "authorizedUser": user,
        "instanceId": resources.id,
        "deploymentId": EMPTY_GUID,
        "deploymentType": "onPremises" if resources.config.on_premises else "hosted",
        "locationServiceData": {
            "serviceOwner": "00025394-6065-48ca-87d9-7f5672854ef7",
            "defaultAccessMappingMoniker": "PublicAccessMapping",
            "lastChangeId": 1,
            "lastChangeId64": 1,
        },
    }


def show_areas(resources: Resources) -> list[dict[str, Any]]:
    """All resource areas; none for a Server collection, which tells clients to use one address for all."""
    if resources.config.on_premises:
        return []
    return [
        {"id": key, "name": name, "locationUrl": f"{resources.links.base(host)}/"}
        for key, (name, host) in resource_areas().items()
    ]


def show_endpoint(resources: Resources, endpoint: ServiceEndpoint) -> dict[str, Any]:
    """A ServiceEndpoint; its password is never shown."""
    project = resources.project(endpoint.project_id)
    parameters = {"username": endpoint.username} if endpoint.username else {}
    return {
        "data": dict(endpoint.data),
        "id": endpoint.id,
        "name": endpoint.name,
        "type": endpoint.type,
        "url": endpoint.url,
        "createdBy": show_identity(resources, None),
        "description": endpoint.description,
        "authorization": {"parameters": parameters, "scheme": endpoint.scheme},
        "isShared": False,
        "isOutdated": False,
        "isReady": True,
        "owner": "Library",
        "serviceEndpointProjectReferences": [
            {
                "projectReference": {"id": project.id, "name": project.name},
                "name": endpoint.name,
                "description": endpoint.description,
            }
        ],
    }
