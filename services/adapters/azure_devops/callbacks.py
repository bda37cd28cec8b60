"""Calls back to a waiting *Invoke REST API* check, with the token that the check gave for it.

Source: distributedTask events, logs and records of the REST API, 7.1. Only the configured organization is called.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from pydantic import SecretStr
from requests import PreparedRequest
from requests.auth import AuthBase

from services.adapters.azure_devops.calls import Calls
from services.adapters.azure_devops.config import AzureDevOpsConfig
from services.domain.hooks import CheckIds
from services.errors import PortalError

EVENTS_VERSION = "2.0-preview.1"
LOGS_VERSION = "7.1-preview.1"
_OLD_FORM = re.compile(r"https://([a-z0-9-]+)\.visualstudio\.com(?:/defaultcollection)?")


class JobToken(AuthBase):
    """The bearer token of one job."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the header."""
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        return request

    def __repr__(self) -> str:
        return "JobToken(…)"


class AzureCheckCallbacks:
    """Implements `services.ports.callbacks.CheckCallbacks`."""

    def __init__(self, config: AzureDevOpsConfig) -> None:
        self._config = config

    def is_own(self, plan_url: str) -> bool:
        """True for the address of the configured organization, in its old or new form, slash and case aside."""
        return _same_form(plan_url) == _same_form(self._config.base)

    def complete(self, ids: CheckIds, token: str, *, allowed: bool, lines: str) -> None:
        """Write the lines to the check's log, then complete it. Raises UpstreamError, NotFoundError."""
        with self._calls(token) as calls:
            with contextlib.suppress(PortalError):  # the log is for people; the event decides
                _write_log(calls, ids, lines)
            body = {
                "name": "TaskCompleted",
                "taskId": ids.task_id,
                "jobId": ids.job_id,
                "result": "succeeded" if allowed else "failed",
            }
            calls.send("POST", ids.project_id, f"{_plan(ids)}/events", body, **{"api-version": EVENTS_VERSION})

    @contextmanager
    def _calls(self, token: str) -> Iterator[Calls]:
        calls = Calls(replace(self._config, auth=JobToken(SecretStr(token))))
        try:
            yield calls
        finally:
            calls.close()


def _write_log(calls: Calls, ids: CheckIds, lines: str) -> None:
    version, plan = {"api-version": LOGS_VERSION}, _plan(ids)
    made = calls.send("POST", ids.project_id, f"{plan}/logs", {"path": f"logs\\{ids.task_id}"}, **version)
    number = int(made["id"])
    calls.send("POST", ids.project_id, f"{plan}/logs/{number}", f"{lines}\n".encode(), **version)
    record = {"id": ids.task_id, "log": {"id": number}}
    records = f"{plan}/timelines/{ids.timeline_id}/records"
    calls.send("PATCH", ids.project_id, records, {"value": [record], "count": 1}, **version)


def _same_form(url: str) -> str:
    """Older organizations name themselves ``https://ORG.visualstudio.com``, whichever address is configured."""
    plain = url.strip().rstrip("/").lower()
    old = _OLD_FORM.fullmatch(plain)
    return f"https://dev.azure.com/{old.group(1)}" if old else plain


def _plan(ids: CheckIds) -> str:
    return f"distributedtask/hubs/{ids.hub}/plans/{ids.plan_id}"
