"""Hold a stage until the checks of its environments are decided."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from azure_devops_server.checks.approvals import Approvals
from azure_devops_server.checks.task_check import TaskCheck
from azure_devops_server.engine.journal import Checkpoint, Issue, Record, RecordResult, RunJournal
from azure_devops_server.model.build import Build
from azure_devops_server.model.checks import (
    APPROVAL_TYPE,
    CheckConfiguration,
    CheckRun,
    CheckStatus,
    CheckSuite,
    Verdict,
)
from azure_devops_server.resources import Resources
from azure_devops_server.values import new_guid

_POLL = 0.5
_OPEN = ("queued", "running")
_VERDICTS: dict[str, Verdict] = {
    "approved": "approved",
    "rejected": "rejected",
    "failed": "rejected",
    "timedOut": "skipped",
    "canceled": "canceled",
}
_RESULTS: dict[Verdict, RecordResult] = {
    "approved": "succeeded",
    "rejected": "failed",
    "skipped": "skipped",
    "canceled": "canceled",
}


class Gate:
    """Evaluates check suites. All checks of a suite run side by side; the first that fails decides."""

    def __init__(self, resources: Resources, approvals: Approvals, *, is_closing: Callable[[], bool]) -> None:
        self._resources = resources
        self._approvals = approvals
        self._is_closing = is_closing
        self._state = resources.state

    def wait(
        self, build: Build, checkpoint: Checkpoint, *, journal: RunJournal, cancelled: Callable[[], bool]
    ) -> Verdict:
        """Block until the stage may start or not."""
        checks = self._checks_of(build.project_id, checkpoint.environments)
        if not checks:
            return "approved"
        record = Record(
            id=new_guid(),
            type="Checkpoint",
            name="Checkpoint",
            identifier=f"Checkpoint.{checkpoint.stage}",
            parent_id=checkpoint.stage_record_id,
            state="inProgress",
            started=self._resources.clock(),
        )
        journal.record(record)
        suite = self._open(record.id, build, checkpoint.stage, checks)
        verdict = Evaluation(
            self._resources, self._approvals, suite, checks, build=build, journal=journal, cancelled=cancelled
        ).run()
        journal.record(replace(record, state="completed", result=_RESULTS[verdict], finished=self._resources.clock()))
        return verdict

    def evaluate(self, suite: CheckSuite, checks: Sequence[CheckConfiguration]) -> None:
        """Evaluate a suite that belongs to no run (checks/runs POST), in the background."""
        evaluation = Evaluation(
            self._resources, self._approvals, suite, checks, build=None, journal=None, cancelled=self._is_closing
        )
        threading.Thread(target=evaluation.run, name=f"suite-{suite.id}", daemon=True).start()

    def open_suite(
        self, project_id: str, suite_id: str, checks: Sequence[CheckConfiguration], context: dict[str, object]
    ) -> CheckSuite:
        """A new suite outside of any run."""
        runs = tuple(CheckRun(new_guid(), check.id, "queued", self._resources.clock()) for check in checks)
        status: CheckStatus = "queued" if runs else "approved"
        suite = CheckSuite(
            id=suite_id,
            project_id=project_id,
            build_id=None,
            stage="",
            status=status,
            runs=runs,
            created=self._resources.clock(),
            completed=None if runs else self._resources.clock(),
            context=context,
        )
        return self._state.suites.put(suite)

    def close_interrupted(self) -> None:
        """At the start: close what the last process left open."""
        now = self._resources.clock()
        with self._state.store.transaction():
            for approval in self._state.approvals.all():
                if approval.status == "pending":
                    self._state.approvals.put(replace(approval, status="canceled", modified=now))
            for task in self._state.check_tasks.all():
                if not task.closed:
                    self._state.check_tasks.put(replace(task, closed=True))
            for suite in self._state.suites.all():
                if suite.status in _OPEN:
                    runs = tuple(
                        replace(run, status="canceled", completed=now) if run.status in _OPEN else run
                        for run in suite.runs
                    )
                    self._state.suites.put(replace(suite, status="canceled", runs=runs, completed=now))

    def _checks_of(self, project_id: str, names: Sequence[str]) -> list[CheckConfiguration]:
        found = [self._state.environment_named(project_id, name) for name in names]
        wanted = {str(environment.id) for environment in found if environment}
        return [
            check
            for check in self._state.checks.within(project_id)
            if check.resource_type == "environment" and check.resource_id in wanted and not check.is_disabled
        ]

    def _open(self, suite_id: str, build: Build, stage: str, checks: Sequence[CheckConfiguration]) -> CheckSuite:
        now = self._resources.clock()
        return self._state.suites.put(
            CheckSuite(
                id=suite_id,
                project_id=build.project_id,
                build_id=build.id,
                stage=stage,
                status="running",
                runs=tuple(CheckRun(new_guid(), check.id, "queued", now) for check in checks),
                created=now,
                context={"stageName": stage, "pipelineRunId": str(build.id), "attempt": build.attempt},
            )
        )


class Evaluation:
    """One suite while it is evaluated."""

    def __init__(
        self,
        resources: Resources,
        approvals: Approvals,
        suite: CheckSuite,
        checks: Sequence[CheckConfiguration],
        *,
        build: Build | None,
        journal: RunJournal | None,
        cancelled: Callable[[], bool],
    ) -> None:
        self._resources = resources
        self._approvals = approvals
        self._state = resources.state
        self._suite = suite
        self._checks = {check.id: check for check in checks}
        self._build = build
        self._journal = journal
        self._asked_to_end = cancelled
        self._decided = False
        self._records: dict[str, Record] = {}

    def run(self) -> Verdict:
        """Start all checks and wait; the suite, its approvals and records are closed when this returns."""
        for run in self._suite.runs:
            self._begin(run, self._checks[run.check_id])
        try:
            return self._wait()
        finally:
            self._decided = True
            self._close_open("canceled")
            self._state.notify()

    def _begin(self, run: CheckRun, check: CheckConfiguration) -> None:
        is_approval = check.type_id == APPROVAL_TYPE
        name = "Approval" if is_approval else str(check.settings.get("displayName") or "Task Check")
        record = Record(
            id=run.id,
            type="Checkpoint.Approval" if is_approval else "Checkpoint.TaskCheck",
            name=f"Checkpoint.{name}" if is_approval else name,
            identifier=f"Checkpoint.{self._suite.stage}.{check.id}",
            parent_id=self._suite.id,
            state="inProgress",
            started=self._resources.clock(),
            order=len(self._records) + 1,
        )
        self._put(record)
        self._set(run.id, "running")
        if is_approval:
            self._approvals.open(run.id, check, suite=self._suite, build=self._build)
            return
        task = TaskCheck(self._resources, check, run_id=run.id, suite=self._suite, build=self._build, ended=self._ended)
        thread = threading.Thread(target=self._evaluate, args=(run.id, task), name=f"check-{run.id}", daemon=True)
        thread.start()

    def _evaluate(self, run_id: str, task: TaskCheck) -> None:
        try:
            status, message = task.evaluate(log=lambda text: self._log(run_id, text))
        except Exception as error:  # noqa: BLE001  (a check that raises has failed, and reports it)
            status, message = "failed", f"The check could not be evaluated: {error}"
        if not self._decided:
            self._finish(run_id, status, message)
        self._state.notify()

    def _wait(self) -> Verdict:
        while True:
            with self._state.changed:
                verdict = self._verdict()
                if verdict is None and not self._asked_to_end():
                    self._state.changed.wait(_POLL)
                    continue
            if verdict is None:
                self._conclude("canceled", "The run was canceled.")
                return "canceled"
            return verdict

    def _verdict(self) -> Verdict | None:
        """Take over what approvals say; the verdict, once there is one."""
        for run in self._runs():
            if run.status in _OPEN and (approval := self._state.approvals.get(run.id)):
                expired = approval.created + self._limit(self._checks[run.check_id])
                if approval.status == "pending" and self._resources.clock() >= expired:
                    approval = self._approvals.expire(approval.id)
                if approval.status != "pending" and approval.status != "skipped":  # noqa: PLR1714  (mypy narrows so)
                    self._finish(run.id, approval.status, "")
        statuses = [run.status for run in self._runs()]
        for status in ("rejected", "failed", "canceled", "timedOut"):
            if status in statuses:
                self._conclude(status, next((run.message for run in self._runs() if run.status == status), ""))
                return _VERDICTS[status]
        if all(status == "approved" for status in statuses):
            self._conclude("approved", "")
            return "approved"
        return None

    def _limit(self, check: CheckConfiguration) -> timedelta:
        return timedelta(seconds=check.timeout_minutes * self._resources.config.seconds_per_minute)

    def _ended(self) -> bool:
        return self._decided or self._asked_to_end()

    def _runs(self) -> tuple[CheckRun, ...]:
        suite = self._state.suites.get(self._suite.id)
        return suite.runs if suite else ()

    def _set(self, run_id: str, status: CheckStatus, message: str = "") -> None:
        completed = None if status in _OPEN else self._resources.clock()

        def changed(suite: CheckSuite) -> CheckSuite:
            runs = tuple(
                replace(run, status=status, message=message, completed=completed) if run.id == run_id else run
                for run in suite.runs
            )
            return replace(suite, runs=runs)

        self._state.suites.change(self._suite.id, changed)

    def _finish(self, run_id: str, status: CheckStatus, message: str) -> None:
        self._set(run_id, status, message)
        record = self._records[run_id]
        result = _RESULTS[_VERDICTS[status]]
        issues = (Issue("error", message),) if message and status != "approved" else ()
        self._put(replace(record, state="completed", result=result, finished=self._resources.clock(), issues=issues))

    def _conclude(self, status: CheckStatus, message: str) -> None:
        now = self._resources.clock()
        self._close_open("canceled")
        self._state.suites.change(
            self._suite.id, lambda suite: replace(suite, status=status, message=message, completed=now)
        )

    def _close_open(self, status: CheckStatus) -> None:
        for run in self._runs():
            if run.status in _OPEN:
                if self._state.approvals.get(run.id):
                    self._approvals.cancel(run.id)
                self._finish(run.id, status, "")

    def _put(self, record: Record) -> None:
        self._records[record.id] = record
        if self._journal:
            self._journal.record(record)

    def _log(self, run_id: str, text: str) -> None:
        if self._journal:
            self._journal.write_log(run_id, text)
