"""Environments and their deployment records, on the older and on the newer route."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure_devops_server.api.common import project_of
from azure_devops_server.api.routing import route
from azure_devops_server.http.errors import bad_request, conflict, not_found
from azure_devops_server.http.wire import Answer, Call, collection, no_content
from azure_devops_server.model.checks import Environment
from azure_devops_server.show.checks import show_deployment_record, show_environment

if TYPE_CHECKING:
    from azure_devops_server.organization import Organization

_ROUTES = ("{project}/_apis/distributedtask/environments", "{project}/_apis/pipelines/environments")
_RECORDS = "environmentdeploymentrecords"


def list_environments(org: Organization, call: Call) -> Answer:
    """Environments by `name` (a part of it) and `$top`; the token is the next name."""
    rows = sorted(org.state.environments.within(project_of(org, call).id), key=lambda row: row.name.casefold())
    name, token = call.query.get("name", "").casefold(), call.query.get("continuationtoken", "").casefold()
    rows = [row for row in rows if name in row.name.casefold() and row.name.casefold() >= token]
    top = call.number("$top", 1000) or 1000
    more = {"x-ms-continuationtoken": rows[top].name} if len(rows) > top else {}
    return collection([show_environment(org, row) for row in rows[:top]], more)


def create_environment(org: Organization, call: Call) -> Any:
    """An environment without resources."""
    project, body = project_of(org, call), call.document()
    name = body.text("name").strip()
    if not name:
        raise bad_request("Value cannot be null. Parameter name: environmentCreateParameter.Name")
    if org.state.environment_named(project.id, name):
        raise conflict(f"Environment {name} already exists in project {project.name}.")
    by = call.caller.identity_id
    row = org.environments.ensure(project.id, name, by, description=body.text("description"))
    return show_environment(org, row, with_resources=True)


def get_environment(org: Organization, call: Call) -> Any:
    """One environment."""
    return show_environment(org, _environment(org, call), with_resources=True)


def update_environment(org: Organization, call: Call) -> Any:
    """Rename or describe."""
    row, body = _environment(org, call), call.document()
    changed = org.environments.change(
        row,
        name=body.text("name").strip(),
        description=body.text("description", row.description),
        by=call.caller.identity_id,
    )
    return show_environment(org, changed, with_resources=True)


def delete_environment(org: Organization, call: Call) -> Answer:
    """Remove, with its checks."""
    org.environments.delete(_environment(org, call))
    return no_content()


def list_records(org: Organization, call: Call) -> Answer:
    """Deployment records, newest first; the token is the id of the next record."""
    row = _environment(org, call)
    records = sorted(org.state.deployments.within(row.id), key=lambda record: -record.id)
    token, top = call.number("continuationToken"), call.number("top", 25) or 25
    if token is not None:
        records = [record for record in records if record.id <= token]
    more = {"x-ms-continuationtoken": str(records[top].id)} if len(records) > top else {}
    return collection([show_deployment_record(org, record) for record in records[:top]], more)


for _route in _ROUTES:
    route("GET", _route)(list_environments)
    route("POST", _route)(create_environment)
    route("GET", f"{_route}/{{environmentId}}")(get_environment)
    route("PATCH", f"{_route}/{{environmentId}}")(update_environment)
    route("DELETE", f"{_route}/{{environmentId}}")(delete_environment)
    route("GET", f"{_route}/{{environmentId}}/{_RECORDS}")(list_records)


def _environment(org: Organization, call: Call) -> Environment:
    project, number = project_of(org, call), call.route["environmentId"]
    found = org.state.environments.get(number)
    if found is None or found.project_id != project.id:
        raise not_found(f"Environment with ID {number} does not exist.")
    return found
