"""Reports of .NET: Visual Studio's TRX (`dotnet test --logger trx`), NUnit 3 and xUnit.net v2."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from services.catalogue.test_reports.documents import (
    Reading,
    UnreadableError,
    child,
    children,
    local,
    more_than_listed,
    seconds,
    shortened,
    whole_number,
)
from services.domain import test_results as results
from services.domain.catalogue import TestCase

_TRX = {
    "Passed": results.PASSED, "Failed": results.FAILED, "Error": results.ERROR, "Timeout": results.FAILED,
    "Aborted": results.ERROR, "NotExecuted": results.SKIPPED,
}  # fmt: skip
_TRX_FAILED = ("failed", "error", "timeout", "aborted", "passedButRunAborted")
_NUNIT = {"Passed": results.PASSED, "Failed": results.FAILED, "Skipped": results.SKIPPED, "Warning": results.WARNED}
_XUNIT = {"Pass": results.PASSED, "Fail": results.FAILED, "Skip": results.SKIPPED}


def read_trx(root: Element) -> Reading:
    """A TRX file; rows of a data-driven test count each. Raises UnreadableError where it names no test."""
    rows = [row for row in root.iter() if local(row).endswith("TestResult") and row.get("testName")]
    cases = [_trx_case(row) for row in rows]
    summary = child(root, "ResultSummary")
    own = [*_run_errors(summary)] if summary is not None else []
    return Reading(_some(cases, own), tuple(_trx_disagreements(summary, [*cases, *own])))


def _trx_case(row: Element) -> TestCase:
    outcome = _TRX.get(row.get("outcome", ""), results.NOT_RUN)
    message = next((_text(part) for part in row.iter() if local(part) == "Message"), "")
    unclear = f"Its outcome is {row.get('outcome', 'missing')}." if outcome == results.NOT_RUN else ""
    return TestCase(row.get("testName", "unnamed"), outcome, _clock(row.get("duration", "")), message or unclear)


def _run_errors(summary: Element) -> Iterator[TestCase]:
    """Errors of the run itself, such as a test host that crashed."""
    for info in (part for part in summary.iter() if local(part) == "RunInfo" and part.get("outcome") == "Error"):
        yield TestCase("the test run", results.ERROR, None, _text(info))


def _trx_disagreements(summary: Element | None, cases: list[TestCase]) -> Iterator[str]:
    if summary is None:
        yield "The file has no summary, so it may not be whole."
        return
    outcomes = [case.outcome for case in cases]
    failed = sum(outcome in results.FAILING for outcome in outcomes)
    counters = child(summary, "Counters")
    if counters is not None:
        counted = sum(whole_number(counters.get(name)) or 0 for name in _TRX_FAILED)
        yield from more_than_listed("The file", counted, failed, "failed tests")
        yield from more_than_listed("The file", whole_number(counters.get("total")), len(cases), "tests")
    outcome = summary.get("outcome", "")
    if not failed and outcome not in {"Completed", "Passed", "Warning"}:
        yield f"The run's outcome is {outcome or 'missing'}, and no test failed."


def read_nunit(root: Element) -> Reading:
    """NUnit 3's own XML. Raises UnreadableError where it names no test."""
    cases = [_nunit_case(case) for case in root.iter() if local(case) == "test-case"]
    own = [*_nunit_suites(root)]
    said = _counted(root, [*cases, *own])
    return Reading(_some(cases, own), (*said, *_verdict(root.get("result"), [*cases, *own])))


def _nunit_case(case: Element) -> TestCase:
    result = case.get("result", "")
    outcome = _NUNIT.get(result, results.NOT_RUN)
    if case.get("label") == "Error":
        outcome = results.ERROR
    message = next((_text(part) for part in case.iter() if local(part) == "message"), "")
    name = case.get("fullname") or case.get("name") or "unnamed"
    return TestCase(name, outcome, seconds(case.get("duration")), message, case.get("classname", ""))


def _nunit_suites(root: Element) -> Iterator[TestCase]:
    """A suite whose tear-down failed fails by itself: its tests stay as they were."""
    for suite in (part for part in root.iter() if local(part) == "test-suite" and part.get("site") == "TearDown"):
        yield TestCase(f"suite {suite.get('name', 'unnamed')}", results.ERROR, None, "Its tear-down failed.")


def read_xunit(root: Element) -> Reading:
    """xUnit.net v2's own XML. Raises UnreadableError where it names no test."""
    cases = [_xunit_case(test) for test in root.iter() if local(test) == "test"]
    own = [
        TestCase(error.get("name") or "assembly", results.ERROR, None, _text(error))
        for error in root.iter()
        if local(error) == "error"
    ]
    said: list[str] = []
    for assembly in children(root, "assembly") or [root]:
        inside = [_xunit_case(test) for test in assembly.iter() if local(test) == "test"]
        said += _counted(assembly, inside)
        errors = whole_number(assembly.get("errors"))
        said += more_than_listed(assembly.get("name", "The assembly"), errors, len(own), "errors")
    return Reading(_some(cases, own), tuple(said))


def _xunit_case(test: Element) -> TestCase:
    message = next((_text(part) for part in test.iter() if local(part) in {"message", "reason"}), "")
    outcome = _XUNIT.get(test.get("result", ""), results.NOT_RUN)
    return TestCase(test.get("name", "unnamed"), outcome, seconds(test.get("time")), message, test.get("type", ""))


def _counted(element: Element, cases: list[TestCase]) -> list[str]:
    outcomes = [case.outcome for case in cases]
    shown = {
        "failed": sum(outcome in results.FAILING for outcome in outcomes),
        "skipped": sum(outcome in results.SKIPPING for outcome in outcomes),
        "total": len(outcomes),
    }
    said: list[str] = []
    for name, listed in shown.items():
        what = "tests" if name == "total" else f"{name} tests"
        said += more_than_listed("The file", whole_number(element.get(name)), listed, what)
    return said


def _verdict(word: str | None, cases: list[TestCase]) -> list[str]:
    if word and word.startswith("Failed") and not any(case.outcome in results.FAILING for case in cases):
        return ["The file's own result is failed, and no test of it failed."]
    return []


def _some(cases: list[TestCase], own: list[TestCase]) -> tuple[TestCase, ...]:
    if not cases and not own:
        raise UnreadableError("The file names no test.")
    return (*cases, *own)


def _text(element: Element) -> str:
    return shortened("".join(element.itertext()))


def _clock(text: str) -> float | None:
    """Seconds in ``hh:mm:ss.fffffff``."""
    parts = text.split(":")
    try:
        hours, minutes, rest = (float(part) for part in parts)
    except ValueError:
        return None
    return hours * 3600 + minutes * 60 + rest
