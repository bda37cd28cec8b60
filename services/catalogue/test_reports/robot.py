"""Robot Framework's own `output.xml` (schemas 1 to 5): tests, and what a suite's tear-down does to them."""

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

ROOTS = frozenset({"robot"})
_OUTCOMES = {"PASS": results.PASSED, "FAIL": results.FAILED, "SKIP": results.SKIPPED}


def read(root: Element) -> Reading:
    """The report. Raises UnreadableError where it names no test."""
    cases = [case for suite in children(root, "suite") for case in _suite(suite, "")]
    if not cases:
        raise UnreadableError("The file names no test.")
    return Reading(tuple(cases), tuple(_disagreements(root, cases)))


def _suite(suite: Element, broken: str) -> Iterator[TestCase]:
    """Tests as Robot Framework reports them: one whose suite's tear-down failed has failed, whatever its own status."""
    broken = broken or _teardown(suite)
    for inner in suite:
        if local(inner) == "suite":
            yield from _suite(inner, broken)
        elif local(inner) in {"test", "task"}:
            yield _test(inner, suite.get("name", ""), broken)


def _teardown(suite: Element) -> str:
    for keyword in children(suite, "kw"):
        status = child(keyword, "status")
        is_teardown = keyword.get("type", "").upper() == "TEARDOWN"
        if is_teardown and status is not None and status.get("status") == "FAIL":
            return f"The suite's tear-down failed: {_text(status)}".rstrip(": ")
    return ""


def _test(test: Element, suite: str, broken: str) -> TestCase:
    status = child(test, "status")
    word = status.get("status", "") if status is not None else ""
    outcome = _OUTCOMES.get(word, results.NOT_RUN)
    message = _text(status)
    if broken and outcome != results.FAILED:
        outcome, message = results.FAILED, broken
    elapsed = seconds(status.get("elapsed")) if status is not None else None
    return TestCase(test.get("name", "unnamed"), outcome, elapsed, shortened(message), suite)


def _text(element: Element | None) -> str:
    return "" if element is None else "".join(element.itertext()).strip()


def _disagreements(root: Element, cases: list[TestCase]) -> Iterator[str]:
    """Against the file's own statistics, and a suite that failed although none of its tests did."""
    totals = root.find("./statistics/total/stat[last()]")
    outcomes = [case.outcome for case in cases]
    failed = outcomes.count(results.FAILED)
    if totals is None:
        yield "The file has no statistics, so it may not be whole."
    else:
        try:
            passing, failing, skipping = (whole_number(totals.get(name)) for name in ("pass", "fail", "skip"))
        except UnreadableError as error:
            yield str(error)
            return
        yield from more_than_listed("The file", failing, failed, "failed tests")
        yield from more_than_listed("The file", skipping, outcomes.count(results.SKIPPED), "skipped tests")
        all_counted = sum(number or 0 for number in (passing, failing, skipping))
        yield from more_than_listed("The file", all_counted, len(cases), "tests")
    for suite in children(root, "suite"):
        status = child(suite, "status")
        if not failed and status is not None and status.get("status") == "FAIL":
            yield f"Suite {suite.get('name', 'unnamed')} failed, and none of its tests did."
