"""The *Invoke REST API* check: call out, and read the answer or wait for the callback."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from azure_devops_server.engine.expressions.errors import ExpressionError
from azure_devops_server.engine.expressions.evaluate import Scope, evaluate
from azure_devops_server.engine.expressions.values import to_boolean
from azure_devops_server.model.build import Build
from azure_devops_server.model.checks import CheckConfiguration, CheckStatus, CheckSuite, CheckTask
from azure_devops_server.outbound import CallFailedError, Reply, send
from azure_devops_server.predefined import run_variables
from azure_devops_server.resources import Resources
from azure_devops_server.storage.state import token_digest
from azure_devops_server.values import new_guid, wire_time

HUB = "checks"
DEFAULT_HEADERS = {
    "Content-Type": "application/json",
    "PlanUrl": "$(system.CollectionUri)",
    "ProjectId": "$(system.TeamProjectId)",
    "HubName": "$(system.HostType)",
    "PlanId": "$(system.PlanId)",
    "JobId": "$(system.JobId)",
    "TimelineId": "$(system.TimelineId)",
    "TaskInstanceId": "$(system.TaskInstanceId)",
    "AuthToken": "$(system.AccessToken)",
}
_MACRO = re.compile(r"\$\(([^()]+)\)")
_WAIT = 0.5
_METHODS = ("OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "PATCH")

Outcome = tuple[CheckStatus, str]


class TaskCheck:
    """One check of one suite. `ended` turns true once nothing waits for it any more."""

    def __init__(
        self,
        resources: Resources,
        check: CheckConfiguration,
        *,
        run_id: str,
        suite: CheckSuite,
        build: Build | None,
        ended: Callable[[], bool],
    ) -> None:
        self._resources = resources
        self._check = check
        self._run_id = run_id
        self._suite = suite
        self._build = build
        self._ended = ended
        self._deadline = time.monotonic() + check.timeout_minutes * resources.config.seconds_per_minute

    @property
    def _inputs(self) -> Mapping[str, str]:
        return {key.casefold(): str(value) for key, value in dict(self._check.settings.get("inputs") or {}).items()}

    @property
    def _interval(self) -> float:
        """Seconds between evaluations; 0 makes a failure final."""
        minutes = float(self._check.settings.get("retryInterval") or 0)
        return minutes * self._resources.config.seconds_per_minute

    def evaluate(self, *, log: Callable[[str], None]) -> Outcome:
        """Evaluate until it passes, fails permanently, or the time is up."""
        while True:
            status, message = self._once(log)
            if status != "failed" or not self._interval:
                return status, message
            log(self._line(f"{message} The next evaluation is in {self._interval:.0f} seconds."))
            if self._pause(self._interval):
                continue
            return ("canceled", "") if self._ended() else ("timedOut", message)

    def _once(self, log: Callable[[str], None]) -> Outcome:
        token = self._resources.identities.issue(self._build.id if self._build else None)
        task = self._open(token)
        try:
            reply = self._call(task, token, log)
            if not 200 <= reply.status < 300:
                return "failed", f"The check's target answered {reply.status}."
            if self._waits:
                return self._await(task)
            return self._judge(reply)
        except CallFailedError as error:
            return "failed", f"The check's target gave no answer: {error}"
        finally:
            self._close(task)

    @property
    def _waits(self) -> bool:
        return self._inputs.get("waitforcompletion", "false").casefold() == "true"

    def _call(self, task: CheckTask, token: str, log: Callable[[str], None]) -> Reply:
        endpoint = self._resources.endpoint(self._check.project_id, self._inputs.get("connectedservicename", ""))
        values = self._values(task, token)
        method = self._inputs.get("method", "POST").upper()
        if method not in _METHODS:
            raise CallFailedError(f"The method '{method}' is not known.")
        suffix = _filled(self._inputs.get("urlsuffix", ""), values)
        url = f"{endpoint.url.rstrip('/')}/{suffix.lstrip('/')}" if suffix else endpoint.url
        log(self._line(f"{method} {url}"))
        reply = send(
            method,
            url,
            headers=self._headers(values),
            body=_filled(self._inputs.get("body", ""), values).encode(),
            auth=(endpoint.username, endpoint.password) if endpoint.username or endpoint.password else None,
            timeout=self._resources.config.call_timeout,
        )
        log(self._line(f"Response code: {reply.status}"))
        return reply

    def _headers(self, values: Mapping[str, str]) -> dict[str, str]:
        text = self._inputs.get("headers", "")
        try:
            given = json.loads(text) if text.strip() else DEFAULT_HEADERS
        except json.JSONDecodeError as error:
            raise CallFailedError(f"The check's headers are no JSON: {error}") from error
        if not isinstance(given, dict):
            raise CallFailedError("The check's headers are no JSON object.")
        filled = {str(name): _filled(str(value), values) for name, value in given.items()}
        return {name: value.replace("\r", "").replace("\n", "") for name, value in filled.items()}

    def _values(self, task: CheckTask, token: str) -> dict[str, str]:
        project = self._resources.project(self._check.project_id)
        values = {"system.collectionuri": f"{self._resources.links.base()}/", "system.teamproject": project.name}
        if self._build:
            values |= {name.casefold(): value for name, value in run_variables(self._resources, self._build).items()}
            values |= {
                name.casefold(): item.value or "" for name, item in self._build.variables.items() if not item.is_secret
            }
        return values | {
            "system.teamprojectid": project.id,
            "system.hosttype": HUB,
            "system.planid": task.plan_id,
            "system.jobid": task.job_id,
            "system.timelineid": task.timeline_id,
            "system.taskinstanceid": task.task_id,
            "system.accesstoken": token,
            "checks.stagename": self._suite.stage,
            "checks.stageattempt": str(self._build.attempt if self._build else 1),
            "checks.resourceid": self._check.resource_id,
            "checks.resourcetype": self._check.resource_type,
        }

    def _judge(self, reply: Reply) -> Outcome:
        criteria = self._inputs.get("successcriteria", "").strip()
        if not criteria:
            return "approved", ""
        try:
            root = json.loads(reply.body.decode("utf-8-sig"))
            passed = to_boolean(evaluate(criteria, Scope({"root": root})))
        except (ValueError, ExpressionError) as error:
            return "failed", f"The success criteria '{criteria}' could not be evaluated: {error}"
        return ("approved", "") if passed else ("failed", f"The success criteria '{criteria}' were not met.")

    def _await(self, task: CheckTask) -> Outcome:
        while True:
            with self._resources.state.changed:
                now = self._resources.state.check_tasks.get(task.plan_id)
                if now and now.result is None and not self._ended() and time.monotonic() < self._deadline:
                    self._resources.state.changed.wait(_WAIT)
                    continue
            if now is None or self._ended():
                return "canceled", ""
            if now.result is None:
                return "timedOut", "No callback came before the check's timeout."
            if now.result.casefold() in ("succeeded", "succeededwithissues"):
                return "approved", ""
            return "failed", f"The callback said: {now.result}."

    def _pause(self, seconds: float) -> bool:
        """Sleep; False if the check ends or its time is up first."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._ended() or time.monotonic() >= self._deadline:
                return False
            with self._resources.state.changed:
                self._resources.state.changed.wait(min(_WAIT, max(until - time.monotonic(), 0.01)))
        return not self._ended() and time.monotonic() < self._deadline

    def _open(self, token: str) -> CheckTask:
        return self._resources.state.check_tasks.put(
            CheckTask(
                plan_id=new_guid(),
                job_id=new_guid(),
                timeline_id=new_guid(),
                task_id=new_guid(),
                project_id=self._check.project_id,
                build_id=self._build.id if self._build else None,
                record_id=self._run_id,
                token_digest=token_digest(token),
                created=self._resources.clock(),
            )
        )

    def _close(self, task: CheckTask) -> None:
        """Nothing waits for the check any more. The token stays valid, as the real one does for two days."""
        self._resources.state.check_tasks.change(task.plan_id, lambda row: replace(row, closed=True))

    def _line(self, text: str) -> str:
        return f"{wire_time(self._resources.clock())} {text}\n"


def _filled(text: str, values: Mapping[str, str]) -> str:
    """Text with its macros replaced; unknown ones stay, as in Azure Pipelines."""
    return _MACRO.sub(lambda match: values.get(match.group(1).casefold(), match.group()), text)
