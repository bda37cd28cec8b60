"""Test runs: read from JUnit files, or made by users' own tools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from azure_devops_server.engine.journal import TestAttachment
from azure_devops_server.engine.tasks.junit_file import JUnitCase, read_junit
from azure_devops_server.model.build import Build
from azure_devops_server.model.release import Release
from azure_devops_server.model.testing import TestResult, TestRun
from azure_devops_server.storage.state import State

FIRST_RESULT = 100_000


class Testing:
    """Keeps test runs and results."""

    def __init__(self, state: State, clock: Callable[[], datetime]) -> None:
        self._state = state
        self._clock = clock

    def publish(self, build: Build, attachment: TestAttachment) -> TestRun:
        """A build's test run with the results of all files; JUnitError where a file cannot be read."""
        run = self._run(build.project_id, build.requested_by, attachment)
        return self._keep(replace(run, build_id=build.id, attempt=build.attempt), attachment)

    def publish_release(self, release: Release, by: str, attachment: TestAttachment) -> TestRun:
        """The same for a classic release."""
        run = self._run(release.project_id, by, attachment)
        return self._keep(replace(run, extra={"release": {"id": release.id, "name": release.name}}), attachment)

    def _keep(self, run: TestRun, attachment: TestAttachment) -> TestRun:
        cases = [case for file in attachment.files for case in read_junit(file)]
        with self._state.store.transaction():
            self._state.test_runs.put(run)
            for position, case in enumerate(cases):
                self._state.test_results.put(_result(run.id, FIRST_RESULT + position, case, run.changed))
        return run

    def _run(self, project_id: str, owner_id: str, attachment: TestAttachment) -> TestRun:
        now, number = self._clock(), self.next_run()
        return TestRun(
            id=number,
            project_id=project_id,
            name=attachment.title or f"JUnit_TestResults_{number}",
            state="Completed",
            owner_id=owner_id,
            changed=now,
            started=now,
            completed=now,
            stage=attachment.stage,
            job=attachment.job,
        )

    def next_run(self) -> int:
        """A fresh run id."""
        return self._state.store.next_number("test-run")

    def next_result(self, run_id: int) -> int:
        """A fresh result id within a run; they count from 100000."""
        return max((row.id for row in self._state.test_results.within(run_id)), default=FIRST_RESULT - 1) + 1

    def statistics(self, run_id: int) -> Counter[tuple[str, str]]:
        """Results counted by state and outcome."""
        return Counter((row.state, row.outcome) for row in self._state.test_results.within(run_id))


def _result(run_id: int, number: int, case: JUnitCase, now: datetime) -> TestResult:
    return TestResult(
        run_id=run_id,
        id=number,
        title=case.title,
        outcome=case.outcome,
        state="Completed",
        changed=now,
        name=case.name,
        storage=case.storage,
        duration_ms=case.duration_ms,
        error_message=case.message,
        stack_trace=case.trace,
        started=now,
        completed=now,
    )
