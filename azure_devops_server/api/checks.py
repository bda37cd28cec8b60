"""Check configurations and check suites; pipeline permissions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from azure_devops_server.api.common import project_of
from azure_devops_server.api.routing import route
from azure_devops_server.http.errors import bad_request, not_found
from azure_devops_server.http.wire import Answer, Call, Fields, collection, no_content
from azure_devops_server.model.checks import APPROVAL_TYPE, INVOKE_REST_API, TASK_CHECK_TYPE, CheckConfiguration
from azure_devops_server.show.checks import show_check, show_suite
from azure_devops_server.values import is_guid, new_guid

if TYPE_CHECKING:
    from azure_devops_server.organization import Organization

_CONFIGURATIONS = "{project}/_apis/pipelines/checks/configurations"
_DEFAULT_TIMEOUT = 43_200
_NAMES = {"approval": APPROVAL_TYPE, "task check": TASK_CHECK_TYPE}


@route("GET", _CONFIGURATIONS)
def list_checks(org: Organization, call: Call) -> Answer:
    """Checks of one resource; settings with `$expand=settings`."""
    kind, key = call.query.get("resourcetype", ""), call.query.get("resourceid", "")
    rows = _on(org, project_of(org, call).id, kind, key)
    return collection([show_check(org, row, settings=_expanded(call)) for row in rows])


@route("POST", _CONFIGURATIONS)
def create_check(org: Organization, call: Call) -> Any:
    """An approval or an *Invoke REST API* check on an environment."""
    project, body = project_of(org, call), call.document()
    now, resource = org.clock(), body.object("resource")
    check = CheckConfiguration(
        id=org.state.store.next_number("check"),
        project_id=project.id,
        type_id=_type(body),
        resource_type=_resource_type(resource),
        resource_id=_resource_id(org, project.id, resource),
        settings={},
        timeout_minutes=body.number("timeout") or _DEFAULT_TIMEOUT,
        created_by=call.caller.identity_id,
        created=now,
        modified=now,
        is_disabled=body.get("isDisabled") is True,
    )
    check = replace(check, settings=_settings(org, check, body.object("settings")))
    return show_check(org, org.state.checks.put(check), settings=True)


@route("GET", _CONFIGURATIONS + "/{id}")
def get_check(org: Organization, call: Call) -> Any:
    """One check; settings with `$expand=settings`."""
    return show_check(org, _check(org, call), settings=_expanded(call))


@route("PATCH", _CONFIGURATIONS + "/{id}")
def update_check(org: Organization, call: Call) -> Any:
    """Change settings, timeout, or whether it is in force."""
    check, body = _check(org, call), call.document()
    settings = check.settings
    if body.get("settings") is not None:
        settings = _settings(org, check, body.object("settings"))
    fresh = replace(
        check,
        settings=settings,
        timeout_minutes=body.number("timeout") or check.timeout_minutes,
        is_disabled=body.get("isDisabled", check.is_disabled) is True,
        modified=org.clock(),
        version=check.version + 1,
    )
    return show_check(org, org.state.checks.put(fresh), settings=True)


@route("DELETE", _CONFIGURATIONS + "/{id}")
def delete_check(org: Organization, call: Call) -> Answer:
    """Remove a check."""
    org.state.checks.delete(_check(org, call).id)
    return no_content()


@route("POST", "{project}/_apis/pipelines/checks/queryconfigurations")
def query_checks(org: Organization, call: Call) -> Answer:
    """Checks of several resources."""
    project, body = project_of(org, call), call.json()
    if not isinstance(body, list):
        raise bad_request("A JSON array of resources is expected in the request body.")
    wanted = [Fields(item) for item in body]
    rows = [row for item in wanted for row in _on(org, project.id, item.text("type"), item.text("id"))]
    return collection([show_check(org, row, settings=_expanded(call)) for row in rows])


@route("POST", "{project}/_apis/pipelines/checks/runs")
def evaluate_checks(org: Organization, call: Call) -> Any:
    """Evaluate the checks of resources outside of any run, in the background."""
    project, body = project_of(org, call), call.document()
    wanted = [Fields(item) for item in body.array("resources")]
    found = [row for item in wanted for row in _on(org, project.id, item.text("type"), item.text("id"))]
    checks = [row for row in found if not row.is_disabled]
    key = body.text("id") or new_guid()
    if not is_guid(key):
        raise bad_request("The id of a check suite must be a GUID.")
    suite = org.gate.open_suite(project.id, key.casefold(), checks, dict(body.object("context").raw))
    if checks:
        org.gate.evaluate(suite, checks)
    return show_suite(org, suite)


@route("GET", "{project}/_apis/pipelines/checks/runs/{checkSuiteId}")
def get_suite(org: Organization, call: Call) -> Any:
    """A check suite; that of a stage has the id of its Checkpoint record."""
    project, key = project_of(org, call), call.route["checkSuiteId"].casefold()
    found = org.state.suites.get(key)
    if found is None or found.project_id != project.id:
        raise not_found(f"Check suite {key} was not found.")
    return show_suite(org, found)


@route("GET", "{project}/_apis/pipelines/pipelinePermissions/{resourceType}/{resourceId}")
def get_permissions(org: Organization, call: Call) -> Any:
    """All pipelines may use all resources here."""
    project_of(org, call)
    resource = {"type": call.route["resourceType"], "id": call.route["resourceId"]}
    return {"resource": resource, "allPipelines": {"authorized": True}, "pipelines": []}


def _on(org: Organization, project_id: str, kind: str, key: str) -> list[CheckConfiguration]:
    rows = org.state.checks.within(project_id)
    return [row for row in rows if row.resource_type == kind.casefold() and row.resource_id == key]


def _check(org: Organization, call: Call) -> CheckConfiguration:
    project, number = project_of(org, call), call.route["id"]
    found = org.state.checks.get(number)
    if found is None or found.project_id != project.id:
        raise not_found(f"Check configuration {number} was not found.")
    return found


def _expanded(call: Call) -> bool:
    return call.query.get("$expand", "").casefold() in ("settings", "1")


def _type(body: Fields) -> str:
    kind = body.object("type")
    key = kind.text("id").casefold() or _NAMES.get(kind.text("name").casefold(), "")
    if key not in (APPROVAL_TYPE, TASK_CHECK_TYPE):
        raise bad_request(
            f"The local server has checks of type Approval ({APPROVAL_TYPE}) and Task Check ({TASK_CHECK_TYPE}) only."
        )
    return key


def _resource_type(resource: Fields) -> str:
    kind = resource.text("type").casefold()
    if kind != "environment":
        raise bad_request(f"The local server has checks on environments only, not on '{kind}'.")
    return kind


def _resource_id(org: Organization, project_id: str, resource: Fields) -> str:
    found = org.state.environments.get(resource.text("id"))
    if found is None and resource.text("name"):
        found = org.state.environment_named(project_id, resource.text("name"))
    if found is None or found.project_id != project_id:
        raise bad_request(f"The environment {resource.text('id') or resource.text('name')} does not exist.")
    return str(found.id)


def _settings(org: Organization, check: CheckConfiguration, settings: Fields) -> dict[str, Any]:
    if check.type_id == APPROVAL_TYPE:
        return _approval(org, settings)
    reference = settings.object("definitionRef")
    if reference.text("id").casefold() != INVOKE_REST_API:
        raise bad_request(f"The local server has the task check InvokeRESTAPI ({INVOKE_REST_API}) only.")
    inputs = settings.object("inputs")
    try:
        org.endpoint(check.project_id, inputs.text("connectedServiceName"))
    except LookupError as error:
        raise bad_request(f"The {error}.") from error
    if inputs.text("waitForCompletion", "false").casefold() == "true" and inputs.text("successCriteria"):
        raise bad_request("Success criteria are for the completion event ApiResponse only.")
    return dict(settings.raw)


def _approval(org: Organization, settings: Fields) -> dict[str, Any]:
    approvers = []
    for item in settings.array("approvers"):
        fields = Fields(item)
        found = org.identities.find(fields.text("id") or fields.text("uniqueName") or fields.text("displayName"))
        if found is None:
            raise bad_request(f"The approver {fields.text('id') or fields.text('displayName')} is not known.")
        approvers.append({"id": found.id, "displayName": found.name})
    if not approvers:
        raise bad_request("An approval needs at least one approver.")
    return dict(settings.raw) | {"approvers": approvers}
