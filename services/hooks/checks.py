"""Answers the *Invoke REST API* check in front of an environment in Azure DevOps.

The check sends its call and waits (callback mode). The call is stored at once; the worker asks the gate, with the run
as Azure DevOps itself reports it, and calls back. Only the ids in the call are trusted: the run is read with the
portal's own credentials, must be the one that the rollout started, and the answer goes only to the configured
organization. Until the answer is certain the check waits; Azure DevOps does not deploy meanwhile.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from services.database.unit import Units
from services.domain.hooks import CheckCall, CheckIds, CheckState
from services.domain.identity.people import SYSTEM
from services.domain.registry import VersionKey
from services.domain.releases import ReleaseRun, RunRef
from services.errors import (
    AzureDevOpsNotSetError,
    InvalidInputError,
    NotFoundError,
    PortalError,
    UnknownOutcomeError,
    UpstreamError,
    UpstreamRefusedError,
)
from services.ledger.actions import Action
from services.ledger.tree.entry import Subject
from services.ports.callbacks import CheckCallbacks, Safe
from services.ports.pipelines import ReleasePipelines
from services.ports.time import Clock
from services.promotions.gate import Gate, GateAnswer, GateQuestion

log = logging.getLogger(__name__)
PATIENCE = timedelta(hours=1)
"""How long an answer may wait for MLflow or Azure DevOps; then it is a refusal."""
GIVE_UP = timedelta(hours=40)
"""The check's token ends after 48 hours."""
LEASE = timedelta(minutes=2)
MAX_PAUSE = timedelta(minutes=2)
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_WORD = re.compile(r"[A-Za-z]{1,40}")
_NAME = re.compile(r"[\w .-]{1,100}")
MAX_TOKEN = 8192
TOKEN = "token"  # noqa: S105 - names a field
HINT = 'Leave the check\'s headers as Azure DevOps fills them in, and add "BuildId": "$(Build.BuildId)".'


class CheckInbox:
    """Receives in the portal's web process."""

    def __init__(self, units: Units, callbacks: CheckCallbacks | None, safe: Safe, clock: Clock) -> None:
        self._units = units
        self._callbacks = callbacks
        self._safe = safe
        self._clock = clock

    def receive(self, headers: Mapping[str, str], environment: str) -> bool:
        """Store a call; False for a duplicate. Raises InvalidInputError, AzureDevOpsNotSetError."""
        call = self._read({name.lower(): value.strip() for name, value in headers.items()}, environment)
        with self._units.begin() as unit:
            return unit.hooks.add_check(call)

    def _read(self, headers: Mapping[str, str], environment: str) -> CheckCall:
        if self._callbacks is None:
            raise AzureDevOpsNotSetError
        if not self._callbacks.is_own(headers.get("planurl", "")):
            raise InvalidInputError("The check comes from another organization.", hint=HINT)
        if not _NAME.fullmatch(environment):
            raise InvalidInputError("The check names no environment.", hint="Add ?environment=NAME to its address.")
        token, build = headers.get("authtoken", ""), headers.get("buildid", "")
        if not token or len(token) > MAX_TOKEN or not token.isascii() or not token.isprintable():
            raise InvalidInputError("The check sends no AuthToken.", hint=HINT)
        if not build.isdecimal() or not build.isascii() or not 0 < len(build) <= 9:
            raise InvalidInputError("The check sends no BuildId.", hint=HINT)
        now = self._clock.now()
        return CheckCall(_ids(headers), int(build), environment, self._safe.seal({TOKEN: token}), now, now)


def _ids(headers: Mapping[str, str]) -> CheckIds:
    hub = headers.get("hubname", "")
    if not _WORD.fullmatch(hub):
        raise InvalidInputError("The check sends no HubName.", hint=HINT)
    names = ("ProjectId", "PlanId", "JobId", "TimelineId", "TaskInstanceId")
    for name in names:
        if not _GUID.fullmatch(headers.get(name.lower(), "")):
            raise InvalidInputError(f"The check sends no {name}.", hint=HINT)
    project, plan, job, timeline, task = (headers[name.lower()].lower() for name in names)
    return CheckIds(project, hub, plan, job, timeline, task)


