"""Test reports: what cannot be read never counts as passed, and what nobody says is not zero."""

from __future__ import annotations

import pytest

from services.catalogue.test_reports.documents import MAX_BYTES, MAX_DEPTH
from services.catalogue.test_reports.reading import is_other_file, read_report
from services.domain.checks import Verdict
from services.domain.test_results import judge, totals

SUITE = b"""<testsuites><testsuite name="s">
<testcase classname="c" name="passes" time="0.25"/>
<testcase classname="c" name="fails" time="1"><failure message="boom">trace</failure></testcase>
<testcase classname="c" name="breaks"><error>stack</error></testcase>
<testcase classname="c" name="skips" time="soon"><skipped/></testcase>
<testcase/>
</testsuite></testsuites>"""


def test_junit__with_every_outcome__is_read() -> None:
    report = read_report("t", SUITE)
    assert (report.passed, report.failed, report.skipped, report.problem) == (2, 2, 1, "")
    assert [c.outcome for c in report.cases] == ["passed", "failed", "error", "skipped", "passed"]
    assert [c.seconds for c in report.cases] == [0.25, 1.0, None, None, None]
    assert [c.message for c in report.cases][1:3] == ["boom", "stack"]
    assert report.cases[-1].name == "unnamed"


@pytest.mark.parametrize(
    "data",
    [
        b"", b"not xml", b"<html/>", b"<testsuite", b"\xff\xfe\x00", b"<testsuite/>", b'<?xml version="1.0" encoding="no-such"?><testsuite/>',
        b'<testsuite tests="0"/>', b'{"results": 1}', b'{"success": true, "success": false}', b"{", b"[" * 200_000, b'{"a": NaN, "results": []}',
        b'<!DOCTYPE x [<!ENTITY a "b">]><testsuite/>', b"<!DOCTYPE testsuite><testsuite><testcase name='a'/></testsuite>",
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><testsuite><testcase name="&a;"/></testsuite>',
        '<!DOCTYPE x [<!ENTITY a "b">]><testsuite/>'.encode("utf-16"), b"<testsuite>" + b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH + b"</testsuite>",
        b'{"testResults": []}', b'{"testResults": 5}', b'{"metadata": {"dbt_schema_version": "https://x/run-results/v6.json"}}',
        b'{"statistics": {"evaluated_expectations": 3}, "results": [], "success": true}', b'{"stats": {"passes": 1, "failures": 0}}',
        b'{"columns": ["safety/value"], "data": [["yes", 1]]}', b'{"columns": ["safety/value"], "data": []}', b'[{"keyword": "Feature"}]',
        b"<robot/>", b"<TestRun/>", b"<test-run/>", b"<assemblies/>", b'{"results": {"tool": {}, "summary": {}}}',
        b"<testsuite><testcase name='a'/></testsuite>" + b" " * MAX_BYTES,
    ],
)  # fmt: skip
def test_report__that_makes_no_sense__is_a_problem_and_never_green(data: bytes) -> None:
    report = read_report("t", data)
    assert report.problem
    assert report.cases == ()
    assert totals([report]) == (None, None)
    assert judge([report]).verdict is Verdict.UNKNOWN
    good = read_report("good.xml", b"<testsuite><testcase name='a'/></testsuite>")
    assert judge([good, report]).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    "data", [b"<coverage line-rate='1'/>", b'{"threshold": 3}', b"[1, 2]", b'{"columns": ["a"], "data": [[1]]}']
)
def test_file__that_holds_something_else__is_named_and_not_counted(data: bytes) -> None:
    report = read_report("tests/other", data)
    assert is_other_file(report)
    assert report.examined.left_out[0].what == "tests/other"
    assert judge([report]).verdict is Verdict.UNKNOWN


def test_junit__long_message__is_cut() -> None:
    data = b'<testsuite><testcase name="a"><failure message="' + b"x" * 10_000 + b'"/></testcase></testsuite>'
    assert len(read_report("t", data).cases[0].message) == 2000


def test_junit__more_tests_than_are_listed__counts_all_and_lists_failures_first() -> None:
    cases = "".join(f'<testcase name="{n}"/>' for n in range(2_500)) + '<testcase name="last"><failure/></testcase>'
    report = read_report("t", f'<testsuite tests="2501">{cases}</testsuite>'.encode())
    assert (report.passed, report.failed, len(report.cases), report.unlisted) == (2_500, 1, 2_000, 501)
    assert report.cases[0].name == "last"
