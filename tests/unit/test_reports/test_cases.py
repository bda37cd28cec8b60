"""Reports from the field: each of these was once shown as green, or as red, and was not."""

from __future__ import annotations

import pytest

from services.catalogue.test_reports.reading import read_report
from services.domain.catalogue import TestReport
from services.domain.checks import Verdict
from services.domain.test_results import judge


def read(text: str, *, exit_code: int | None = None) -> TestReport:
    return read_report("tests/report.xml", text.encode(), exit_code=exit_code)


def outcomes(report: TestReport) -> list[str]:
    return [case.outcome for case in report.cases]


def suite(cases: str, **counters: object) -> str:
    listed = " ".join(f'{name}="{value}"' for name, value in counters.items())
    return f'<testsuite name="s" {listed}>{cases}</testsuite>'


def test_suite__with_an_error_of_its_own__has_failed() -> None:
    """Case 11."""
    report = read(
        '<testsuites tests="2" failures="0" errors="1"><testsuite name="scoring" tests="2" failures="0" errors="1">'
        '<testcase classname="scoring" name="loads"/><testcase classname="scoring" name="answers"/>'
        '<error message="the container stopped">exit 137</error></testsuite></testsuites>'
    )
    assert (report.passed, report.failed) == (2, 1)
    assert report.cases[-1].name == "suite scoring"
    assert judge([report]).verdict is Verdict.FAIL


def test_counters__that_say_more_than_is_listed__are_not_green() -> None:
    """Case 12."""
    three = "".join(f'<testcase classname="c" name="{n}"/>' for n in range(3))
    for counters, said in (
        ({"tests": 5, "failures": 2, "errors": 0}, "counts 2 failed tests and lists 0"),
        ({"tests": 5}, "counts 5 tests and lists 3"),
        ({"tests": 3, "skipped": 1}, "counts 1 skipped tests and lists 0"),
        ({"tests": 3, "failures": "many"}, "is not a whole number"),
    ):
        found = judge([read(suite(three, **counters))])
        assert found.verdict is Verdict.UNKNOWN
        assert said in found.sentence


def test_counters__that_say_less_than_is_listed__are_no_reason_for_doubt() -> None:
    """Case 30: nose2 counted no test at all, and mocha counts skipped tests below zero where a hook failed."""
    two = '<testcase classname="c" name="a"/><testcase classname="c" name="b"/>'
    for counters in ({"tests": 0}, {"tests": 2, "skipped": -2}, {"tests": ""}):
        assert judge([read(suite(two, **counters))]).verdict is Verdict.PASS


def test_counters__without_any_test__are_not_green() -> None:
    report = read(suite("", tests=5))
    assert report.problem == "The file counts 5 tests and lists none."
    assert judge([report]).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("attributes", "outcome"),
    [
        ('status="notrun" result="suppressed"', "disabled"), ('status="disabled"', "disabled"), ('status="skipped"', "skipped"),
        ('status="failed"', "failed"), ('status="FAIL"', "failed"), ('result="failed"', "failed"), ('status="error"', "error"),
        ('status="run" result="completed"', "passed"), ('status="passed"', "passed"), ('status="notrun"', "not run"),
        ('status="untested"', "not run"), ('status="exploded"', "not run"), ('result="inconclusive"', "not run"),
    ],
)  # fmt: skip
def test_status__of_a_test__counts(attributes: str, outcome: str) -> None:
    """Case 13."""
    assert outcomes(read(suite(f'<testcase classname="c" name="a" {attributes}/>'))) == [outcome]


@pytest.mark.parametrize(
    ("case", "outcome"),
    [
        ("<FAILURE/>", "failed"), ("<Error/>", "error"), ("<timeout/>", "not run"), ("<timed-out/>", "not run"),
        ("<exception>x</exception>", "not run"), ("<assertionFailure/>", "not run"),
        ("<system-err>error: failed</system-err><properties/>", "passed"), ("<attachments/>", "passed"),
    ],
)  # fmt: skip
def test_element__that_says_the_test_did_not_pass__counts_in_any_spelling(case: str, outcome: str) -> None:
    assert outcomes(read(suite(f'<testcase classname="c" name="a">{case}</testcase>'))) == [outcome]


