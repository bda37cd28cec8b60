"""YAML approvals: query, approve, reject, reassign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure_devops_server.api.common import project_of
from azure_devops_server.api.routing import route
from azure_devops_server.checks.approvals import Decision, DecisionRefusedError
from azure_devops_server.http.errors import ApiError, bad_request, forbidden, not_found
from azure_devops_server.http.wire import Answer, Call, Fields, chosen, collection
from azure_devops_server.model.checks import Approval
from azure_devops_server.show.checks import show_approval
from azure_devops_server.values import comma_list

if TYPE_CHECKING:
    from azure_devops_server.organization import Organization

_APPROVALS = "{project}/_apis/pipelines/approvals"
STATUS_BITS = {
    0: "undefined", 1: "uninitiated", 2: "pending", 4: "approved", 8: "rejected", 16: "skipped", 32: "canceled",
    64: "timedOut", 128: "failed", 252: "completed", 255: "all",
}  # fmt: skip
STATUSES = tuple(STATUS_BITS.values())
_COMPLETED = ("approved", "rejected", "skipped", "canceled", "timedOut", "failed")


@route("GET", _APPROVALS)
def list_approvals(org: Organization, call: Call) -> Answer:
    """Approvals by ids, state, and approvers (`userIds`, or `assignedTo` of 7.2), newest first."""
    rows = sorted(org.state.approvals.within(project_of(org, call).id), key=lambda row: row.created, reverse=True)
    ids = {part.casefold() for part in comma_list(call.query.get("approvalids"))}
    people = {part.casefold() for part in comma_list(call.query.get("userids") or call.query.get("assignedto"))}
    rows = [row for row in rows if not ids or row.id in ids]
    rows = [row for row in rows if not people or _asks(org, row, people)]
    if state := call.query.get("state"):
        name = chosen(state, STATUSES, name="state", numbers=STATUS_BITS)
        rows = [row for row in rows if _has(row, name)]
    top = call.number("top", 100) or 100
    return collection([_show(org, call, row) for row in rows[:top]])


@route("GET", _APPROVALS + "/{approvalId}")
def get_approval(org: Organization, call: Call) -> Any:
    """One approval."""
    return _show(org, call, _approval(org, project_of(org, call).id, call.route["approvalId"]))


@route("PATCH", _APPROVALS)
def update_approvals(org: Organization, call: Call) -> Answer:
    """Decide several approvals; the first that is refused fails the request, those before it stay decided."""
    project, body = project_of(org, call), call.json()
    if not isinstance(body, list) or not body:
        raise bad_request("A JSON array of approval updates is expected in the request body.")
    items = [Fields(item) for item in body]
    for item in items:
        _approval(org, project.id, item.text("approvalId"))
    return collection([_show(org, call, _decide(org, call, item)) for item in items])


def _decide(org: Organization, call: Call, item: Fields) -> Approval:
    try:
        return org.approvals.decide(item.text("approvalId").casefold(), _decision(org, call, item))
    except DecisionRefusedError as refused:
        raise _refusal(refused) from refused


def _decision(org: Organization, call: Call, item: Fields) -> Decision:
    by = call.caller.identity_id
    assigned = item.object("assignedApprover").text("id") or None
    if target := item.object("reassignTo").raw:
        fields = Fields(target)
        person = org.identities.find(fields.text("id") or fields.text("uniqueName") or fields.text("displayName"))
        if person is None:
            raise bad_request("The person to reassign to is not known.")
        return Decision(by, comment=item.text("comment"), reassign_to=person.id, assigned=assigned)
    status = chosen(item.get("status"), STATUSES, name="status", numbers=STATUS_BITS)
    if status not in ("approved", "rejected"):
        raise bad_request(f"An approval can be approved or rejected, not '{status}'.")
    decided = "approved" if status == "approved" else "rejected"
    return Decision(by, status=decided, comment=item.text("comment"), assigned=assigned)  # type: ignore[arg-type]


def _refusal(refused: DecisionRefusedError) -> ApiError:
    return forbidden(str(refused)) if refused.is_right else bad_request(str(refused))


def _approval(org: Organization, project_id: str, key: str) -> Approval:
    found = org.state.approvals.get(key.casefold())
    if found is None or found.project_id != project_id:
        raise not_found(f"Approval {key} was not found.")
    return found


def _asks(org: Organization, row: Approval, people: set[str]) -> bool:
    for step in row.steps:
        person = org.identities.get(step.approver_id)
        if people & {person.id, person.unique_name, person.name.casefold()}:
            return True
    return False


def _has(row: Approval, state: str) -> bool:
    if state in ("all", "undefined"):
        return True
    return row.status in _COMPLETED if state == "completed" else row.status == state


def _show(org: Organization, call: Call, row: Approval) -> dict[str, Any]:
    expanded = {part.casefold() for part in comma_list(call.query.get("$expand"))}
    steps = bool(expanded & {"steps", "1", "3"})
    return show_approval(org, row, steps=steps, permissions=bool(expanded & {"permissions", "2", "3"}))
