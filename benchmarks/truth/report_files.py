"""Writes test results in the forms of the tools that people use: one writer a form, with its own counters."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

Tests = Sequence[tuple[str, str]]
"""Name and outcome: `passed`, `failed` or `skipped`."""
Writer = Callable[[Tests, Tests], bytes]
"""Writes the tests of the first list with the counters of the second."""
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


def count(tests: Tests, outcome: str = "") -> int:
    """How many, of one outcome or in all."""
    return sum(not outcome or found == outcome for _, found in tests)


def _case(name: str, outcome: str, inside: str = "") -> str:
    children = {
        PASSED: inside,
        FAILED: '<failure message="assert 0.7 &gt; 0.8"/>',
        SKIPPED: '<skipped message="slow"/>',
    }
    return f'<testcase classname="scoring" name={quoteattr(name)} time="0.01">{children[outcome]}</testcase>'


def _counters(counted: Tests) -> str:
    numbers = (count(counted), count(counted, FAILED), count(counted, SKIPPED))
    return 'tests="{}" failures="{}" errors="0" skipped="{}"'.format(*numbers)


def suite(tests: Tests, counted: Tests, name: str = "scoring", *, own: str = "", inside: str = "") -> str:
    """A `testsuite` of JUnit; `own` is put in beside the tests, `inside` into those that passed."""
    cases = "".join(_case(*test, inside) for test in tests)
    return f"<testsuite name={quoteattr(name)} {_counters(counted)}>{cases}{own}</testsuite>"


def surefire(tests: Tests, counted: Tests) -> bytes:
    """Maven Surefire and unittest: the suite is the root."""
    return suite(tests, counted).encode()


def pytest_xml(tests: Tests, counted: Tests) -> bytes:
    """pytest: a suite within `testsuites`."""
    return f'<testsuites name="pytest tests">{suite(tests, counted, "pytest")}</testsuites>'.encode()


def nested(tests: Tests, counted: Tests) -> bytes:
    """Suites within suites, as Robot Framework and Jest write them, in a name space; prints among the tests."""
    inner = suite(tests, counted, "inner", inside="<system-out>ok</system-out>")
    outer = f'<testsuite name="outer">{inner}</testsuite>'
    return f'<testsuites xmlns="https://schemas.example.org/junit">{outer}</testsuites>'.encode()


def robot(tests: Tests, counted: Tests) -> bytes:
    """Robot Framework's own output.xml."""
    words = {PASSED: "PASS", FAILED: "FAIL", SKIPPED: "SKIP"}
    rows = "".join(f'<test name={quoteattr(n)}><status status="{words[o]}"/></test>' for n, o in tests)
    totals = f'pass="{count(counted, PASSED)}" fail="{count(counted, FAILED)}" skip="{count(counted, SKIPPED)}"'
    worst = "FAIL" if count(counted, FAILED) else "PASS"
    return (
        f'<robot generator="Robot 7.5"><suite name="scoring">{rows}<status status="{worst}"/></suite>'
        f"<statistics><total><stat {totals}>All Tests</stat></total></statistics></robot>"
    ).encode()


def trx(tests: Tests, counted: Tests) -> bytes:
    """Visual Studio's TRX."""
    words = {PASSED: "Passed", FAILED: "Failed", SKIPPED: "NotExecuted"}
    rows = "".join(f'<UnitTestResult testName={quoteattr(n)} outcome="{words[o]}"/>' for n, o in tests)
    failed = count(counted, FAILED)
    counters = f'total="{count(counted)}" passed="{count(counted, PASSED)}" failed="{failed}"'
    return (
        '<TestRun xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010">'
        f'<Results>{rows}</Results><ResultSummary outcome="{"Failed" if failed else "Completed"}">'
        f"<Counters {counters}/></ResultSummary></TestRun>"
    ).encode()


def xunit(tests: Tests, counted: Tests) -> bytes:
    """xUnit.net v2."""
    words = {PASSED: "Pass", FAILED: "Fail", SKIPPED: "Skip"}
    rows = "".join(f'<test name={quoteattr(n)} result="{words[o]}"/>' for n, o in tests)
    totals = f'total="{count(counted)}" passed="{count(counted, PASSED)}" failed="{count(counted, FAILED)}"'
    more = f'skipped="{count(counted, SKIPPED)}" errors="0"'
    assembly = f'<assembly name="m.dll" {totals} {more}><collection>{rows}</collection></assembly>'
    return f"<assemblies>{assembly}</assemblies>".encode()


def nunit(tests: Tests, counted: Tests) -> bytes:
    """NUnit 3."""
    words = {PASSED: "Passed", FAILED: "Failed", SKIPPED: "Skipped"}
    rows = "".join(f'<test-case fullname={quoteattr(n)} result="{words[o]}"/>' for n, o in tests)
    failed, skipped = count(counted, FAILED), count(counted, SKIPPED)
    totals = f'total="{count(counted)}" failed="{failed}" skipped="{skipped}"'
    word = "Failed" if failed else "Passed"
    return f'<test-run result="{word}" {totals}><test-suite>{rows}</test-suite></test-run>'.encode()


