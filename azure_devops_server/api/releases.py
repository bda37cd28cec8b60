"""The Release API on its own host: definitions, releases, environments, approvals, deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure_devops_server.api.common import project_of
from azure_devops_server.api.routing import route
from azure_devops_server.http.errors import no_release, release_invalid
from azure_devops_server.http.wire import Answer, Call, Fields, chosen, collection, file_answer, no_content, text_answer
from azure_devops_server.model.release import Release, ReleaseApproval, ReleaseDefinition
from azure_devops_server.releases.definitions import read_definition
from azure_devops_server.releases.service import ReleaseOrder, environment_of
from azure_devops_server.show.release import (
    show_approval,
    show_definition,
    show_deployment,
    show_environment,
    show_release,
)
from azure_devops_server.storage.files import zipped
from azure_devops_server.values import Host, comma_list, parse_time

if TYPE_CHECKING:
    from azure_devops_server.organization import Organization

_HOSTS: tuple[Host, ...] = ("release",)
_BASE = "{project}/_apis/Release"
_ONE = f"{_BASE}/releases/{{releaseId}}"
ENVIRONMENT_BITS = {
    0: "undefined", 1: "notStarted", 2: "inProgress", 4: "succeeded", 8: "canceled", 16: "rejected", 32: "queued",
    64: "scheduled", 128: "partiallySucceeded",
}  # fmt: skip
APPROVAL_BITS = {
    0: "undefined", 1: "pending", 2: "approved", 4: "rejected", 6: "reassigned", 7: "canceled", 8: "skipped",
}  # fmt: skip
TYPE_BITS = {0: "undefined", 1: "preDeploy", 2: "postDeploy", 3: "all"}
STATUS_BITS = {0: "undefined", 1: "draft", 2: "active", 4: "abandoned"}
REASON_BITS = {0: "none", 1: "manual", 2: "continuousIntegration", 3: "schedule", 4: "pullRequest"}
DEPLOYMENT_BITS = {
    0: "undefined", 1: "notDeployed", 2: "inProgress", 4: "succeeded", 8: "partiallySucceeded", 16: "failed", 31: "all",
}  # fmt: skip


@route("GET", f"{_BASE}/definitions", hosts=_HOSTS)
def list_definitions(org: Organization, call: Call) -> Answer:
    """Definitions by `searchText` (exact with `isExactNameMatch`); environments with `$expand=environments`."""
    rows = sorted(org.state.release_definitions.within(project_of(org, call).id), key=lambda row: row.id)
    text = call.query.get("searchtext", "").casefold()
    if text:
        exact = call.flag("isExactNameMatch")
        rows = [row for row in rows if (row.name.casefold() == text if exact else text in row.name.casefold())]
    if ids := set(comma_list(call.query.get("definitionidfilter"))):
        rows = [row for row in rows if str(row.id) in ids]
    details = "environments" in call.query.get("$expand", "").casefold() or call.query.get("$expand", "") == "2"
    top = call.number("$top", 10_000) or 10_000
    return collection([show_definition(org, row, details=details) for row in rows[:top]])


@route("POST", f"{_BASE}/definitions", hosts=_HOSTS)
def create_definition(org: Organization, call: Call) -> Any:
    """A definition whose tasks the local server can run."""
    project, document, now = project_of(org, call), read_definition(call.document()), org.clock()
    rows = org.state.release_definitions.within(project.id)
    if any(row.name.casefold() == document["name"].casefold() for row in rows):
        raise release_invalid(f"VS402873: A release definition named '{document['name']}' already exists.")
    row = ReleaseDefinition(
        id=org.state.store.next_number("release-definition"),
        project_id=project.id,
        name=document["name"],
        revision=1,
        body=document,
        created_by=call.caller.identity_id,
        created=now,
        modified=now,
    )
    return show_definition(org, org.state.release_definitions.put(row), details=True)


@route("GET", f"{_BASE}/definitions/{{definitionId}}", hosts=_HOSTS)
def get_definition(org: Organization, call: Call) -> Any:
    """One definition."""
    return show_definition(org, _definition(org, call, call.route["definitionId"]), details=True)


@route("GET", f"{_BASE}/releases", hosts=_HOSTS)
def list_releases(org: Organization, call: Call) -> Answer:
    """Releases, newest first; the token is the id of the next release."""
    rows = sorted(org.state.releases.within(project_of(org, call).id), key=lambda row: -row.id)
    if call.query.get("queryorder", "descending").casefold() in ("ascending", "1"):
        rows.reverse()
    rows = [row for row in rows if _matches(row, call)]
    if token := call.number("continuationToken"):
        ascending = call.query.get("queryorder", "").casefold() in ("ascending", "1")
        rows = [row for row in rows if (row.id >= token if ascending else row.id <= token)]
    top = call.number("$top", 50) or 50
    more = {"x-ms-continuationtoken": str(rows[top].id)} if len(rows) > top else {}
    details = "environments" in call.query.get("$expand", "").casefold()
    return collection([show_release(org, row, details=details) for row in rows[:top]], more)


@route("POST", f"{_BASE}/releases", hosts=_HOSTS)
def create_release(org: Organization, call: Call) -> Any:
    """Create a release; environments that start with it are queued at once."""
    body = call.document()
    definition = _definition(org, call, body.text("definitionId"))
    order = ReleaseOrder(
        definition=definition,
        created_by=call.caller.identity_id,
        artifacts=[item for item in body.array("artifacts") if isinstance(item, dict)],
        description=body.text("description"),
        reason=chosen(body.get("reason", "manual"), tuple(REASON_BITS.values()), name="reason", numbers=REASON_BITS),
        manual_environments=_manual(definition, body.array("manualEnvironments")),
        variables=_variables(definition, body.object("variables")),
        properties=body.object("properties").raw,
        is_draft=body.get("isDraft") is True,
    )
    return show_release(org, org.releases.create(order))


@route("GET", _ONE, hosts=_HOSTS)
def get_release(org: Organization, call: Call) -> Any:
    """One release."""
    return show_release(org, release_of(org, call))


@route("PATCH", _ONE, hosts=_HOSTS)
def update_release(org: Organization, call: Call) -> Any:
    """Abandon a release, or make a draft active."""
    release, body = release_of(org, call), call.document()
    status = chosen(body.get("status"), tuple(STATUS_BITS.values()), name="status", numbers=STATUS_BITS)
    if status == "abandoned":
        return show_release(org, org.releases.abandon(release))
    if status == "active" and release.status == "draft":
        return show_release(org, org.releases.activate(release, by=call.caller.identity_id))
    raise release_invalid(f"VS402888: Release {release.name} is {release.status} and cannot become {status}.")


@route("GET", f"{_ONE}/environments/{{environmentId}}", hosts=_HOSTS)
def get_environment(org: Organization, call: Call) -> Any:
    """One environment of a release."""
    release = release_of(org, call)
    return show_environment(org, release, _environment(release, call))


@route("PATCH", f"{_ONE}/environments/{{environmentId}}", hosts=_HOSTS)
def update_environment(org: Organization, call: Call) -> Any:
    """Deploy (`status` inProgress, answered as queued) or cancel (canceled)."""
    release, body = release_of(org, call), call.document()
    environment = _environment(release, call)
    names = tuple(ENVIRONMENT_BITS.values())
    status = chosen(body.get("status"), names, name="status", numbers=ENVIRONMENT_BITS)
    if status == "inProgress":
        release = org.releases.deploy(release, environment, by=call.caller.identity_id, reason="manual")
        shown = show_environment(org, release, environment_of(release, environment.id))
        return shown | {"status": "queued"}
    if status == "canceled":
        release = org.releases.cancel(release, environment)
        return show_environment(org, release, environment_of(release, environment.id))
    raise release_invalid(f"VS402889: An environment can be set to inProgress or canceled, not to {status}.")


@route("GET", f"{_BASE}/approvals", hosts=_HOSTS)
def list_approvals(org: Organization, call: Call) -> Answer:
    """Approvals, pending ones by default, by release, type and approver."""
    project = project_of(org, call)
    wanted = call.query.get("statusfilter") or "pending"
    status = chosen(wanted, tuple(APPROVAL_BITS.values()), name="statusFilter", numbers=APPROVAL_BITS)
    kind = call.query.get("typefilter") or "all"
    kind = chosen(kind, tuple(TYPE_BITS.values()), name="typeFilter", numbers=TYPE_BITS)
    ids, person = set(comma_list(call.query.get("releaseidsfilter"))), call.query.get("assignedtofilter")
    found = org.identities.find(person) if person else None
    releases = {row.id for row in org.state.releases.within(project.id)}
    rows = [row for row in org.state.release_approvals.all() if row.release_id in releases]
    rows = [row for row in rows if status in ("undefined", row.status)]
    rows = [row for row in rows if kind in ("all", "undefined", row.kind)]
    rows = [row for row in rows if not ids or str(row.release_id) in ids]
    rows = [row for row in rows if not person or (found and row.approver_id == found.id)]
    rows.sort(key=lambda row: row.id, reverse=True)
    top = call.number("top", 50) or 50
    return collection([show_approval(org, row) for row in rows[:top]])


@route("GET", f"{_BASE}/approvals/{{approvalId}}", hosts=_HOSTS)
def get_approval(org: Organization, call: Call) -> Any:
    """One approval."""
    return show_approval(org, _approval(org, call))


@route("PATCH", f"{_BASE}/approvals/{{approvalId}}", hosts=_HOSTS)
def update_approval(org: Organization, call: Call) -> Any:
    """Approve or reject."""
    approval, body = _approval(org, call), call.document()
    names = tuple(APPROVAL_BITS.values())
    status = chosen(body.get("status"), names, name="status", numbers=APPROVAL_BITS)
    if status not in ("approved", "rejected"):
        raise release_invalid(f"VS402903: An approval can be approved or rejected, not {status}.")
    done = org.releases.decide(approval, status=status, comments=body.text("comments"), by=call.caller.identity_id)
    return show_approval(org, done)


@route("GET", f"{_BASE}/deployments", hosts=_HOSTS)
def list_deployments(org: Organization, call: Call) -> Answer:
    """Deployments of all releases, newest first."""
    releases = {row.id: row for row in org.state.releases.within(project_of(org, call).id)}
    rows = [row for row in org.state.release_deployments.all() if row.release_id in releases]
    if definition := call.number("definitionId"):
        rows = [row for row in rows if releases[row.release_id].definition_id == definition]
    if environment := call.number("definitionEnvironmentId"):
        rows = [row for row in rows if _definition_environment(releases, row) == environment]
    if status := call.query.get("deploymentstatus"):
        names = tuple(DEPLOYMENT_BITS.values())
        name = chosen(status, names, name="deploymentStatus", numbers=DEPLOYMENT_BITS)
        rows = [row for row in rows if name in ("all", row.status)]
    if call.flag("latestAttemptsOnly"):
        latest = {(row.release_id, row.environment_id): row.id for row in sorted(rows, key=lambda row: row.attempt)}
        rows = [row for row in rows if row.id in latest.values()]
    descending = call.query.get("queryorder", "descending").casefold() not in ("ascending", "1")
    rows.sort(key=lambda row: row.id, reverse=descending)
    if token := call.number("continuationToken"):
        rows = [row for row in rows if (row.id <= token if descending else row.id >= token)]
    top = call.number("$top", 50) or 50
    more = {"x-ms-continuationtoken": str(rows[top].id)} if len(rows) > top else {}
    return collection([show_deployment(org, row) for row in rows[:top]], more)


@route("GET", f"{_ONE}/environments/{{environmentId}}/deployPhases/{{phaseId}}/tasks/{{taskId}}/logs", hosts=_HOSTS)
def get_task_log(org: Organization, call: Call) -> Answer:
    """The log of one task of a deployment."""
    release = release_of(org, call)
    _environment(release, call)
    deployment = org.state.release_deployments.get(call.route["phaseId"])
    if deployment is None or deployment.release_id != release.id:
        raise no_release(f"VS402910: Deploy phase {call.route['phaseId']} does not exist.")
    log = org.state.logs.get(f"deployment-{deployment.id}/{call.route['taskId']}")
    if log is None:
        raise no_release(f"VS402911: Task {call.route['taskId']} does not exist.")
    return text_answer(org.files.read_log(log, call.number("startLine"), call.number("endLine")))


@route("GET", f"{_ONE}/logs", hosts=_HOSTS)
def get_logs(org: Organization, call: Call) -> Answer:
    """All logs of a release as a zip."""
    release, entries = release_of(org, call), {}
    for deployment in org.state.release_deployments.within(release.id):
        name = environment_of(release, deployment.environment_id).name
        for log in org.state.logs.within(f"deployment-{deployment.id}"):
            entries[f"{name}/{deployment.attempt}/{log.id}.log"] = org.files.read_log(log).encode()
    return file_answer(zipped(entries), name=f"ReleaseLogs_{release.id}.zip", media_type="application/zip")


@route("DELETE", f"{_BASE}/definitions/{{definitionId}}", hosts=_HOSTS)
def delete_definition(org: Organization, call: Call) -> Answer:
    """Remove a definition; its releases stay."""
    org.state.release_definitions.delete(_definition(org, call, call.route["definitionId"]).id)
    return no_content()


@route("GET", f"{_ONE}/manualinterventions", hosts=_HOSTS)
def list_manual_interventions(org: Organization, call: Call) -> Answer:
    """The local server runs no agentless phases, so there are none."""
    release_of(org, call)
    return collection([])


def _definition(org: Organization, call: Call, wanted: str) -> ReleaseDefinition:
    project = project_of(org, call)
    found = org.state.release_definitions.get(wanted)
    if found is None or found.project_id != project.id:
        raise no_release(f"VS402880: Release definition with ID {wanted} does not exist.")
    return found


def release_of(org: Organization, call: Call) -> Release:
    """The release of the path, in the project of the path."""
    project, number = project_of(org, call), call.route["releaseId"]
    found = org.state.releases.get(number)
    if found is None or found.project_id != project.id:
        raise no_release(f"VS402881: Release with ID {number} does not exist.")
    return found


def _environment(release: Release, call: Call) -> Any:
    number = call.route["environmentId"]
    try:
        return environment_of(release, int(number))
    except (LookupError, ValueError):
        raise no_release(f"VS402882: Environment {number} does not exist in release {release.name}.") from None


def _approval(org: Organization, call: Call) -> ReleaseApproval:
    project, number = project_of(org, call), call.route["approvalId"]
    found = org.state.release_approvals.get(number)
    if found is None or org.releases.get(found.release_id).project_id != project.id:
        raise no_release(f"VS402902: Approval {number} does not exist.")
    return found


def _matches(row: Release, call: Call) -> bool:
    query = call.query
    definition, ids = call.number("definitionId"), comma_list(query.get("releaseidfilter"))
    status = query.get("statusfilter") or "undefined"
    name = chosen(status, tuple(STATUS_BITS.values()), name="statusFilter", numbers=STATUS_BITS)
    least, most = query.get("mincreatedtime"), query.get("maxcreatedtime")
    return (
        (not definition or row.definition_id == definition)
        and query.get("searchtext", "").casefold() in row.name.casefold()
        and name in ("undefined", row.status)
        and set(comma_list(query.get("tagfilter"))) <= set(row.tags)
        and (not ids or str(row.id) in ids)
        and (not least or row.created >= _time(least))
        and (not most or row.created <= _time(most))
    )


def _time(text: str) -> Any:
    try:
        return parse_time(text)
    except ValueError as error:
        raise release_invalid(f"'{text}' is not a date.") from error


def _manual(definition: ReleaseDefinition, names: list[Any]) -> frozenset[str]:
    known = {str(item["name"]).casefold() for item in definition.body["environments"]}
    given = frozenset(str(name).casefold() for name in names)
    if given - known:
        raise release_invalid(f"VS402883: Environments do not exist: {', '.join(sorted(given - known))}.")
    return given


def _variables(definition: ReleaseDefinition, given: Fields) -> dict[str, Any]:
    """Variables given with a release must be marked `allowOverride` at the definition."""
    own = definition.body.get("variables") or {}
    refused = [name for name in given.raw if Fields(own.get(name) or {}).get("allowOverride") is not True]
    if refused:
        raise release_invalid(
            f"VS402884: Variable(s) {', '.join(refused)} cannot be overridden at release creation. "
            "Mark them as settable at release time in the release definition."
        )
    return dict(given.raw)


def _definition_environment(releases: dict[int, Release], row: Any) -> int:
    return environment_of(releases[row.release_id], row.environment_id).definition_environment_id
