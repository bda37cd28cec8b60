"""The steps that run tests and record them: how the step ended stands beside what the report says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from services.domain.checks import Verdict
from services.domain.test_results import judge, reports_from_tags
from tests.integration.pipelines.answering import answering
from tests.integration.pipelines.steps import issue, run_step

GREEN = '<testsuite tests="1" failures="0"><testcase name="a"/></testsuite>'


def record(report: Path, *more: str) -> dict[str, str]:
    """The tags that the step writes."""
    with answering(lambda _: (200, {})) as mlflow:
        done = run_step(
            "record_results", "--mlflow-url", mlflow.url, "--model", "m", "--version", "3", "--name", "unit",
            "--report", str(report), "--run-url", "http://ado/my run", *more,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return {asked.body["key"]: asked.body["value"] for asked in mlflow.asked}


def verdict(tags: dict[str, str]) -> Verdict:
    return judge(reports_from_tags(tags)).verdict


def run_tests(report: Path, code: str, *more: str) -> int:
    done = run_step("run_tests", "--report", str(report), *more, "--", sys.executable, "-c", code)
    assert "Traceback" not in done.stderr
    return done.returncode


def test_green_report__of_a_command_that_failed__is_recorded_as_contradicted(tmp_path: Path) -> None:
    """Case 32: the pipeline step records how the tests ended."""
    report = tmp_path / "unit.xml"
    report.write_text("of an earlier run")
    assert run_tests(report, f"open({str(report)!r}, 'w').write({GREEN!r}); raise SystemExit(3)") == 3
    assert (tmp_path / "unit.xml.exit_code").read_text() == "3"
    tags = record(report)
    assert list(tags)[-1] == "countersign.test.unit.passed"
    assert tags == {
        "countersign.test.unit.url": "http://ado/my%20run", "countersign.test.unit.exit_code": "3", "countersign.test.unit.failed": "0",
        "countersign.test.unit.not_run": "0", "countersign.test.unit.skipped": "0", "countersign.test.unit.passed": "1",
    }  # fmt: skip
    assert verdict(tags) is Verdict.UNKNOWN


def test_green_report__of_a_command_that_ended_well__is_green(tmp_path: Path) -> None:
    report = tmp_path / "unit.xml"
    assert run_tests(report, f"open({str(report)!r}, 'w').write({GREEN!r})") == 0
    assert verdict(record(report)) is Verdict.PASS


def test_command__that_writes_no_report_or_takes_too_long__fails_the_step(tmp_path: Path) -> None:
    report = tmp_path / "unit.xml"
    report.write_text(GREEN)
    assert run_tests(report, "pass") == 1
    assert not report.exists()
    assert run_tests(report, "import time; time.sleep(60)", "--seconds", "0.5") == 1
    assert (tmp_path / "unit.xml.exit_code").read_text() == "1"
    assert "cannot be started" in issue(run_step("run_tests", "--report", str(report), "--", "no-such-program"))


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        (GREEN, (1, 0, 0, 0)), ('<testsuite tests="3"><testcase name="a"/></testsuite>', (1, 0, 0, 2)),
        ('<testsuite failures="2"><testcase name="a"/></testsuite>', (1, 0, 0, 2)),
        ('<testsuite><testcase name="a"/><error message="gone"/></testsuite>', (1, 1, 0, 0)),
        ('<testsuite xmlns="urn:x"><testcase name="a" status="failed"/></testsuite>', (0, 1, 0, 0)),
        ('<testsuite><testcase name="a" status="notrun"><skipped message="Unable to find executable"/></testcase></testsuite>', (0, 0, 0, 1)),
        ('<testsuite><testcase name="a" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/></testcase></testsuite>', (0, 0, 1, 0)),
        ('<testsuite><testcase name="a" status="notrun" result="suppressed"/></testsuite>', (0, 0, 1, 0)),
        ('<testsuite><testcase name="a"><FAILURE/></testcase><testcase name="b"><timeout/></testcase></testsuite>', (0, 1, 0, 1)),
        ('<testsuite><testcase name="a" success="false"/><testcase name="b" executed="False"/></testsuite>', (0, 1, 0, 1)),
        ('<testsuite tests="1" Failures="1"><testcase name="a"><flakyFailure/></testcase></testsuite>', (1, 0, 0, 1)),
        ('<testsuite tests="1" failed="1"><testcase name="a"/></testsuite>', (1, 0, 0, 1)),
        ('<testsuite name="pytest" tests="4" failures="0"><testcase name="a"/></testsuite>', (1, 0, 0, 0)),
    ],
)  # fmt: skip
def test_counts__of_a_report__leave_nothing_green_that_is_not_clear(
    text: str, counts: tuple[int, int, int, int], tmp_path: Path
) -> None:
    report = tmp_path / "unit.xml"
    report.write_text(text)
    tags = record(report, "--exit-code", "0")
    names = ("passed", "failed", "skipped", "not_run")
    assert tuple(int(tags[f"countersign.test.unit.{name}"]) for name in names) == counts


def test_record__of_what_makes_no_sense__says_so(tmp_path: Path) -> None:
    report = tmp_path / "unit.xml"
    common = ("--mlflow-url", "http://127.0.0.1:9", "--model", "m", "--version", "3", "--name", "u", "--run-url", "x")
    for text, said in (
        ("", "There is no report"),
        ("<x", "is not XML"),
        ('<testsuite tests="many"/>', "is not a number"),
    ):
        if text:
            report.write_text(text)
        assert said in issue(run_step("record_results", *common, "--report", str(report)))
    report.write_text(GREEN)
    assert "is not a number" in issue(
        run_step("record_results", *common, "--report", str(report), "--exit-code", "bad")
    )


def test_tries_of_one_test__counted_once_by_the_suite__are_one(tmp_path: Path) -> None:
    """Case 28: pytest-rerunfailures writes an element a try, and only the counter tells."""
    report = tmp_path / "unit.xml"
    report.write_text('<testsuite tests="1">' + '<testcase classname="s" name="a"/>' * 3 + "</testsuite>")
    assert record(report)["countersign.test.unit.passed"] == "1"


def test_tests_of_one_name__counted_each_by_the_suite__stay_apart(tmp_path: Path) -> None:
    report = tmp_path / "unit.xml"
    report.write_text('<testsuite tests="2"><testcase name="a"/><testcase name="a"><error/></testcase></testsuite>')
    tags = record(report)
    assert (tags["countersign.test.unit.passed"], tags["countersign.test.unit.failed"]) == ("1", "1")


@pytest.mark.parametrize(("kind", "failed"), [("testCodeFailure", "0"), ("AssertionError", "1")])
def test_todo__of_nodes_own_runner__does_not_count_as_failed(tmp_path: Path, kind: str, failed: str) -> None:
    """Case 29: beside any other writer a failure stays a failure."""
    inner = f'<skipped type="todo"/><failure type="{kind}"/>'
    report = tmp_path / "unit.xml"
    report.write_text(f'<testsuites><testcase name="a">{inner}</testcase><testcase name="b"/></testsuites>')
    tags = record(report)
    assert (tags["countersign.test.unit.passed"], tags["countersign.test.unit.failed"]) == ("1", failed)
