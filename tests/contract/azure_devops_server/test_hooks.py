"""Service hooks are delivered, filtered, retried and given up."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.azure_devops_server.conftest import Site, wait_for
from tests.contract.azure_devops_server.listener import Listener, listening

RUN_STATE = "ms.vss-pipelines.run-state-changed-event"


def subscribe(site: Site, listener: Listener, event: str = RUN_STATE, **changes: Any) -> Any:
    publisher = {"build.complete": "tfs", RUN_STATE: "pipelines"}.get(event, "pipelines")
    body = {
        "publisherId": publisher,
        "eventType": event,
        "consumerId": "webHooks",
        "consumerActionId": "httpRequest",
        "publisherInputs": {"projectId": site.project_id},
        "consumerInputs": {
            "url": listener.url + "/hooks",
            "basicAuthUsername": "ado",
            "basicAuthPassword": "hook-password",
            "httpHeaders": "X-Portal-Token:static-secret",
        },
        **changes,
    }
    return hooks(site, "POST", "subscriptions", body)


def hooks(site: Site, method: str, path: str, body: Any = None) -> Any:
    answer = site.session.request(method, f"{site.url}/_apis/hooks/{path}", json=body, timeout=10)
    assert answer.status_code in (200, 204), answer.text
    return answer.json() if answer.content else None


def test_run_state_changed__is_delivered_with_credentials_and_the_documented_envelope(own_site: Site) -> None:
    with listening() as listener:
        inputs = {"projectId": own_site.project_id, "runStateId": "Completed"}
        made = subscribe(own_site, listener, publisherInputs=inputs)
        assert made["consumerInputs"]["basicAuthPassword"] == "********"
        run = own_site.start("quick", requestId="hooked")
        own_site.ended(run["id"])
        heard = wait_for(lambda: listener.heard[:1])[0]
        assert heard.headers["authorization"] == "Basic YWRvOmhvb2stcGFzc3dvcmQ="
        assert heard.headers["x-portal-token"] == "static-secret"
        event = heard.json()
        assert (event["eventType"], event["publisherId"], event["resourceVersion"]) == (
            RUN_STATE, "pipelines", "5.1-preview.1",
        )  # fmt: skip
        assert event["subscriptionId"] == made["id"]
        assert event["resource"]["run"]["state"] == "completed"
        assert event["resource"]["run"]["result"] == "succeeded"
        assert event["resource"]["run"]["id"] == run["id"]
        assert "templateParameters" not in event["resource"]["run"]
        assert event["resource"]["pipeline"]["name"] == "quick"
        assert event["resourceContainers"]["project"]["id"] == own_site.project_id
        done = wait_for(lambda: _notes(own_site, made, "succeeded"))
        assert len(listener.heard) == len(done) == 1


@pytest.mark.parametrize(("version", "key"), [("2.0", "definition"), ("1.0", "requests")])
def test_build_complete__shape_follows_the_resource_version(own_site: Site, version: str, key: str) -> None:
    with listening() as listener:
        subscribe(own_site, listener, "build.complete", resourceVersion=version)
        run = own_site.start("quick")
        own_site.ended(run["id"])
        resource = wait_for(lambda: listener.heard[:1])[0].json()["resource"]
        assert resource["id"] == run["id"]
        assert key in resource
        assert resource["status"] == ("completed" if version == "2.0" else "succeeded")


def test_filters__that_do_not_fit__deliver_nothing(own_site: Site) -> None:
    with listening() as listener:
        other = str(own_site.pipeline("full"))
        subscribe(own_site, listener, publisherInputs={"projectId": own_site.project_id, "pipelineId": other})
        subscribe(own_site, listener, publisherInputs={"projectId": "00000000-0000-0000-0000-000000000009"})
        subscribe(own_site, listener, publisherInputs={"projectId": own_site.project_id, "runResultId": "failed"})
        last = subscribe(
            own_site, listener, publisherInputs={"projectId": own_site.project_id, "runStateId": "Completed"}
        )
        own_site.ended(own_site.start("quick")["id"])
        wait_for(lambda: _notes(own_site, last, "succeeded"))
        assert [heard.json()["subscriptionId"] for heard in listener.heard] == [last["id"]]


def test_stage_events__tell_of_each_state(own_site: Site) -> None:
    with listening() as listener:
        subscribe(own_site, listener, "ms.vss-pipelines.stage-state-changed-event")
        own_site.ended(own_site.start("quick")["id"])
        wait_for(lambda: len(listener.heard) >= 3)
        assert [heard.json()["resource"]["stage"]["state"] for heard in listener.heard] == [
            "notStarted", "running", "completed",
        ]  # fmt: skip


def test_503__is_retried_until_it_works(own_site: Site) -> None:
    answers = iter([503, 504, 200])
    with listening(lambda _: (next(answers), {})) as listener:
        made = subscribe(own_site, listener, "build.complete")
        own_site.ended(own_site.start("quick")["id"])
        (note,) = wait_for(lambda: _notes(own_site, made, "succeeded"))
        assert note["details"]["requestAttempts"] == 3
        assert len({heard.json()["notificationId"] for heard in listener.heard}) == 1
        assert hooks(own_site, "GET", f"subscriptions/{made['id']}")["status"] == "enabled"


def test_410__disables_the_subscription(own_site: Site) -> None:
    with listening(lambda _: (410, {})) as listener:
        made = subscribe(own_site, listener, "build.complete")
        own_site.ended(own_site.start("quick")["id"])
        wait_for(lambda: hooks(own_site, "GET", f"subscriptions/{made['id']}")["status"] == "disabledBySystem")
        own_site.ended(own_site.start("quick")["id"])
        assert len(listener.heard) == 1


def test_500__puts_it_on_probation_and_new_events_are_lost(own_site: Site) -> None:
    with listening(lambda _: (500, {})) as listener:
        made = subscribe(own_site, listener, "build.complete")
        own_site.ended(own_site.start("quick")["id"])
        wait_for(lambda: hooks(own_site, "GET", f"subscriptions/{made['id']}")["status"] == "onProbation")
        own_site.ended(own_site.start("quick")["id"])
        notes = hooks(own_site, "GET", f"subscriptions/{made['id']}/notifications")
        assert notes["count"] == 1
        assert len(listener.heard) == 1


def test_details__none_and_minimal__send_less(own_site: Site) -> None:
    with listening() as listener:
        inputs = {"url": listener.url, "resourceDetailsToSend": "minimal", "messagesToSend": "none"}
        subscribe(own_site, listener, "build.complete", consumerInputs=inputs)
        run = own_site.start("quick")
        own_site.ended(run["id"])
        event = wait_for(lambda: listener.heard[:1])[0].json()
        assert set(event["resource"]) == {"id", "url"}
        assert event["message"] is None


def test_test_notification__is_delivered_at_once(own_site: Site) -> None:
    with listening() as listener:
        made = subscribe(own_site, listener)
        sent = hooks(own_site, "POST", "testNotifications", {"subscriptionId": made["id"]})
        assert (sent["result"], len(listener.heard)) == ("succeeded", 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"consumerInputs": {"url": "https://example.com/x"}},
        {"consumerInputs": {"url": "ftp://127.0.0.1/x"}},
        {"consumerId": "azureStorageQueue"},
        {"resourceVersion": "9.9"},
        {"publisherId": "tfs"},
        {"eventType": "git.push"},
    ],
)
def test_subscription__that_is_not_supported__400(own_site: Site, changes: dict[str, Any]) -> None:
    body = {
        "publisherId": "pipelines", "eventType": RUN_STATE, "consumerId": "webHooks", "consumerActionId": "httpRequest",
        "consumerInputs": {"url": "http://127.0.0.1:1/"},
    }  # fmt: skip
    url = f"{own_site.url}/_apis/hooks/subscriptions"
    assert own_site.session.post(url, json=body | changes, timeout=10).status_code == 400


def test_subscription__changed_and_removed(own_site: Site) -> None:
    with listening() as listener:
        made = subscribe(own_site, listener)
        path = f"subscriptions/{made['id']}"
        changed = hooks(own_site, "PUT", path, made | {"status": "disabledByUser"})
        assert changed["status"] == "disabledByUser"
        kept = own_site.organization.state.subscriptions.get(made["id"])
        assert kept is not None
        assert kept.consumer_inputs["basicAuthPassword"] == "hook-password"
        own_site.ended(own_site.start("quick")["id"])
        assert listener.heard == []
        hooks(own_site, "DELETE", path)
        assert hooks(own_site, "GET", "subscriptions")["count"] == 0


def _notes(site: Site, made: Any, result: str) -> list[Any]:
    rows = hooks(site, "GET", f"subscriptions/{made['id']}/notifications")["value"]
    return rows if rows and all(row["result"] == result for row in rows) else []