@pytest.mark.parametrize(
    ("attributes", "outcome"),
    [('success="false"', "failed"), ('success="True"', "passed"), ('executed="False"', "not run"), ('executed="true"', "passed"),
     ('passed="false"', "failed"), ('outcome="failed"', "failed"), ('outcome="what"', "not run")],
)  # fmt: skip
def test_attribute__that_few_writers_use__counts(attributes: str, outcome: str) -> None:
    assert outcomes(read(suite(f'<testcase classname="c" name="a" {attributes}/>'))) == [outcome]


@pytest.mark.parametrize("counter", ["failed", "Failures", "FAILED", "broken", "Errors"])
def test_counter_of_failures__by_another_name__is_not_green(counter: str) -> None:
    case = '<testcase classname="c" name="a"/>'
    assert judge([read(suite(case, tests=1, **{counter: 1}))]).verdict is Verdict.UNKNOWN
    assert judge([read(suite(case, tests=1, **{counter: 0}))]).verdict is Verdict.PASS


def test_disabled_tests__of_google_test__are_left_out_on_purpose() -> None:
    """Case 13: not run on purpose is skipped, and only skipped tests test nothing."""
    case = '<testcase name="DISABLED_Parity" status="notrun" classname="Scorer"/>'
    counted = '<testcase name="Parity" status="notrun" classname="Scorer"/>'
    for report in (read(suite(case)), read(suite(counted, disabled=1))):
        assert (report.passed, report.skipped) == (0, 1)
        assert judge([report]).sentence == "Every test was skipped; nothing was tested."


def ctest(message: str) -> TestReport:
    return read(suite(
        '<testcase name="ok" classname="ok" status="run"/>'
        f'<testcase name="other" classname="other" status="notrun"><skipped message="{message}"/></testcase>',
        tests=2, failures=0, disabled=0, skipped=1,
    ))  # fmt: skip


def test_ctest__a_test_that_could_not_run__is_not_green() -> None:
    """Case 27."""
    for message in ("Unable to find executable", "Fixture dependency failed"):
        report = ctest(message)
        assert (report.passed, report.not_run, judge([report]).verdict) == (1, 1, Verdict.UNKNOWN)
        assert "1 test was not run" in judge([report]).sentence


def test_ctest__a_test_that_skipped_itself__is_skipped() -> None:
    """Cases 26 and 27: a disabled test is skipped, as is one that asked for it."""
    for message in ("SKIP_RETURN_CODE=77", "SKIP_REGULAR_EXPRESSION_MATCHED"):
        report = ctest(message)
        assert (report.passed, report.skipped, judge([report]).verdict) == (1, 1, Verdict.PASS)
    report = read(suite('<testcase name="a" status="run"/><testcase name="b" status="disabled"/>', tests=2, disabled=1))
    assert (report.passed, report.skipped, judge([report]).verdict) == (1, 1, Verdict.PASS)


TRY = '<testcase classname="scoring" name="test_latency"/>'


def test_tries__each_with_an_element__are_one_test_where_the_counters_say_so() -> None:
    """Case 28."""
    report = read(suite(TRY * 3, tests=1, failures=0, errors=0))
    assert (report.passed, report.flaky) == (1, ("test_latency",))
    assert report.cases[0].message == "passed on try 3"
    assert "Flaky" in judge([report]).sentence


def test_tests_of_one_name__stay_apart_where_the_counters_count_each() -> None:
    """Case 28: a failure and a tear-down error are two elements of one name."""
    report = read(suite(TRY * 3, tests=3, failures=0))
    assert (report.passed, report.flaky) == (3, ())
    failed = '<testcase classname="scoring" name="test_latency"><failure/></testcase>'
    twice = '<testcase classname="scoring" name="test_latency"><error/></testcase>'
    report = read(suite(failed + twice, tests=2, failures=1, errors=1))
    assert (report.passed, report.failed) == (0, 2)


