"""JSON reports of JavaScript tools: Jest, Vitest, Mocha and Playwright."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.catalogue.test_reports.documents import (
    Reading,
    UnreadableError,
    as_dict,
    as_list,
    more_than_listed,
    objects,
    shortened,
    whole_number,
)
from services.domain import test_results as results
from services.domain.catalogue import TestCase

_JEST = {
    "passed": results.PASSED, "failed": results.FAILED, "pending": results.SKIPPED, "skipped": results.SKIPPED,
    "todo": results.TO_COME, "disabled": results.DISABLED,
}  # fmt: skip
_PLAYWRIGHT = {
    "expected": results.PASSED, "unexpected": results.FAILED, "flaky": results.PASSED, "skipped": results.SKIPPED,
}  # fmt: skip


def is_jest(value: Any) -> bool:
    """Whether Jest or Vitest wrote this."""
    fields = as_dict(value)
    return "testResults" in fields or {"numTotalTests", "numFailedTests"} <= fields.keys()


def read_jest(value: dict[str, Any]) -> Reading:
    """The report; a file that could not even be loaded is an error. Raises UnreadableError where there is no test."""
    files = objects(value.get("testResults"), "testResults")
    cases = [case for file in files for case in _jest_file(file)]
    failed, total = _failed(cases), whole_number(value.get("numTotalTests"))
    said = more_than_listed("The file", whole_number(value.get("numFailedTests")), failed, "failed tests")
    broken = whole_number(value.get("numRuntimeErrorTestSuites"))
    said += more_than_listed("The file", broken, failed, "files that could not be run")
    said += more_than_listed("The file", total, len(cases), "tests") if not failed else []
    if value.get("wasInterrupted"):
        said.append("The run was interrupted.")
    return _reading(cases, [*said, *_own_word(value.get("success"), failed)])


def _jest_file(file: dict[str, Any]) -> Iterator[TestCase]:
    name, rows = str(file.get("name", "unnamed")), objects(file.get("assertionResults", []), "assertionResults")
    cases = [_jest_case(row, name) for row in rows]
    yield from cases
    if file.get("status") == "failed" and not _failed(cases):
        yield TestCase(name, results.ERROR, None, shortened(file.get("message") or "The file failed."), name)


def _jest_case(row: dict[str, Any], file: str) -> TestCase:
    outcome = _JEST.get(str(row.get("status")), results.NOT_RUN)
    message = "\n".join(str(text) for text in as_list(row.get("failureMessages")))
    return TestCase(str(row.get("fullName") or row.get("title")), outcome, _milliseconds(row), shortened(message), file)


def is_mocha(value: Any) -> bool:
    """Whether Mocha wrote this."""
    fields = as_dict(value)
    return {"passes", "failures"} <= as_dict(fields.get("stats")).keys() or {"passes", "pending"} <= fields.keys()


def read_mocha(value: dict[str, Any]) -> Reading:
    """The report; a hook that failed is among its failures. Raises UnreadableError where there is no test."""
    stats = as_dict(value.get("stats"))
    kinds = (("failures", results.FAILED), ("pending", results.SKIPPED), ("passes", results.PASSED))
    cases = [
        TestCase(
            str(row.get("fullTitle")), outcome, _milliseconds(row), shortened(as_dict(row.get("err")).get("message"))
        )
        for name, outcome in kinds
        for row in objects(value.get(name), name)
    ]
    said: list[str] = []
    for name, outcome in kinds:
        if name not in stats:
            said.append(f"The file does not count its {name}.")
        listed = sum(case.outcome == outcome for case in cases)
        said += more_than_listed("The file", whole_number(stats.get(name)), listed, name)
    said += more_than_listed("The file", whole_number(stats.get("tests")), len(cases), "tests")
    return _reading(cases, said)


def is_playwright(value: Any) -> bool:
    """Whether Playwright wrote this."""
    fields = as_dict(value)
    return {"expected", "unexpected"} <= as_dict(fields.get("stats")).keys() or {"config", "suites"} <= fields.keys()


def read_playwright(value: dict[str, Any]) -> Reading:
    """The report, with the errors outside all tests. Raises UnreadableError where there is no test."""
    found = [pair for suite in objects(value.get("suites"), "suites") for pair in _specs(suite, "")]
    errors = [
        TestCase("the test run", results.ERROR, None, shortened(as_dict(error).get("message")))
        for error in as_list(value.get("errors"))
    ]
    cases = [*(case for case, _ in found), *errors]
    stats = as_dict(value.get("stats"))
    said = [] if "unexpected" in stats else ["The file does not count its failed tests."]
    said += more_than_listed("The file", whole_number(stats.get("unexpected")), _failed(cases), "failed tests")
    total = sum(whole_number(stats.get(name)) or 0 for name in _PLAYWRIGHT)
    said += more_than_listed("The file", total, len(found), "tests")
    return _reading(cases, said, [case.name for case, is_flaky in found if is_flaky])


def _specs(suite: dict[str, Any], above: str) -> Iterator[tuple[TestCase, bool]]:
    title = " / ".join(part for part in (above, str(suite.get("title", ""))) if part)
    for spec in objects(suite.get("specs", []), "specs"):
        for test in objects(spec.get("tests", []), "tests"):
            yield _playwright_case(spec, test, title)
    for inner in objects(suite.get("suites", []), "suites"):
        yield from _specs(inner, title)


def _playwright_case(spec: dict[str, Any], test: dict[str, Any], suite: str) -> tuple[TestCase, bool]:
    status = str(test.get("status"))
    outcome = _PLAYWRIGHT.get(status, results.NOT_RUN)
    if spec.get("ok") is False and outcome == results.PASSED and status != "flaky":
        outcome = results.FAILED
    tries = [as_dict(row) for row in as_list(test.get("results"))]
    message = next((as_dict(row["error"]).get("message") for row in tries if row.get("error")), "")
    project = f" [{test['projectName']}]" if test.get("projectName") else ""
    case = TestCase(f"{spec.get('title', 'unnamed')}{project}", outcome, None, shortened(message), suite)
    return case, status == "flaky"


def _reading(cases: list[TestCase], said: list[str], flaky: list[str] | None = None) -> Reading:
    if not cases:
        raise UnreadableError(" ".join(["The file names no test.", *said]))
    return Reading(tuple(cases), tuple(said), tuple(flaky or ()))


def _failed(cases: list[TestCase]) -> int:
    return sum(case.outcome in results.FAILING for case in cases)


def _own_word(success: Any, failed: int) -> list[str]:
    if success is True or (success is False and failed):
        return []
    return ["The file says that the run failed, and lists no failed test."] if success is False else [
        "The file does not say whether the run succeeded."
    ]  # fmt: skip


def _milliseconds(row: dict[str, Any]) -> float | None:
    value = row.get("duration")
    return value / 1000 if isinstance(value, int | float) and not isinstance(value, bool) else None
