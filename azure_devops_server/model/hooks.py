"""Service hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

SubscriptionStatus = Literal[
    "enabled", "onProbation", "disabledByUser", "disabledBySystem", "disabledByInactiveIdentity"
]


@dataclass(frozen=True)
class Subscription:
    """A consumer of events."""

    id: str
    publisher_id: str
    event_type: str
    consumer_id: str
    action_id: str
    resource_version: str
    publisher_inputs: Mapping[str, str]
    consumer_inputs: Mapping[str, str]
    created_by: str
    created: datetime
    modified: datetime
    status: SubscriptionStatus = "enabled"
    probation_retries: int = 0


@dataclass(frozen=True)
class Notification:
    """One event sent, or tried, to one subscription."""

    id: int
    subscription_id: str
    event_id: str
    event_type: str
    created: datetime
    status: Literal["queued", "processing", "completed"] = "queued"
    result: Literal["pending", "succeeded", "failed"] = "pending"
    attempts: int = 0
    error: str = ""
    event: Mapping[str, Any] = field(default_factory=dict)


RUN_STATE = "ms.vss-pipelines.run-state-changed-event"

STAGE_STATE = "ms.vss-pipelines.stage-state-changed-event"

BUILD_COMPLETE = "build.complete"

DEPLOYMENT_COMPLETED = "ms.vss-release.deployment-completed-event"

PUBLISHERS = {
    RUN_STATE: "pipelines",
    STAGE_STATE: "pipelines",
    BUILD_COMPLETE: "tfs",
    DEPLOYMENT_COMPLETED: "rm",
}

VERSIONS = {
    RUN_STATE: ("5.1-preview.1",),
    STAGE_STATE: ("5.1-preview.1",),
    BUILD_COMPLETE: ("2.0", "1.0"),
    DEPLOYMENT_COMPLETED: ("3.0-preview.1",),
}


@dataclass(frozen=True)
class Event:
    """Something that happened. `filters` are compared with the inputs of a subscription, without case.

    `resource` makes the body for a resource version; it is called only if something subscribes to it.
    """

    type: str
    project_id: str
    text: str
    filters: Mapping[str, str]
    resource: Callable[[str], dict[str, Any]]
