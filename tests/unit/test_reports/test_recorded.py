"""Reports that the tools themselves wrote; the name of each file says which tool, in which version.

Only paths, host names and stack traces were shortened. What follows the version says what was special about the run.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from services.catalogue.test_reports.reading import read_report
from services.domain.catalogue import TestReport
from services.domain.checks import Verdict
from services.domain.test_results import doubts, judge

FILES = Path(__file__).parent / "files"
PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
EXPECTED = {
    "behave-1.3.3.json": (1, 2, 1, 0, FAIL),
    "behave-1.3.3.xml": (1, 2, 1, 0, FAIL),
    "ctest-3.25.1.xml": (2, 3, 3, 2, FAIL),
    "dbt-1.9.4.json": (1, 2, 0, 0, FAIL),
    "great-expectations-1.24.1-checkpoint.json": (1, 2, 0, 0, FAIL),
    "great-expectations-1.24.1-describe.json": (1, 2, 0, 0, FAIL),
    "great-expectations-1.24.1.json": (1, 2, 0, 0, FAIL),
    "jest-30.5.2-broken-file.json": (0, 1, 0, 0, FAIL),
    "jest-30.5.2-green.json": (1, 0, 2, 0, PASS),
    "jest-30.5.2.json": (2, 1, 2, 0, FAIL),
    "jest-junit-17.0.0-broken-file.xml": (0, 0, 0, 0, UNKNOWN),
    "jest-junit-17.0.0.xml": (3, 2, 1, 0, FAIL),
    "mocha-12.0.3.json": (1, 2, 2, 0, FAIL),
    "mocha-12.0.3.xml": (1, 2, 2, 0, FAIL),
    "node-20.20-todo.xml": (1, 0, 1, 0, PASS),
    "node-20.20.xml": (2, 1, 4, 0, FAIL),
    "nose2-0.16.0.xml": (3, 5, 3, 0, FAIL),
    "playwright-1.65.1.json": (2, 2, 2, 0, FAIL),
    "playwright-1.65.1.xml": (2, 2, 2, 0, FAIL),
    "pytest-9.2.0-collection-error.xml": (0, 1, 0, 0, FAIL),
    "pytest-9.2.0-failed-subtests.xml": (0, 1, 0, 0, FAIL),
    "pytest-9.2.0-subtests.xml": (1, 0, 0, 0, PASS),
    "pytest-9.2.0.xml": (2, 4, 2, 0, FAIL),
    "pytest-json-report-1.5.0.json": (3, 3, 2, 0, FAIL),
    "pytest-rerunfailures-16.7-failed.xml": (1, 1, 0, 0, FAIL),
    "pytest-rerunfailures-16.7-flaky.xml": (2, 0, 0, 0, PASS),
    "robot-7.5-output-failed-teardown.xml": (0, 2, 0, 0, FAIL),
    "robot-7.5-output.xml": (1, 1, 1, 0, FAIL),
    "robot-7.5-xunit-failed-teardown.xml": (0, 2, 0, 0, FAIL),
    "robot-7.5-xunit.xml": (1, 1, 1, 0, FAIL),
    "xmlrunner-4.0.0-class-setup.xml": (0, 2, 0, 0, FAIL),
    "xmlrunner-4.0.0-green.xml": (1, 0, 0, 0, PASS),
    "xmlrunner-4.0.0.xml": (2, 4, 2, 0, FAIL),
}
"""Passed, failed, skipped, not run, and what it all means."""
GREEN_OF_A_FAILED_RUN = (
    "behave-1.3.3-failed-after-feature.xml", "node-20.20-failed-after.xml", "vitest-4.1.12-unhandled-error.xml",
    "playwright-1.65.1-failed-on-flaky.json", "playwright-1.65.1-failed-on-flaky.xml",
)  # fmt: skip
"""The tool ended with exit code 1 and wrote no failure."""


def recorded(name: str, *, exit_code: int | None = None) -> TestReport:
    return read_report(name, (FILES / name).read_bytes(), exit_code=exit_code)


def test_files__all_of_them__are_expected_something_of() -> None:
    assert {path.name for path in FILES.iterdir()} == {*EXPECTED, *GREEN_OF_A_FAILED_RUN}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_recorded_report__of_each_tool__is_read_as_the_tool_meant_it(name: str) -> None:
    report = recorded(name)
    assert (report.passed, report.failed, report.skipped, report.not_run, judge([report]).verdict) == EXPECTED[name]
    if EXPECTED[name][-1] is PASS:
        assert doubts(report) == ()


@pytest.mark.parametrize("name", GREEN_OF_A_FAILED_RUN)
def test_green_report__beside_a_failed_step__is_contradicted(name: str) -> None:
    assert judge([recorded(name)]).verdict is PASS
    assert judge([recorded(name, exit_code=0)]).verdict is PASS
    found = judge([recorded(name, exit_code=1)])
    assert found.verdict is UNKNOWN
    assert "exit code 1, and the report shows no failed test" in found.sentence


@pytest.mark.parametrize("name", sorted(name for name, expected in EXPECTED.items() if expected[-1] is FAIL))
def test_red_report__beside_any_exit_code__stays_red(name: str) -> None:
    for code in (0, 1, 8):
        assert judge([recorded(name, exit_code=code)]).verdict is FAIL


def test_dbt__warnings__are_named_and_are_no_pass() -> None:
    report = recorded("dbt-1.9.4.json")
    assert report.warned == 1
    assert [item.what for item in report.examined.left_out] == ["1 models, seeds or snapshots"]


def test_flaky_tests__of_tools_that_say_so__are_named() -> None:
    assert recorded("playwright-1.65.1-failed-on-flaky.json").flaky == ("flaky",)
    assert recorded("pytest-rerunfailures-16.7-flaky.xml").flaky == ("test_flaky",)


def test_great_expectations__an_exception__is_an_error_with_its_message() -> None:
    report = recorded("great-expectations-1.24.1.json")
    assert [case.outcome for case in report.cases] == ["error", "failed", "passed"]
    assert "does not exist" in report.cases[0].message
    assert report.cases[1].name == "expect_column_values_to_not_be_null(column=a)"