class CheckWorker:
    """Answers and calls back, in the worker."""

    def __init__(
        self, units: Units, gate: Gate, pipelines: ReleasePipelines | None, callbacks: CheckCallbacks | None, *,
        safe: Safe, clock: Clock,
    ) -> None:  # fmt: skip
        self._units = units
        self._gate = gate
        self._pipelines = pipelines
        self._callbacks = callbacks
        self._safe = safe
        self._clock = clock

    def beat(self) -> int:
        """Work on all due checks; returns how many there were."""
        done = 0
        while (call := self._take()) is not None:
            done += 1
            try:
                self._work(call)
            except PortalError as error:
                self._later(call, error)
        return done

    def _take(self) -> CheckCall | None:
        now = self._clock.now()
        with self._units.begin() as unit:
            return unit.hooks.take_check(now, now + LEASE)

    def _work(self, call: CheckCall) -> None:
        if call.state is CheckState.WAITING:
            call = self._answer(call)
        if call.state is CheckState.ANSWERED:
            self._tell(call)

    def _answer(self, call: CheckCall) -> CheckCall:
        answer = self._judge(call)
        answered = replace(
            call, state=CheckState.ANSWERED, allowed=answer.allowed, answer=_lines(answer, call.environment),
            request_id=answer.request_id, attempts=0, error="",
        )  # fmt: skip
        with self._units.begin() as unit:
            unit.hooks.save_check(answered)
            unit.ledger.append(
                SYSTEM, Action.GATE_ANSWERED, Subject("release", f"{call.ids.project_id}/{call.build_id}"),
                after={"allowed": answer.allowed, "why": answer.why, "environment": call.environment},
                request_id=answer.request_id or None, plan_digest=answer.plan_digest or None,
            )  # fmt: skip
        return answered

    def _judge(self, call: CheckCall) -> GateAnswer:
        run = self._run(call)
        request_id = run.parameters.get("requestId", "")
        model, version = run.parameters.get("modelName", ""), run.parameters.get("modelVersion", "")
        if not request_id or not model or not version.isdecimal():
            return GateAnswer(False, "The run names no promotion request.", request_id)
        digest = run.parameters.get("planDigest") or None
        key = VersionKey(model, int(version))
        return self._gate.ask(GateQuestion(request_id, key, call.environment, digest, run=run.ref.number))

    def _run(self, call: CheckCall) -> ReleaseRun:
        """The run as Azure DevOps reports it: the list has its pipeline, the run its parameters."""
        if self._pipelines is None:
            raise AzureDevOpsNotSetError
        found = self._pipelines.get_many([RunRef(call.ids.project_id, 0, call.build_id)])
        if not found:
            raise NotFoundError(f"Azure DevOps does not show run {call.build_id}.", hint="It may be very new.")
        return self._pipelines.get(found[0].ref)

    def _tell(self, call: CheckCall) -> None:
        if self._callbacks is None:
            raise AzureDevOpsNotSetError
        sealed = self._safe.open(call.sealed_token)
        if sealed is None:
            self._refused(call, UpstreamRefusedError("The hook secret was changed while the check waited."))
            return
        token = str(sealed[TOKEN])
        try:
            self._callbacks.complete(call.ids, token, allowed=bool(call.allowed), lines=call.answer)
        except (UpstreamRefusedError, NotFoundError) as error:
            self._refused(call, error)
            return
        self._save(replace(call, state=CheckState.SENT, sealed_token="", error=""))

    def _refused(self, call: CheckCall, error: PortalError) -> None:
        """When an answer may have arrived, a refusal of the second one means that it did."""
        state = CheckState.SENT if call.error == UnknownOutcomeError.code else CheckState.FAILED
        log.warning("check of run %s: %s", call.build_id, error.sentence())
        self._save(replace(call, state=state, sealed_token="", error=error.sentence()))

    def _later(self, call: CheckCall, error: PortalError) -> None:
        now = self._clock.now()
        log.info("check of run %s waits: %s", call.build_id, error.message)
        with self._units.read() as unit:
            latest = unit.hooks.check(call.ids.key) or call
        if latest.state is CheckState.WAITING and now > call.received + PATIENCE:
            told = f"Countersign could not find out: {error.message}"
            self._save(replace(latest, state=CheckState.ANSWERED, allowed=False, answer=told, not_before=now))
        elif now > call.received + GIVE_UP:
            self._save(replace(latest, state=CheckState.FAILED, sealed_token="", error=error.sentence()))
        else:
            told = error.code if isinstance(error, UpstreamError) else error.sentence()
            self._save(replace(latest, attempts=latest.attempts + 1, error=told, not_before=now + _pause(latest)))

    def _save(self, call: CheckCall) -> None:
        with self._units.begin() as unit:
            unit.hooks.save_check(call)


def _pause(call: CheckCall) -> timedelta:
    return min(MAX_PAUSE, timedelta(seconds=2.0 ** min(call.attempts + 1, 7)))


def _lines(answer: GateAnswer, environment: str) -> str:
    rows = [
        f"Countersign: {'allowed' if answer.allowed else 'not allowed'} in {environment}",
        f"Why: {answer.why}",
        f"Request: {answer.request_id or 'none'}",
        f"Approved by: {', '.join(answer.approvers) or 'nobody'}",
        *([f"Glass broken by: {answer.glass_broken_by}"] if answer.glass_broken_by else []),
        f"Plan digest: {answer.plan_digest or 'none'}",
        f"Artifact digest: {answer.artifact_digest or 'none'}",
    ]
    return "\n".join(" ".join(row.split()) for row in rows)
