"""Reads a service hook's notification (Azure DevOps: Service hooks events)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.domain.hooks import HookEvent
from services.errors import InvalidInputError

MAX_BYTES = 2 * 1024 * 1024
"""The most that Azure DevOps sends."""
LARGEST = 2**31 - 1
RUN_STATE = "ms.vss-pipelines.run-state-changed-event"
STAGE_STATE = "ms.vss-pipelines.stage-state-changed-event"
BUILD_COMPLETE = "build.complete"
DEPLOYMENT_COMPLETED = "ms.vss-release.deployment-completed-event"


def read_event(body: bytes, received: datetime) -> HookEvent:
    """The event of a notification. Raises InvalidInputError for anything else; an unknown kind has no run."""
    try:
        document = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise InvalidInputError(
            "The body is not valid JSON.", hint="Send the notification as Azure DevOps does."
        ) from None
    if not isinstance(document, dict):
        raise _wrong("a JSON object")
    event_id, kind = document.get("id"), document.get("eventType")
    if not isinstance(event_id, str) or not 0 < len(event_id) <= 80:
        raise _wrong("named by a usable id")
    if not isinstance(kind, str) or not 0 < len(kind) <= 120:
        raise _wrong("of a usable eventType")
    return HookEvent(event_id, kind, _run_number(kind, document.get("resource")), received)


def _run_number(kind: str, resource: Any) -> int | None:
    """A run's id, or a classic release's with a minus; the sample of the latter has 0 as `environment.releaseId`."""
    if kind in {RUN_STATE, STAGE_STATE}:
        return _number(_at(resource, "run", "id"))
    if kind == BUILD_COMPLETE:
        return _number(_at(resource, "id"))
    if kind == DEPLOYMENT_COMPLETED:
        number = _number(_at(resource, "environment", "release", "id"))
        return None if number is None else -number
    return None


def _at(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST else None


def _wrong(what: str) -> InvalidInputError:
    return InvalidInputError(f"The notification is not {what}.", hint="Send it as Azure DevOps does.")
