"""Test results of a version taken together: tags, totals, the verdict, and what is sealed of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.catalogue.test_reports.reading import read_report
from services.domain.catalogue import TestCase, TestReport
from services.domain.checks import Verdict
from services.domain.examined import Examined, LeftOut
from services.domain.test_results import (
    counts_of,
    judge,
    line_of,
    report_of,
    reports_from_tags,
    sealed_report,
    totals,
    unsealed_report,
)
from services.ledger.tree.canonical import canonical_text


def tags(**fields: object) -> dict[str, str]:
    return {f"countersign.test.smoke.{name}": str(value) for name, value in fields.items()}


def test_tags__of_a_pipeline__become_reports() -> None:
    others = {
        "countersign.test.load.passed": "two", "countersign.test.load.failed": "0", "countersign.test.empty.skipped": "0",
        "countersign.testing": "9", "other": "1",
    }  # fmt: skip
    found = {r.title: r for r in reports_from_tags(tags(passed=3, failed=1, url="http://x") | others)}
    assert set(found) == {"smoke", "load", "empty"}
    assert (found["smoke"].passed, found["smoke"].failed, found["smoke"].link) == (3, 1, "http://x")
    assert found["load"].problem
    assert found["empty"].problem == "The tag passed and the tag failed is missing."


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"passed": 3, "failed": 0}, Verdict.PASS), ({"passed": 3, "failed": 0, "exit_code": 0, "not_run": 0}, Verdict.PASS),
        ({"passed": 3, "failed": 0, "exit_code": "unknown"}, Verdict.PASS), ({"passed": 3, "failed": 0, "exit_code": 1}, Verdict.UNKNOWN),
        ({"passed": 3, "failed": 0, "exit_code": "x"}, Verdict.UNKNOWN), ({"passed": 3, "failed": 0, "not_run": 1}, Verdict.UNKNOWN),
        ({"passed": 3, "failed": 0, "not_run": 0}, Verdict.UNKNOWN), ({"passed": 3}, Verdict.UNKNOWN), ({"failed": 0, "exit_code": 0}, Verdict.UNKNOWN), ({"passed": 5, "failed": -2}, Verdict.UNKNOWN),
        ({"passed": 3, "failed": 1, "exit_code": 0}, Verdict.FAIL), ({"passed": 0, "failed": 0, "skipped": 4}, Verdict.UNKNOWN),
    ],
)  # fmt: skip
def test_tags__whatever_they_say__are_judged(fields: dict[str, object], verdict: Verdict) -> None:
    reports = reports_from_tags(tags(**fields))
    assert judge(reports).verdict is verdict
    if verdict is Verdict.UNKNOWN and "skipped" not in fields:
        assert totals(reports) == (None, None)


def test_totals__without_a_report__are_unknown() -> None:
    assert totals([]) == (None, None)
    assert judge([]).sentence == "This version has no test results."


def test_totals__of_skipped_tests_only__name_none_that_passed() -> None:
    report = read_report("t", b'<testsuite><testcase name="a"><skipped/></testcase></testsuite>')
    assert (report.skipped, report.problem) == (1, "")
    assert totals([report]) == (0, 0)


def test_one_report_in_doubt__beside_green_ones__leaves_the_whole_in_doubt() -> None:
    green = TestReport("a", "s", "", 3, 0, 0)
    short = TestReport("b", "s", "", 3, 0, 0, examined=Examined(left_out=(LeftOut("1 of 2 files", "a limit"),)))
    assert judge([green]).sentence == "Every test passed."
    for reports in ([green, short], [short, green]):
        assert (judge(reports).verdict, totals(reports)) == (Verdict.UNKNOWN, (None, None))


def many_failed(number: int) -> TestReport:
    return report_of("t", "s", [TestCase(f"test_{n}", "failed", 0.1, "no") for n in range(number)])


def test_sealed_report__with_more_failures_than_are_sealed__says_so() -> None:
    sealed = sealed_report(many_failed(250))
    assert len(sealed["cases"]) == 100
    assert sealed["cases_left_out"]["what"] == "150 of 250 tests that did not pass"
    assert "cases_left_out" not in sealed_report(many_failed(100))
    assert sealed_report(many_failed(3_000))["cases_left_out"]["what"] == "2,900 of 3,000 tests that did not pass"


def test_sealed_report__of_a_plain_one__has_the_form_it_always_had() -> None:
    report = report_of(
        "t", "s", [TestCase("a", "passed"), TestCase("b", "failed", 1.0, "no", "c"), TestCase("d", "skipped")]
    )
    assert sealed_report(report) == {
        "title": "t", "source": "s", "link": "", "passed": 1, "failed": 1, "skipped": 1, "problem": "",
        "cases": [{"name": "b", "outcome": "failed", "seconds": 1.0, "message": "no", "suite": "c"}],
    }  # fmt: skip


def test_sealed_report__read_back__is_judged_as_before() -> None:
    left_out = Examined(3, 4, "files", (LeftOut("1 of 4 files", "a limit"),))
    for report in (
        many_failed(120), TestReport("t", "s", "", 3, 0, 0, exit_code=1, contradictions=("It ended with 1.",)),
        TestReport("t", "s", "", 3, 0, 0, not_run=1), TestReport("t", "s", "", 3, 0, 0, flaky=("a", "b"), warned=2),
        TestReport("t", "s", "", 3, 0, 0, examined=left_out), TestReport("t", "s", "", 0, 0, 0, problem="It is not XML."),
    ):  # fmt: skip
        kept: dict[str, Any] = json.loads(canonical_text(sealed_report(report)))
        again = unsealed_report(kept)
        assert judge([again]) == judge([report])
        assert line_of(again) == line_of(report)


def test_report__sealed_by_an_earlier_version__is_read() -> None:
    old = {"title": "t", "source": "s", "link": "", "passed": 2, "failed": 0, "skipped": 1, "cases": [], "problem": ""}
    assert judge([unsealed_report(old)]).verdict is Verdict.PASS
    assert line_of(unsealed_report(old)) == "2 passed, 0 failed, 1 skipped"


def test_words__for_counts__name_what_there_is() -> None:
    report = TestReport("t", "s", "", 3, 0, 2, not_run=1, warned=4)
    assert counts_of([report]) == "3 passed, 0 failed, 2 skipped, 4 gave a warning, 1 not run"
    assert line_of(report) == "3 passed, 0 failed, 2 skipped, 4 warning, 1 not run"
    only_warned = TestReport("t", "s", "", 3, 0, 0, warned=1)
    assert judge([only_warned]).verdict is Verdict.WARN


def test_reports__without_any_test__say_so_and_speak_of_no_skipped_ones() -> None:
    judged = judge([TestReport("a", "s", "", 0, 0, 0)])
    assert judged.verdict is Verdict.UNKNOWN
    assert judged.sentence == "The reports list no test."
