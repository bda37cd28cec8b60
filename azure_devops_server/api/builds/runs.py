"""The Build API: definitions, builds, cancel, retry, properties."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from azure_devops_server.api.builds.search import STATUS_BITS, STATUSES, search_builds
from azure_devops_server.api.common import build_of, project_of
from azure_devops_server.api.orders import REASON_BITS, REASONS, build_order
from azure_devops_server.api.routing import route
from azure_devops_server.http.errors import bad_request, build_invalid, conflict, no_definition
from azure_devops_server.http.wire import Answer, Call, Fields, chosen, collection, no_content
from azure_devops_server.model.build import Build, Pipeline
from azure_devops_server.runs.control import RetryRefusedError
from azure_devops_server.runs.starting import RunRefusedError
from azure_devops_server.show.build import show_build, show_definition
from azure_devops_server.values import comma_list

if TYPE_CHECKING:
    from azure_devops_server.organization import Organization

_BUILD = "{project}/_apis/build/Builds/{buildId}"
_PATCH = ("add", "remove", "replace", "move", "copy", "test")
_NUMBERS = dict(enumerate(_PATCH))
"""Operations of a JSON patch; the Node client sends them as numbers."""


@route("GET", "{project}/_apis/build/Definitions")
def list_definitions(org: Organization, call: Call) -> Answer:
    """Pipelines as build definitions, by name (``*`` at the end), path and ids."""
    rows = sorted(org.state.pipelines.within(project_of(org, call).id), key=lambda row: row.name.casefold())
    name, path = call.query.get("name", "").casefold(), call.query.get("path", "")
    ids = set(comma_list(call.query.get("definitionids")))
    rows = [row for row in rows if not name or _named(row, name)]
    rows = [row for row in rows if not path or row.folder == path]
    rows = [row for row in rows if not ids or str(row.id) in ids]
    details = call.flag("includeAllProperties")
    top = call.number("$top", 10_000) or 10_000
    return collection([show_definition(org, row, details=details) for row in rows[:top]])


@route("GET", "{project}/_apis/build/Definitions/{definitionId}")
def get_definition(org: Organization, call: Call) -> Any:
    """One pipeline as a build definition."""
    return show_definition(org, _definition(org, call, call.route["definitionId"]), details=True)


@route("GET", "{project}/_apis/build/Builds")
def list_builds(org: Organization, call: Call) -> Answer:
    """Builds by all filters; the next page's token stands in a header."""
    rows, token = search_builds(org, call, project_of(org, call).id)
    headers = {"x-ms-continuationtoken": token} if token else {}
    return collection([show_build(org, row) for row in rows], headers)


@route("POST", "{project}/_apis/build/Builds")
def queue_build(org: Organization, call: Call) -> Any:
    """Queue a build; errors have the shape of the Build API."""
    body = call.document()
    wanted = body.object("definition").get("id") or call.query.get("definitionid") or ""
    pipeline = _definition(org, call, str(wanted))
    reason = chosen(body.get("reason", "manual"), REASONS, name="reason", numbers=REASON_BITS)
    try:
        order = build_order(pipeline, body, by=call.caller.identity_id, reason=reason)
        return show_build(org, org.start_run(order))
    except RunRefusedError as refused:
        raise build_invalid(refused.messages) from refused


@route("GET", _BUILD)
def get_build(org: Organization, call: Call) -> Any:
    """One build."""
    return show_build(org, build_of(org, call))


@route("PATCH", _BUILD)
def update_build(org: Organization, call: Call) -> Any:
    """Cancel (`status` cancelling, by name or number), or run failed stages again (`?retry=true`)."""
    build = build_of(org, call)
    if call.flag("retry"):
        return show_build(org, _retried(org, build))
    body = call.document()
    if body.get("status") is None:
        return show_build(org, build)
    status = chosen(body.get("status"), STATUSES, name="status", numbers=STATUS_BITS)
    if status != "cancelling":
        raise bad_request(f"The local server changes the status of a build to cancelling only, not to '{status}'.")
    return show_build(org, org.control.cancel(build))


@route("PATCH", "{project}/_apis/build/builds/{buildId}/stages/{stageRefName}")
def update_stage(org: Organization, call: Call) -> Answer:
    """Cancel a stage, or run it again."""
    build, stage, body = build_of(org, call), call.route["stageRefName"], call.document()
    state = chosen(body.get("state"), ("cancel", "retry"), name="state")
    if state == "cancel":
        org.control.cancel_stage(build, stage)
        return no_content()
    try:
        org.control.retry_stage(build, stage, all_jobs=body.get("forceRetryAllJobs") is True)
    except RetryRefusedError as refused:
        raise conflict(str(refused)) from refused
    return no_content()


@route("GET", "{project}/_apis/build/builds/{buildId}/properties")
def get_properties(org: Organization, call: Call) -> Any:
    """A PropertiesCollection, by `filter`."""
    build = build_of(org, call)
    wanted = comma_list(call.query.get("filter"))
    return _properties({name: value for name, value in build.properties.items() if not wanted or name in wanted})


@route("PATCH", "{project}/_apis/build/builds/{buildId}/properties")
def update_properties(org: Organization, call: Call) -> Any:
    """A JSON patch on properties: `add`, `replace` and `remove` of ``/name``."""
    build, body = build_of(org, call), call.json()
    if not isinstance(body, list):
        raise bad_request("A JSON patch document is expected in the request body.")
    properties = dict(build.properties)
    for item in body:
        operation = Fields(item)
        name, action = (
            operation.text("path").lstrip("/"),
            chosen(operation.get("op"), _PATCH, name="op", numbers=_NUMBERS),
        )
        if action in ("add", "replace") and name:
            properties[name] = operation.get("value")
        elif action == "remove" and name:
            properties.pop(name, None)
        else:
            raise bad_request(f"The operation '{action}' on '/{name}' is not supported.")
    org.state.builds.change(build.id, lambda row: replace(row, properties=properties, changed=org.clock()))
    return _properties(properties)


def _properties(values: dict[str, Any]) -> dict[str, Any]:
    typed = {name: {"$type": _type(value), "$value": value} for name, value in values.items()}
    return {"count": len(typed), "value": typed}


def _type(value: Any) -> str:
    return "System.Int32" if isinstance(value, int) and not isinstance(value, bool) else "System.String"


def _retried(org: Organization, build: Build) -> Build:
    try:
        return org.control.retry(build)
    except RetryRefusedError as refused:
        raise conflict(str(refused)) from refused


def _named(row: Pipeline, name: str) -> bool:
    own = row.name.casefold()
    return own.startswith(name[:-1]) if name.endswith("*") else own == name


def _definition(org: Organization, call: Call, wanted: str) -> Pipeline:
    project = project_of(org, call)
    found = org.state.pipelines.get(wanted)
    if found is None or found.project_id != project.id:
        raise no_definition(wanted)
    return found
