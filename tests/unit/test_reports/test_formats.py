"""Formats whose tools are not at hand, after their published descriptions; and the words that each knows."""

from __future__ import annotations

import json

import pytest

from services.catalogue.test_reports.reading import read_report
from services.domain.catalogue import TestReport
from services.domain.checks import Verdict
from services.domain.test_results import judge


def trx(results: str, *, counters: str = "", outcome: str = "Completed", infos: str = "") -> TestReport:
    return read_report("r.trx", (
        '<TestRun xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010"><Results>' + results + "</Results>"
        f'<ResultSummary outcome="{outcome}"><Counters {counters}/><RunInfos>{infos}</RunInfos></ResultSummary></TestRun>'
    ).encode())  # fmt: skip


def row(outcome: str, name: str = "a") -> str:
    return f'<UnitTestResult testName="{name}" outcome="{outcome}" duration="00:00:01.5000000"/>'


def test_trx__outcomes__are_read() -> None:
    report = trx(
        row("Passed") + row("Failed") + row("NotExecuted") + row("Timeout") + row("Inconclusive"), outcome="Failed"
    )
    assert (report.passed, report.failed, report.skipped, report.not_run) == (1, 2, 1, 1)
    assert report.cases[0].seconds == 1.5


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"counters": 'total="1" passed="1" failed="0"'}, Verdict.PASS), ({"outcome": "Failed"}, Verdict.UNKNOWN),
        ({"counters": 'total="2" passed="1" failed="0"'}, Verdict.UNKNOWN), ({"counters": 'total="1" failed="1"'}, Verdict.UNKNOWN),
        ({"counters": 'total="1" aborted="1"'}, Verdict.UNKNOWN), ({"outcome": "Aborted"}, Verdict.UNKNOWN),
        ({"infos": '<RunInfo outcome="Error"><Text>test host process crashed</Text></RunInfo>'}, Verdict.FAIL),
    ],
)  # fmt: skip
def test_trx__summary_against_its_tests__decides(changes: dict[str, str], verdict: Verdict) -> None:
    assert judge([trx(row("Passed"), **changes)]).verdict is verdict


def test_nunit_and_xunit__results__are_read() -> None:
    nunit = read_report("n.xml", (
        b'<test-run result="Failed" total="3" failed="1"><test-suite><test-case fullname="a" result="Passed"/>'
        b'<test-case fullname="b" result="Failed" label="Error"><failure><message>x</message></failure></test-case>'
        b'<test-case fullname="c" result="Inconclusive"/></test-suite></test-run>'
    ))  # fmt: skip
    assert (nunit.passed, nunit.failed, nunit.not_run, nunit.cases[1].outcome) == (1, 1, 1, "error")
    xunit = (
        b'<assemblies><assembly name="m.dll" total="2" passed="1" failed="0" skipped="1" errors="0"><errors/><collection>'
        b'<test name="a" result="Pass" time="0.1"/><test name="b" result="Skip"><reason>later</reason></test></collection>'
        b"</assembly></assemblies>"
    )
    assert judge([read_report("x.xml", xunit)]).verdict is Verdict.PASS
    for old, new in ((b'failed="0"', b'failed="1"'), (b'errors="0"', b'errors="1"'), (b'total="2"', b'total="3"')):
        assert judge([read_report("x.xml", xunit.replace(old, new))]).verdict is Verdict.UNKNOWN
    broken = xunit.replace(b"<errors/>", b'<errors><error name="m"><failure/></error></errors>')
    assert judge([read_report("x.xml", broken)]).verdict is Verdict.FAIL


def table(columns: list[str], *rows: list[object]) -> TestReport:
    return read_report("t.json", json.dumps({"columns": columns, "data": rows}).encode())


def test_mlflow_table__what_scorers_said__are_tests() -> None:
    report = table(
        ["inputs", "safety/value", "safety/error_message", "right/value"],
        ["q", "yes", None, True], ["q", "no", None, None], ["q", None, "rate limit", True],
    )  # fmt: skip
    assert [(c.suite, c.outcome) for c in report.cases] == [
        ("safety", "passed"), ("safety", "failed"), ("safety", "error"), ("right", "passed"), ("right", "passed"),
    ]  # fmt: skip


def test_mlflow_table__a_number_without_what_passes__is_not_judged() -> None:
    found = judge([table(["safety/value", "length/value"], ["yes", 0.7])])
    assert found.verdict is Verdict.UNKNOWN
    silent = judge([table(["safety/value", "right/value"], ["yes", None])])
    assert (silent.verdict, "scorer right not checked" in silent.sentence) == (Verdict.UNKNOWN, True)


def dbt(*rows: tuple[str, str]) -> TestReport:
    schema = {"dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json"}
    listed = [{"unique_id": name, "status": status, "execution_time": 0.1} for name, status in rows]
    return read_report("run_results.json", json.dumps({"metadata": schema, "results": listed}).encode())


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ([("test.p.a", "pass"), ("unit_test.p.b", "pass"), ("model.p.m", "success")], Verdict.PASS),
        ([("test.p.a", "pass"), ("test.p.b", "warn")], Verdict.WARN), ([("test.p.a", "pass"), ("model.p.m", "error")], Verdict.FAIL),
        ([("test.p.a", "pass"), ("test.p.b", "skipped")], Verdict.UNKNOWN), ([("test.p.a", "")], Verdict.UNKNOWN),
        ([("model.p.m", "success")], Verdict.UNKNOWN), ([], Verdict.UNKNOWN),
    ],
)  # fmt: skip
def test_dbt__statuses__are_judged(rows: list[tuple[str, str]], verdict: Verdict) -> None:
    assert judge([dbt(*rows)]).verdict is verdict


def test_ctrf__is_read() -> None:
    value = {"results": {"tool": {"name": "x"}, "summary": {"tests": 2, "failed": 0}, "tests": [
        {"name": "a", "status": "passed", "flaky": True}, {"name": "b", "status": "skipped"}]}}  # fmt: skip
    report = read_report("ctrf.json", json.dumps(value).encode())
    assert (report.passed, report.skipped, report.flaky, judge([report]).verdict) == (1, 1, ("a",), Verdict.PASS)
    value["results"]["tests"][1]["status"] = "other"  # type: ignore[index]
    assert judge([read_report("ctrf.json", json.dumps(value).encode())]).verdict is Verdict.UNKNOWN