def jest(tests: Tests, counted: Tests) -> bytes:
    """Jest and Vitest."""
    words = {PASSED: "passed", FAILED: "failed", SKIPPED: "pending"}
    rows = [{"fullName": name, "status": words[outcome], "failureMessages": []} for name, outcome in tests]
    failed = count(counted, FAILED)
    file = {"name": "a.test.js", "status": "failed" if failed else "passed", "assertionResults": rows}
    totals = {"numTotalTests": count(counted), "numFailedTests": failed, "numRuntimeErrorTestSuites": 0}
    return _json({**totals, "success": not failed, "testResults": [file]})


def mocha(tests: Tests, counted: Tests) -> bytes:
    """Mocha's reporter `json`."""
    names = {"passes": PASSED, "failures": FAILED, "pending": SKIPPED}
    stats = {"tests": count(counted)} | {name: count(counted, outcome) for name, outcome in names.items()}
    listed = {
        name: [{"fullTitle": title, "err": {}} for title, found in tests if found == outcome]
        for name, outcome in names.items()
    }
    return _json({"stats": stats, **listed})


def playwright(tests: Tests, counted: Tests) -> bytes:
    """Playwright's reporter `json`."""
    words = {PASSED: "expected", FAILED: "unexpected", SKIPPED: "skipped"}
    specs = [{"title": n, "ok": o != FAILED, "tests": [{"status": words[o], "results": []}]} for n, o in tests]
    stats = {word: count(counted, outcome) for outcome, word in words.items()} | {"flaky": 0}
    return _json({"config": {}, "suites": [{"title": "a.spec.js", "specs": specs}], "errors": [], "stats": stats})


def expectations(tests: Tests, counted: Tests) -> bytes:
    """A validation result of Great Expectations, which skips nothing."""
    rows = [
        {"success": outcome != FAILED, "expectation_config": {"type": name, "kwargs": {"column": "age"}}, "result": {}}
        for name, outcome in tests
    ]
    failed = count(counted, FAILED)
    totals = {"evaluated_expectations": count(counted), "unsuccessful_expectations": failed}
    return _json({"success": not failed, "results": rows, "statistics": totals})


def pytest_json(tests: Tests, counted: Tests) -> bytes:
    """pytest-json-report."""
    rows = [{"nodeid": name, "outcome": outcome} for name, outcome in tests]
    summary = {"total": count(counted), "failed": count(counted, FAILED), "passed": count(counted, PASSED)}
    return _json({"exitcode": int(summary["failed"] > 0), "summary": summary, "tests": rows})


def ctrf(tests: Tests, counted: Tests) -> bytes:
    """The Common Test Report Format."""
    rows = [{"name": name, "status": outcome, "duration": 1} for name, outcome in tests]
    summary = {"tests": count(counted), "failed": count(counted, FAILED), "passed": count(counted, PASSED)}
    return _json({"reportFormat": "CTRF", "results": {"tool": {"name": "t"}, "summary": summary, "tests": rows}})


def dbt(tests: Tests, _: Tests) -> bytes:
    """Dbt's run_results.json, which counts nothing; beside the tests a model that was built."""
    words = {PASSED: "pass", FAILED: "fail", SKIPPED: "no-op"}
    rows = [{"unique_id": f"test.shop.{name}", "status": words[outcome]} for name, outcome in tests]
    schema = {"dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json"}
    return _json({"metadata": schema, "results": [{"unique_id": "model.shop.m", "status": "success"}, *rows]})


def behave(tests: Tests, counted: Tests) -> bytes:
    """Behave's formatter `json`: only the feature's word counts."""
    rows = [
        {"type": "scenario", "name": name, "status": outcome, "steps": [{"name": "s", "result": {"status": outcome}}]}
        for name, outcome in tests
    ]
    word = FAILED if count(counted, FAILED) else PASSED
    return _json([{"keyword": "Feature", "name": "f", "status": word, "elements": rows}])


def scorers(tests: Tests, _: Tests) -> bytes:
    """MLflow's table of evaluated rows; a scorer that skips a row gives no value."""
    words = {PASSED: "yes", FAILED: "no", SKIPPED: None}
    return _json({"columns": ["inputs", "safety/value"], "data": [[name, words[outcome]] for name, outcome in tests]})


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


COUNTING: dict[str, Writer] = {
    "surefire.xml": surefire, "pytest.xml": pytest_xml, "nested.xml": nested, "robot.xml": robot, "results.trx": trx,
    "xunit.xml": xunit, "nunit.xml": nunit, "jest.json": jest, "mocha.json": mocha, "playwright.json": playwright,
    "expectations.json": expectations, "pytest.json": pytest_json, "ctrf.json": ctrf,
}  # fmt: skip
"""Those whose file counts its tests, so that a lost one shows."""
SILENT: dict[str, Writer] = {"run_results.json": dbt, "behave.json": behave, "scorers.json": scorers}
UNSKIPPING = frozenset({"expectations.json", "scorers.json"})
