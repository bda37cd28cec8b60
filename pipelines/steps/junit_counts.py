"""Counts a JUnit report for the version's tags, and stores the exit code of the step that wrote it beside the file.

The portal reads reports among a run's artifacts in full. Here only numbers are passed on, so anything unclear counts as
not run, which is never green.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

from common import StepError

EXIT_CODE = ".exit_code"
"""``unit.xml.exit_code`` is the exit code of the step that wrote ``unit.xml``."""
_FAILED = {"failed", "fail", "failure", "error", "errored", "broken", "timeout", "aborted", "undefined"}
_SKIPPED = {"skipped", "disabled", "ignored", "pending", "suppressed"}
_NOT_RUN = {"notrun", "not_run", "untested", "canceled", "cancelled", "blocked", "inconclusive"}
_VERDICT = re.compile("fail|error|exception|abort|crash|broken|time-?d?-?out|not-?run|inconclusive|unstable")
"""Elements that no known writer uses, and that look as if they said that a test did not pass."""


def keep_exit_code(report: Path, code: int) -> None:
    """Write the exit code beside the report."""
    Path(f"{report}{EXIT_CODE}").write_text(str(code), encoding="ascii")


def kept_exit_code(report: Path) -> str:
    """The exit code beside the report; ``unknown`` if there is none. Raises StepError if it is not a number."""
    kept = Path(f"{report}{EXIT_CODE}")
    if not kept.is_file():
        return "unknown"
    text = kept.read_text(encoding="ascii", errors="replace").strip()
    try:
        return str(int(text))
    except ValueError as error:
        raise StepError(f"{kept} does not hold an exit code.") from error


def count(report: Path) -> dict[str, int]:
    """Passed, failed, skipped and not run tests. Raises StepError if there is no report, or it cannot be read."""
    if not report.is_file():
        raise StepError(f"There is no report {report}: the test step ended before it wrote one.")
    try:
        root = ET.parse(report).getroot()  # noqa: S314 - a step of this pipeline wrote the file
    except ET.ParseError as error:
        raise StepError(f"The report {report} is not XML: {error}.") from error
    for element in root.iter():
        element.tag = str(element.tag).rpartition("}")[2].lower()
    suites = [suite for suite in root.iter() if suite.tag in {"testsuite", "testsuites"}]
    in_suites = {case for suite in suites for case in suite.findall("testcase")}
    cases = [outcome for suite in suites for outcome in _outcomes(suite)]
    cases += [_outcome(case) for case in root.iter("testcase") if case not in in_suites]
    failed = cases.count("failed") + sum(len(suite.findall(kind)) for suite in suites for kind in ("failure", "error"))
    missing = max([0, *(_beyond(suite) for suite in suites)])
    return {
        "failed": failed,
        "not_run": cases.count("not run") + missing,
        "skipped": cases.count("skipped"),
        "passed": cases.count("passed"),
    }


def _outcomes(suite: ET.Element) -> list[str]:
    """Of the tests directly in a suite. Tries of one test count once if the suite's own counter counts them so.

    pytest-rerunfailures 16.7 writes an element for each try; pytest writes two for a failure and a teardown error,
    and counts both.
    """
    tries: dict[tuple[str, str], list[str]] = {}
    for case in suite.findall("testcase"):
        tries.setdefault((case.get("classname", ""), case.get("name", "")), []).append(_outcome(case))
    if _number(suite, "tests") != len(tries):
        return [outcome for group in tries.values() for outcome in group]
    return ["failed" if "failed" in group else group[-1] for group in tries.values()]


def _is_todo(case: ET.Element) -> bool:
    """A test that node's own runner marks as to do: its failure does not count, and node exits with 0."""
    skipped, failures = case.find("skipped"), [*case.findall("failure"), *case.findall("error")]
    is_marked = skipped is not None and skipped.get("type") == "todo"
    return is_marked and all(failure.get("type") == "testCodeFailure" for failure in failures)


def _outcome(case: ET.Element) -> str:
    if _is_todo(case):
        return "skipped"
    words = {case.get(name, "").strip().lower() for name in ("status", "result", "outcome")}
    denied = "false" in {case.get(name, "").strip().lower() for name in ("success", "passed")}
    if any(case.find(kind) is not None for kind in ("failure", "error", "rerunfailure", "rerunerror")):
        return "failed"
    if denied or words & _FAILED:
        return "failed"
    if "notrun" in words and not words & _SKIPPED:
        skipped = case.find("skipped")
        return "skipped" if skipped is not None and skipped.get("message", "").startswith("SKIP_") else "not run"
    if case.find("skipped") is not None or words & _SKIPPED:
        return "skipped"
    is_unclear = any(_VERDICT.search(inner.tag) and not inner.tag.startswith("flaky") for inner in case)
    was_left_out = case.get("executed", "").strip().lower() in ("false", "no", "0")
    return "not run" if words & _NOT_RUN or is_unclear or was_left_out else "passed"


def _beyond(suite: ET.Element) -> int:
    """How many tests or failures a suite counts but does not list. Pytest counts subtests without listing them."""
    cases = list(suite.iter("testcase"))
    marks = sum(1 for element in suite.iter() if element.tag in {"failure", "error"})
    named = {name.lower(): name for name in suite.attrib}
    other = [_number(suite, named[name]) for name in ("failed", "failures", "errors", "broken") if name in named]
    failures = max([_number(suite, "failures") + _number(suite, "errors"), *other]) - marks
    tests = 0 if suite.get("name") in {"pytest", "pytest tests"} and cases else _number(suite, "tests") - len(cases)
    return max(0, failures, tests)


def _number(suite: ET.Element, name: str) -> int:
    text = suite.get(name) or "0"
    try:
        return max(0, int(float(text.replace(",", ""))))
    except (ValueError, OverflowError) as error:
        raise StepError(f"The report's count {name}=“{text}” is not a number.") from error
