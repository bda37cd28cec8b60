"""Further reports in JSON: pytest-json-report, behave and Cucumber, and the Common Test Report Format (CTRF)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.catalogue.test_reports.documents import (
    Reading,
    UnreadableError,
    as_dict,
    as_list,
    more_than_listed,
    objects,
    shortened,
    whole_number,
)
from services.domain import test_results as results
from services.domain.catalogue import TestCase

_PYTEST = {
    "passed": results.PASSED, "failed": results.FAILED, "error": results.ERROR, "skipped": results.SKIPPED,
    "xfailed": results.SKIPPED, "xpassed": results.PASSED, "subtests passed": results.PASSED,
    "subtests failed": results.FAILED, "subtests skipped": results.SKIPPED,
}  # fmt: skip
_STEPS = {
    "passed": results.PASSED, "failed": results.FAILED, "undefined": results.FAILED, "ambiguous": results.FAILED,
    "error": results.ERROR, "skipped": results.SKIPPED, "pending": results.NOT_RUN, "untested": results.NOT_RUN,
}  # fmt: skip
_CTRF = {
    "passed": results.PASSED, "failed": results.FAILED, "skipped": results.SKIPPED, "pending": results.SKIPPED,
}  # fmt: skip


def is_pytest(value: Any) -> bool:
    """Whether pytest-json-report wrote this."""
    fields = as_dict(value)
    return {"exitcode", "summary"} <= fields.keys() or {"tests", "collectors"} <= fields.keys()


def read_pytest(value: dict[str, Any]) -> Reading:
    """The report. Raises UnreadableError where there is no test."""
    rows, summary = objects(value.get("tests", []), "tests"), as_dict(value.get("summary"))
    cases = [_pytest_case(row) for row in rows]
    cases += [
        TestCase(str(row.get("nodeid") or "collection"), results.ERROR, None, shortened(row.get("longrepr")))
        for row in objects(value.get("collectors", []), "collectors")
        if row.get("outcome") == "failed"
    ]
    if not cases:
        raise UnreadableError("The file names no test.")
    failed, exit_code = _failed(cases), value.get("exitcode")
    counted = sum(whole_number(summary.get(name)) or 0 for name in ("failed", "error"))
    said = more_than_listed("The file", counted, failed, "failed tests")
    said += more_than_listed("The file", whole_number(summary.get("total")), len(rows), "tests")
    if exit_code != 0 and not failed:
        said.append(f"The file says that pytest ended with exit code {exit_code}, and lists no failed test.")
    return Reading(tuple(cases), tuple(said))


def _pytest_case(row: dict[str, Any]) -> TestCase:
    phases = [as_dict(row.get(name)) for name in ("setup", "call", "teardown")]
    outcome = _PYTEST.get(str(row.get("outcome")), results.NOT_RUN)
    if outcome == results.PASSED and any(phase.get("outcome") == "failed" for phase in phases):
        outcome = results.ERROR
    message = next((phase["longrepr"] for phase in phases if phase.get("longrepr")), "")
    return TestCase(str(row.get("nodeid", "unnamed")), outcome, None, shortened(message))


def is_cucumber(value: Any) -> bool:
    """Whether behave or a Cucumber wrote this: a list of features."""
    return bool(as_list(value)) and all({"elements", "keyword"} & as_dict(item).keys() for item in value)


def read_cucumber(value: list[Any]) -> Reading:
    """Each scenario is a test, and ends as its worst step. Raises UnreadableError where there is none."""
    cases = [case for feature in value for case in _feature(as_dict(feature))]
    if not cases:
        raise UnreadableError("The file names no scenario.")
    failed = [feature for feature in value if as_dict(feature).get("status") in {"failed", "error"}]
    said = ["A feature failed, and none of its scenarios did."] if failed and not _failed(cases) else []
    return Reading(tuple(cases), tuple(said))


def _feature(feature: dict[str, Any]) -> Iterator[TestCase]:
    for element in objects(feature.get("elements", []), "elements"):
        if element.get("type") != "background":
            yield _scenario(element, str(feature.get("name", "")))


def _scenario(element: dict[str, Any], feature: str) -> TestCase:
    parts = [
        *objects(element.get("steps", []), "steps"),
        *as_list(element.get("before")),
        *as_list(element.get("after")),
    ]
    told = [as_dict(as_dict(part).get("result")) for part in parts]
    words = [str(result.get("status", "untested")) for result in told]
    own = element.get("status")
    if own is not None:
        words = [str(own), *(word for word in words if word in {"failed", "error", "undefined"})]
    outcomes = [_STEPS.get(word, results.NOT_RUN) for word in words] or [results.NOT_RUN]
    worst = min(outcomes, key=results.rank)
    message = next((result["error_message"] for result in told if result.get("error_message")), "")
    text = "\n".join(map(str, message)) if isinstance(message, list) else message
    return TestCase(str(element.get("name", "unnamed")), worst, None, shortened(text), feature)


def is_ctrf(value: Any) -> bool:
    """Whether this is a CTRF report."""
    fields = as_dict(value)
    inner = as_dict(fields.get("results"))
    return fields.get("reportFormat") == "CTRF" or {"tool", "summary"} <= inner.keys()


def read_ctrf(value: dict[str, Any]) -> Reading:
    """The report. Raises UnreadableError where there is no test."""
    inner = as_dict(value.get("results"))
    rows, summary = objects(inner.get("tests"), "tests"), as_dict(inner.get("summary"))
    cases = [
        TestCase(
            str(row.get("name", "unnamed")),
            _CTRF.get(str(row.get("status")), results.NOT_RUN),
            None,
            shortened(row.get("message")),
        )
        for row in rows
    ]
    if not cases:
        raise UnreadableError("The file names no test.")
    said = more_than_listed("The file", whole_number(summary.get("failed")), _failed(cases), "failed tests")
    said += more_than_listed("The file", whole_number(summary.get("tests")), len(cases), "tests")
    flaky = tuple(str(row.get("name")) for row in rows if row.get("flaky") is True and row.get("status") == "passed")
    return Reading(tuple(cases), tuple(said), flaky)


def _failed(cases: list[TestCase]) -> int:
    return sum(case.outcome in results.FAILING for case in cases)
