"""Test reports: what cannot be read never counts as passed, and what nobody says is not zero."""

from __future__ import annotations

import pytest

from services.catalogue.test_reports.reading import read_report
from services.domain.test_results import judge, reports_from_tags, totals

SUITE = b"""<testsuites><testsuite name="s">
<testcase classname="c" name="passes" time="0.25"/>
<testcase classname="c" name="fails" time="1"><failure message="boom">trace</failure></testcase>
<testcase classname="c" name="breaks"><error>stack</error></testcase>
<testcase classname="c" name="skips" time="soon"><skipped/></testcase>
<testcase/>
</testsuite></testsuites>"""


def test_junit__with_every_outcome__is_read() -> None:
    report = parse_junit(SUITE, title="t", source="s")
    assert (report.passed, report.failed, report.skipped, report.problem) == (2, 2, 1, "")
    assert [c.outcome for c in report.cases] == ["passed", "failed", "error", "skipped", "passed"]
    assert [c.seconds for c in report.cases] == [0.25, 1.0, None, None, None]
    assert [c.message for c in report.cases][1:3] == ["boom", "stack"]
    assert report.cases[-1].name == "unnamed"


@pytest.mark.parametrize(
    "data",
    [
        b"", b"not xml", b"<html/>", b"<testsuite", b"\xff\xfe\x00", b"<testsuite/>", b'<?xml version="1.0" encoding="no-such"?><testsuite/>', b'{"a": 1}',
        b'<!DOCTYPE x [<!ENTITY a "b">]><testsuite/>',
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><testsuite><testcase name="&a;"/></testsuite>',
        '<!DOCTYPE x [<!ENTITY a "b">]><testsuite/>'.encode("utf-16"),
    ],
)  # fmt: skip
def test_junit__that_makes_no_sense__is_a_problem_and_counts_as_failed(data: bytes) -> None:
    report = parse_junit(data, title="t", source="s")
    assert report.problem
    assert report.cases == ()
    assert totals([report]) == (0, 1)


def test_junit__long_message__is_cut() -> None:
    data = b'<testsuite><testcase name="a"><failure message="' + b"x" * 10_000 + b'"/></testcase></testsuite>'
    assert len(parse_junit(data, title="t", source="s").cases[0].message) == 2000


def test_tags__of_a_pipeline__become_reports() -> None:
    tags = {
        "countersign.test.smoke.passed": "3", "countersign.test.smoke.failed": "1", "countersign.test.smoke.url": "http://x",
        "countersign.test.load.passed": "two", "countersign.test.empty.skipped": "0", "countersign.testing": "9", "other": "1",
    }  # fmt: skip
    found = {r.title: r for r in reports_from_tags(tags)}
    assert set(found) == {"smoke", "load", "empty"}
    assert (found["smoke"].passed, found["smoke"].failed, found["smoke"].link) == (3, 1, "http://x")
    assert found["load"].problem
    assert found["empty"].problem


def test_tags__with_negative_numbers__are_a_problem() -> None:
    (report,) = reports_from_tags({"countersign.test.smoke.passed": "5", "countersign.test.smoke.failed": "-2"})
    assert report.problem
    assert totals([report]) == (0, 1)


def test_totals__without_a_report__are_unknown() -> None:
    assert totals([]) == (None, None)


def test_totals__of_skipped_tests_only__name_none_that_passed() -> None:
    report = parse_junit(b'<testsuite><testcase name="a"><skipped/></testcase></testsuite>', title="t", source="s")
    assert (report.skipped, report.problem) == (1, "")
    assert totals([report]) == (0, 0)
