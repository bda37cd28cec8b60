"""Resource areas, the caller, projects, service connections."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from azure_devops_server.api.common import project_of
from azure_devops_server.api.routing import route
from azure_devops_server.http.errors import bad_request, no_project, not_found
from azure_devops_server.http.locations import locations
from azure_devops_server.http.wire import Answer, Call, Fields, collection, no_content
from azure_devops_server.model.core import ServiceEndpoint
from azure_devops_server.outbound import check_target
from azure_devops_server.show.core import show_areas, show_connection, show_endpoint, show_project, show_project_details
from azure_devops_server.values import comma_list, new_guid

if TYPE_CHECKING:
    from azure_devops_server.organization import Organization

_HOSTS = ("main", "release", "tests")


def _register_options() -> None:
    def serve(host: Any) -> None:
        def options(org: Organization, call: Call) -> Answer:
            return collection(locations(host, area=call.route.get("area"), on_premises=org.config.on_premises))

        for path in ("_apis", "_apis/{area}", "{project}/_apis", "{project}/_apis/{area}"):
            route("OPTIONS", path, hosts=(host,))(options)

    for host in _HOSTS:
        serve(host)


_register_options()


@route("GET", "_apis/ResourceAreas", hosts=("main", "release", "tests"))
def list_areas(org: Organization, call: Call) -> Answer:
    """All areas with the address of their host."""
    del call
    return collection(show_areas(org))


@route("GET", "_apis/ResourceAreas/{areaId}", hosts=("main", "release", "tests"))
def get_area(org: Organization, call: Call) -> Any:
    """One area; null if it is not known, which clients read as *use the address you have*."""
    wanted = call.route["areaId"].casefold()
    found = next((area for area in show_areas(org) if area["id"] == wanted), None)
    return found or Answer(content=b"null")


@route("GET", "_apis/connectionData", hosts=("main", "release", "tests"))
def connection_data(org: Organization, call: Call) -> Any:
    """The authenticated caller."""
    return show_connection(org, call.caller.identity_id)


@route("GET", "_apis/projects")
def list_projects(org: Organization, call: Call) -> Answer:
    """Projects, by `$skip` and `$top`."""
    rows = sorted(org.state.projects.all(), key=lambda row: row.name.casefold())
    skip, top = call.number("$skip", 0) or 0, call.number("$top", 100)
    return collection([show_project(org, row) for row in rows[skip : skip + (top or 100)]])


@route("GET", "_apis/projects/{project}")
def get_project(org: Organization, call: Call) -> Any:
    """One project, by name or GUID."""
    return show_project_details(org, project_of(org, call))


@route("GET", "{project}/_apis/serviceendpoint/endpoints")
def list_endpoints(org: Organization, call: Call) -> Answer:
    """Service connections, by type, name and id."""
    rows = org.state.endpoints.within(project_of(org, call).id)
    kinds, names = call.query.get("type", ""), comma_list(call.query.get("endpointnames"))
    ids = comma_list(call.query.get("endpointids"))
    rows = [row for row in rows if not kinds or row.type.casefold() == kinds.casefold()]
    rows = [row for row in rows if not names or row.name in names]
    return collection([show_endpoint(org, row) for row in rows if not ids or row.id in ids])


@route("GET", "{project}/_apis/serviceendpoint/endpoints/{endpointId}")
def get_endpoint(org: Organization, call: Call) -> Any:
    """One service connection; null if there is none."""
    found = _endpoint(org, call)
    return show_endpoint(org, found) if found else Answer(content=b"null")


@route("POST", "_apis/serviceendpoint/endpoints")
def create_endpoint(org: Organization, call: Call) -> Any:
    """A generic service connection, in the project that its reference names."""
    body = call.document()
    references = body.array("serviceEndpointProjectReferences")
    reference = Fields(references[0]).object("projectReference") if references else Fields({})
    name = reference.text("id") or reference.text("name")
    project = org.state.project(name)
    if project is None:
        raise no_project(name)
    return _create(org, project.id, body)


@route("POST", "{project}/_apis/serviceendpoint/endpoints")
def create_endpoint_here(org: Organization, call: Call) -> Any:
    """A generic service connection in the project of the path."""
    return _create(org, project_of(org, call).id, call.document())


@route("PUT", "_apis/serviceendpoint/endpoints/{endpointId}")
def replace_endpoint(org: Organization, call: Call) -> Any:
    """Change the address or credentials of a service connection."""
    found = org.state.endpoints.get(call.route["endpointId"].casefold())
    if found is None:
        raise not_found(f"Service connection {call.route['endpointId']} was not found.")
    fresh = _read(found.project_id, call.document())
    return show_endpoint(org, org.state.endpoints.put(replace(fresh, id=found.id)))


@route("DELETE", "_apis/serviceendpoint/endpoints/{endpointId}")
def delete_endpoint(org: Organization, call: Call) -> Answer:
    """Remove a service connection."""
    org.state.endpoints.delete(call.route["endpointId"].casefold())
    return no_content()


def _endpoint(org: Organization, call: Call) -> ServiceEndpoint | None:
    project, wanted = project_of(org, call), call.route["endpointId"].casefold()
    found = org.state.endpoints.get(wanted)
    return found if found and found.project_id == project.id else None


def _create(org: Organization, project_id: str, body: Fields) -> dict[str, Any]:
    fresh = _read(project_id, body)
    if any(row.name.casefold() == fresh.name.casefold() for row in org.state.endpoints.within(project_id)):
        raise bad_request(f"Service connection with name {fresh.name} already exists.")
    return show_endpoint(org, org.state.endpoints.put(fresh))


def _read(project_id: str, body: Fields) -> ServiceEndpoint:
    name, kind = body.text("name").strip(), body.text("type", "generic")
    if not name:
        raise bad_request("A service connection needs a name.")
    if kind.casefold() != "generic":
        raise bad_request(f"The local server has service connections of type generic only, not '{kind}'.")
    authorization = body.object("authorization")
    parameters = authorization.object("parameters")
    try:
        url = check_target(body.text("url"))
    except ValueError as error:
        raise bad_request(str(error)) from error
    return ServiceEndpoint(
        id=new_guid(),
        project_id=project_id,
        name=name,
        type="generic",
        url=url,
        scheme=authorization.text("scheme", "UsernamePassword"),
        username=parameters.text("username"),
        password=parameters.text("password"),
        description=body.text("description"),
        data={key: str(value) for key, value in body.object("data").raw.items()},
    )
