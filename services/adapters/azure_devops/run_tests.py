"""Test runs and their results: those of a run by its build, those of a classic release by time and its number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from services.adapters.azure_devops.calls import Calls
from services.adapters.azure_devops.parse import tests_of
from services.domain.releases import RunRef, RunTests

RUNS_PAGE = 100
CASES_PAGE = 1000
"""Maximum results per answer."""
MAX_CASES = 5000
"""Results read per test run; its totals count all."""
KEPT_CASES = 500
WINDOW = timedelta(days=7)
"""The longest time that a query of test runs may span (Test Runs - Query of the REST API)."""
WINDOWS = 8
"""A release that waits longer for its approvals shows the tests of its first weeks."""


def utc_now() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)


class ReadTestRuns:
    """Reads only. All methods raise UpstreamError and NotFoundError."""

    def __init__(self, calls: Calls, *, now: Callable[[], datetime] = utc_now) -> None:
        self._calls = calls
        self._now = now

    def of_run(self, ref: RunRef) -> Sequence[RunTests]:
        """Test runs of a run with their results; failed ones first, 500 of each run at most."""
        uri = f"vstfs:///Build/Build/{ref.run_id}"
        runs = self._numbered(
            lambda client, skip: client.get_test_runs(
                ref.project, build_uri=uri, include_run_details=True, skip=skip, top=RUNS_PAGE
            ),
            RUNS_PAGE,
        )
        return self._with_cases(ref, runs)

    def of_release(self, ref: RunRef, created: datetime) -> Sequence[RunTests]:
        """Test runs of a classic release, which are found by when they changed and the release's number."""
        runs: dict[int, Any] = {}
        for first in self._windows(created):
            runs |= {run.id: run for run in self._changed(ref, first)}
        return self._with_cases(ref, list(runs.values()))

    def _changed(self, ref: RunRef, first: datetime) -> list[Any]:
        """Test runs of a release that changed within a window."""
        pages: Iterator[list[Any]] = self._calls.pages(
            "test",
            lambda client, token: client.query_test_runs(
                ref.project, first, first + WINDOW, release_ids=[ref.run_id], top=RUNS_PAGE, continuation_token=token
            ),
        )
        return [run for page in pages for run in page]

    def _windows(self, created: datetime) -> list[datetime]:
        """The starts of the windows."""
        begins = [created + number * WINDOW for number in range(WINDOWS)]
        return [first for first in begins if first <= self._now()]

    def _with_cases(self, ref: RunRef, runs: Sequence[Any]) -> list[RunTests]:
        return [tests_of(run, self._cases(ref.project, run.id)) for run in runs]

    def _cases(self, project: str, test_run: int) -> list[Any]:
        cases = self._numbered(
            lambda client, skip: client.get_test_results(project, test_run, skip=skip, top=CASES_PAGE), CASES_PAGE
        )
        return sorted(cases, key=lambda case: case.outcome == "Passed")[:KEPT_CASES]

    def _numbered(self, call: Any, size: int) -> list[Any]:
        """Pages of the Test API, which uses an offset instead of a token."""
        found: list[Any] = []
        while len(found) < MAX_CASES:
            skip = len(found)
            page = self._calls.read("test", lambda client: call(client, skip) or [])  # noqa: B023 - called at once
            found += page
            if len(page) < size:
                break
        return found
