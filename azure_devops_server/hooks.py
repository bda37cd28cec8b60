"""Service hooks: deliver events to subscriptions, with retries and probation.

As documented: 410 disables a subscription; 408, 502, 503 and 504 are retried up to eight times; any other failure, and
exhausted retries, put it on probation, where new events are lost. Simplified: the last event is tried again during
probation at the documented distances, success enables the subscription, seven failures disable it. Deliveries that
are waiting when the server stops are lost.
"""

from __future__ import annotations

import heapq
import json
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from azure_devops_server.model.hooks import PUBLISHERS, Event, Notification, Subscription
from azure_devops_server.outbound import CallFailedError, send
from azure_devops_server.resources import Resources
from azure_devops_server.values import new_guid, wire_time

_LOGGER = logging.getLogger(__name__)
_RETRIED = (408, 502, 503, 504)
_RETRIES = (1, 2, 4, 8, 16, 32, 60, 60)
"""Seconds."""
_PROBATION = (20, 40, 80, 160, 320, 640, 900)
"""Minutes; the first and last are documented, the ones between double."""


class Hooks:
    """Sends notifications from one thread, one after another in the order in which they fall due."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._state = resources.state
        self._due: list[tuple[float, int]] = []
        self._wake = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None

    def publish(self, event: Event) -> None:
        """Queue an event for everybody who wants it."""
        for subscription in self._state.subscriptions.all():
            if subscription.status == "enabled" and _wants(subscription, event):
                self._queue(self.notify(subscription, event))

    def notify(self, subscription: Subscription, event: Event) -> Notification:
        """Keep a notification with its whole body."""
        number = self._state.store.next_number("notification")
        row = Notification(
            id=number,
            subscription_id=subscription.id,
            event_id=new_guid(),
            event_type=event.type,
            created=self._resources.clock(),
        )
        return self._state.notifications.put(replace(row, event=self._envelope(row, subscription, event)))

    def send_now(self, subscription: Subscription, notification: Notification) -> Notification:
        """Deliver once, at once, and keep how it went."""
        status, error = self._deliver(subscription, notification)
        good = status is not None and 200 <= status < 300
        return self._state.notifications.put(
            replace(
                notification,
                status="completed",
                result="succeeded" if good else "failed",
                attempts=notification.attempts + 1,
                error=error,
            )
        )

    def close(self) -> None:
        """Stop delivering."""
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        if self._thread:
            self._thread.join(self._resources.config.call_timeout + 1)

    def _queue(self, notification: Notification, delay: float = 0.0) -> None:
        with self._wake:
            if self._closing:
                return
            heapq.heappush(self._due, (time.monotonic() + delay, notification.id))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="service-hooks", daemon=True)
                self._thread.start()
            self._wake.notify_all()

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._closing and (not self._due or self._due[0][0] > time.monotonic()):
                    self._wake.wait(self._due[0][0] - time.monotonic() if self._due else None)
                if self._closing:
                    return
                _, number = heapq.heappop(self._due)
            try:
                self._attempt(number)
            except Exception:
                _LOGGER.exception("notification %s broke", number)

    def _attempt(self, number: int) -> None:
        notification = self._state.notifications.get(number)
        subscription = self._state.subscriptions.get(notification.subscription_id) if notification else None
        if notification is None or subscription is None or subscription.status.startswith("disabled"):
            return
        status, error = self._deliver(subscription, notification)
        tried = replace(notification, attempts=notification.attempts + 1, error=error, status="processing")
        if status is not None and 200 <= status < 300:
            self._succeeded(subscription, tried)
        elif status == 410:
            self._failed(tried)
            self._set(subscription, status="disabledBySystem")
        elif status in _RETRIED and tried.attempts <= len(_RETRIES) and subscription.status == "enabled":
            self._state.notifications.put(tried)
            self._queue(tried, _RETRIES[tried.attempts - 1] * self._scale())
        else:
            self._probation(subscription, tried)

    def _succeeded(self, subscription: Subscription, tried: Notification) -> None:
        self._state.notifications.put(replace(tried, status="completed", result="succeeded", error=""))
        if subscription.status == "onProbation":
            self._set(subscription, status="enabled", retries=0)

    def _failed(self, tried: Notification) -> None:
        self._state.notifications.put(replace(tried, status="completed", result="failed"))

    def _probation(self, subscription: Subscription, tried: Notification) -> None:
        retries = subscription.probation_retries if subscription.status == "onProbation" else 0
        if retries >= len(_PROBATION):
            self._failed(tried)
            self._set(subscription, status="disabledBySystem")
            return
        self._state.notifications.put(tried)
        self._set(subscription, status="onProbation", retries=retries + 1)
        self._queue(tried, _PROBATION[retries] * self._resources.config.seconds_per_minute)

    def _scale(self) -> float:
        return self._resources.config.seconds_per_minute / 60.0

    def _set(self, subscription: Subscription, *, status: Any, retries: int = 0) -> None:
        now = self._resources.clock()
        if self._state.subscriptions.get(subscription.id):
            self._state.subscriptions.change(
                subscription.id, lambda row: replace(row, status=status, probation_retries=retries, modified=now)
            )

    def _deliver(self, subscription: Subscription, notification: Notification) -> tuple[int | None, str]:
        inputs = subscription.consumer_inputs
        user, password = inputs.get("basicAuthUsername", ""), inputs.get("basicAuthPassword", "")
        try:
            reply = send(
                "POST",
                inputs.get("url", ""),
                headers={
                    **static_headers(inputs.get("httpHeaders", "")),
                    "Content-Type": "application/json; charset=utf-8",
                },
                body=json.dumps(notification.event, ensure_ascii=False).encode(),
                auth=(user, password) if user or password else None,
                timeout=self._resources.config.call_timeout,
            )
        except CallFailedError as error:
            return None, str(error)
        return reply.status, "" if reply.status < 300 else f"The consumer answered {reply.status}."

    def _envelope(self, row: Notification, subscription: Subscription, event: Event) -> dict[str, Any]:
        inputs = subscription.consumer_inputs
        resource = _detail(event.resource(subscription.resource_version), inputs.get("resourceDetailsToSend", ""))
        message = {"text": event.text, "html": event.text, "markdown": event.text}
        account = {"id": self._resources.id, "baseUrl": f"{self._resources.links.base()}/"}
        return {
            "subscriptionId": row.subscription_id,
            "notificationId": row.id,
            "id": row.event_id,
            "eventType": event.type,
            "publisherId": PUBLISHERS[event.type],
            "message": message if inputs.get("messagesToSend", "") != "none" else None,
            "detailedMessage": message if inputs.get("detailedMessagesToSend", "") != "none" else None,
            "resource": resource,
            "resourceVersion": subscription.resource_version,
            "resourceContainers": {
                "collection": account,
                "account": account,
                "project": {"id": event.project_id, "baseUrl": f"{self._resources.links.base()}/"},
            },
            "createdDate": wire_time(row.created),
        }


def static_headers(text: str) -> dict[str, str]:
    """Headers of a subscription: one ``name:value`` a line, or separated by commas."""
    pairs = (part.partition(":") for line in text.splitlines() for part in line.split(","))
    return {name.strip(): value.strip() for name, colon, value in pairs if colon and name.strip()}


def _wants(subscription: Subscription, event: Event) -> bool:
    if subscription.event_type != event.type:
        return False
    inputs = {key.casefold(): value for key, value in subscription.publisher_inputs.items()}
    if inputs.get("projectid") and inputs["projectid"].casefold() != event.project_id:
        return False
    for name, value in event.filters.items():
        wanted = inputs.get(name.casefold(), "")
        if wanted and wanted.casefold() != value.casefold():
            return False
    # A filter that this event has no value for, such as a result while a run is in progress, is not met.
    known = {name.casefold() for name in event.filters} | {"projectid", "tfssubscriptionid"}
    return all(not value or key in known for key, value in inputs.items())


def _detail(resource: Mapping[str, Any], wanted: str) -> dict[str, Any] | None:
    if wanted.casefold() == "none":
        return None
    if wanted.casefold() == "minimal":
        return {key: value for key, value in resource.items() if key in ("id", "url")} or {
            key: {name: value[name] for name in ("id", "url") if name in value}
            for key, value in resource.items()
            if isinstance(value, dict)
        }
    return dict(resource)
