"""Service hooks: subscriptions, their notifications, and a test delivery."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from azure_devops_server.api.routing import route
from azure_devops_server.http.errors import bad_request, not_found
from azure_devops_server.http.wire import Answer, Call, Fields, collection, no_content
from azure_devops_server.model.hooks import BUILD_COMPLETE, PUBLISHERS, VERSIONS, Event, Notification, Subscription
from azure_devops_server.outbound import check_target
from azure_devops_server.show.build import show_build
from azure_devops_server.show.core import show_identity
from azure_devops_server.show.run import show_pipeline_reference, show_run_event
from azure_devops_server.values import new_guid, wire_time

if TYPE_CHECKING:
    from azure_devops_server.organization import Organization

_SUBSCRIPTIONS = "_apis/hooks/subscriptions"
_HIDDEN = ("basicauthpassword", "httpheaders")
_MASK = "********"


@route("GET", _SUBSCRIPTIONS)
def list_subscriptions(org: Organization, call: Call) -> Answer:
    """Subscriptions by publisher, event and consumer."""
    rows = org.state.subscriptions.all()
    for name, field in (("publisherid", "publisher_id"), ("eventtype", "event_type"), ("consumerid", "consumer_id")):
        if wanted := call.query.get(name):
            rows = [row for row in rows if getattr(row, field).casefold() == wanted.casefold()]
    return collection([_show(org, row) for row in rows])


@route("POST", _SUBSCRIPTIONS)
def create_subscription(org: Organization, call: Call) -> Any:
    """A web hook to an address on this machine."""
    row = _read(org, call.document(), call.caller.identity_id)
    return _show(org, org.state.subscriptions.put(row))


@route("GET", _SUBSCRIPTIONS + "/{subscriptionId}")
def get_subscription(org: Organization, call: Call) -> Any:
    """One subscription."""
    return _show(org, _subscription(org, call))


@route("PUT", _SUBSCRIPTIONS + "/{subscriptionId}")
def replace_subscription(org: Organization, call: Call) -> Any:
    """Other inputs, or another status (enabled, disabledByUser)."""
    old, body = _subscription(org, call), call.document()
    fresh = _read(org, body, old.created_by)
    kept = {key: old.consumer_inputs.get(key, "") for key, value in fresh.consumer_inputs.items() if value == _MASK}
    wanted = body.text("status", "enabled")
    status: Any = "disabledByUser" if wanted.casefold() in ("disabledbyuser", "10") else "enabled"
    row = replace(
        fresh,
        id=old.id,
        created=old.created,
        consumer_inputs={**fresh.consumer_inputs, **kept},
        status=status,
    )
    return _show(org, org.state.subscriptions.put(row))


@route("DELETE", _SUBSCRIPTIONS + "/{subscriptionId}")
def delete_subscription(org: Organization, call: Call) -> Answer:
    """Remove a subscription."""
    org.state.subscriptions.delete(_subscription(org, call).id)
    return no_content()


@route("GET", _SUBSCRIPTIONS + "/{subscriptionId}/notifications")
def list_notifications(org: Organization, call: Call) -> Answer:
    """What was sent, or tried, newest first."""
    rows = org.state.notifications.within(_subscription(org, call).id)
    return collection([_show_notification(row) for row in sorted(rows, key=lambda row: -row.id)])


@route("POST", "_apis/hooks/testNotifications")
def send_test_notification(org: Organization, call: Call) -> Any:
    """Deliver a sample once, at once, to a subscription that exists or to the inputs of the body."""
    details = call.document().object("details")
    known = org.state.subscriptions.get(call.document().text("subscriptionId").casefold())
    row = known or _read(org, details, call.caller.identity_id)
    sent = org.hooks.send_now(row, org.hooks.notify(row, _sample(org, row)))
    return _show_notification(sent)


def _sample(org: Organization, row: Subscription) -> Event:
    """The last run of the project as an event; a bare text where there is none."""
    project = row.publisher_inputs.get("projectId") or next((item.id for item in org.state.projects.all()), "")
    builds = sorted(org.state.builds.within(project), key=lambda build: build.id)

    def resource(_: str) -> dict[str, Any]:
        if not builds:
            return {}
        if row.event_type == BUILD_COMPLETE:
            return show_build(org, builds[-1])
        pipeline = org.pipeline(builds[-1].pipeline_id)
        return {
            "run": show_run_event(org, builds[-1]),
            "pipeline": show_pipeline_reference(org, pipeline),
        }

    return Event(row.event_type, project, "This is a test notification.", {}, resource)


def _subscription(org: Organization, call: Call) -> Subscription:
    found = org.state.subscriptions.get(call.route["subscriptionId"].casefold())
    if found is None:
        raise not_found(f"Subscription {call.route['subscriptionId']} was not found.")
    return found


def _read(org: Organization, body: Fields, by: str) -> Subscription:
    kind, now = body.text("eventType"), org.clock()
    if kind not in PUBLISHERS:
        raise bad_request(f"The local server sends {', '.join(PUBLISHERS)}; not '{kind}'.")
    if body.text("publisherId") != PUBLISHERS[kind]:
        raise bad_request(f"The publisher of {kind} is '{PUBLISHERS[kind]}', not '{body.text('publisherId')}'.")
    consumer, action = body.text("consumerId"), body.text("consumerActionId")
    if (consumer, action) != ("webHooks", "httpRequest"):
        raise bad_request(f"The local server has the consumer webHooks/httpRequest only, not {consumer}/{action}.")
    version = body.text("resourceVersion") or VERSIONS[kind][0]
    if version not in VERSIONS[kind]:
        raise bad_request(f"The resource version {version} of {kind} is not known; known: {', '.join(VERSIONS[kind])}.")
    inputs = {key: str(value) for key, value in body.object("consumerInputs").raw.items() if value is not None}
    try:
        check_target(inputs.get("url", ""))
    except ValueError as error:
        raise bad_request(str(error)) from error
    publisher = {key: str(value) for key, value in body.object("publisherInputs").raw.items() if value is not None}
    return Subscription(
        id=new_guid(),
        publisher_id=PUBLISHERS[kind],
        event_type=kind,
        consumer_id=consumer,
        action_id=action,
        resource_version=version,
        publisher_inputs=publisher,
        consumer_inputs=inputs,
        created_by=by,
        created=now,
        modified=now,
    )


def _show(org: Organization, row: Subscription) -> dict[str, Any]:
    """A Subscription; password and headers are masked."""
    url = f"{org.links.base()}/_apis/hooks/subscriptions/{row.id}"
    inputs = {
        key: _MASK if key.casefold() in _HIDDEN and value else value for key, value in row.consumer_inputs.items()
    }
    return {
        "id": row.id,
        "url": url,
        "status": row.status,
        "publisherId": row.publisher_id,
        "eventType": row.event_type,
        "subscriber": None,
        "resourceVersion": row.resource_version,
        "eventDescription": row.event_type,
        "consumerId": row.consumer_id,
        "consumerActionId": row.action_id,
        "actionDescription": f"To host {inputs.get('url', '')}",
        "probationRetries": row.probation_retries,
        "createdBy": show_identity(org, row.created_by),
        "createdDate": wire_time(row.created),
        "modifiedBy": show_identity(org, row.created_by),
        "modifiedDate": wire_time(row.modified),
        "publisherInputs": dict(row.publisher_inputs),
        "consumerInputs": inputs,
        "_links": {"self": {"href": url}},
    }


def _show_notification(row: Notification) -> dict[str, Any]:
    return {
        "id": row.id,
        "subscriptionId": row.subscription_id,
        "eventId": row.event_id,
        "status": row.status,
        "result": row.result,
        "createdDate": wire_time(row.created),
        "modifiedDate": wire_time(row.created),
        "details": {
            "eventType": row.event_type,
            "event": dict(row.event),
            "requestAttempts": row.attempts,
            "errorMessage": row.error or None,
        },
    }