def test_tries__of_which_one_failed__are_not_folded_into_a_pass() -> None:
    failed = '<testcase classname="scoring" name="test_latency"><failure/></testcase>'
    assert read(suite(failed + TRY, tests=1, failures=0)).failed == 1
    assert (read(suite(TRY * 2 + failed, tests=1, failures=1)).failed) == 1


def test_reruns__of_surefire__pass_only_where_the_last_try_did() -> None:
    flaky = '<testcase classname="s" name="a"><flakyFailure message="timeout">x</flakyFailure></testcase>'
    report = read(suite(flaky, tests=1, failures=0, flakes=1))
    assert (report.passed, report.flaky, judge([report]).verdict) == (1, ("a",), Verdict.PASS)
    failed = '<testcase name="a"><failure/><rerunFailure/></testcase>'
    lost = '<testcase name="a"><rerunFailure message="timeout"/></testcase>'
    assert [read(suite(case)).failed for case in (failed, lost)] == [1, 1]


NODE_TODO = (
    '<testcase name="later" classname="test" failure="not yet"><skipped type="todo" message="later"/>'
    '<failure type="testCodeFailure" message="not yet"/></testcase>'
)


def test_node__a_failing_test_that_is_to_do__is_to_do() -> None:
    """Case 29."""
    report = read(f'<testsuites>{NODE_TODO}<testcase name="scores" classname="test"/></testsuites>')
    assert outcomes(report) == ["to do", "passed"]
    assert judge([report]).verdict is Verdict.PASS


def test_todo__beside_a_failure_in_any_other_file__stays_a_failure() -> None:
    """Case 29: beside any other writer."""
    for text in (
        f'<testsuites name="mine">{NODE_TODO}</testsuites>',
        f"<testsuite>{NODE_TODO}</testsuite>",
        f'<testsuites>{NODE_TODO}<testcase name="x" classname="other"/></testsuites>',
        f"<testsuites>{NODE_TODO.replace('testCodeFailure', 'AssertionError')}</testsuites>",
    ):
        assert read(text).failed == 1


def test_node__a_summary_that_counts_more_failures__is_not_green() -> None:
    text = '<testsuites><testcase name="a" classname="test"/><!-- tests 1 --><!-- fail 1 --></testsuites>'
    assert judge([read(text)]).verdict is Verdict.UNKNOWN
    assert judge([read(text.replace("fail 1", "fail 0"))]).verdict is Verdict.PASS


def test_subtests_of_pytest__counted_and_not_listed__agree() -> None:
    """Case 30."""
    case = '<testcase classname="g" name="t"><failure message="[b]"/><failure message="contains 1 failed subtest"/></testcase>'
    text = f'<testsuites><testsuite name="pytest" errors="0" failures="2" skipped="0" tests="4">{case}</testsuite></testsuites>'
    report = read(text)
    assert (report.passed, report.failed, report.contradictions) == (0, 1, ())
    green = text.replace(case, '<testcase classname="g" name="t"/>')
    assert judge([read(green)]).verdict is Verdict.UNKNOWN, "two failures are counted"
    assert judge([read(green.replace('failures="2"', 'failures="0"'))]).verdict is Verdict.PASS


def test_green_report__of_a_step_that_failed__is_contradicted() -> None:
    """Case 32."""
    text = suite('<testcase name="a"/>', tests=1)
    assert judge([read(text, exit_code=0)]).verdict is Verdict.PASS
    report = read(text, exit_code=137)
    assert (report.exit_code, judge([report]).verdict) == (137, Verdict.UNKNOWN)


def test_namespace_and_encoding__of_any_kind__are_read() -> None:
    spaced = '<testsuites xmlns="https://schemas.example.org/j"><testsuite tests="1"><testcase name="a"/></testsuite></testsuites>'
    assert read(spaced).passed == 1
    latin = '<?xml version="1.0" encoding="ISO-8859-1"?><testsuite><testcase name="größe"><failure message="zu groß"/></testcase></testsuite>'
    report = read_report("r.xml", latin.encode("latin-1"))
    assert (report.cases[0].name, report.cases[0].message) == ("größe", "zu groß")
