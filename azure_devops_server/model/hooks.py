"""Service hooks."""

from __future__ import annotations

from collections.abc import Mapping
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
