"""One file to one report. The format is chosen by what the file holds, not by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.catalogue.test_reports import (
    dbt,
    dotnet,
    great_expectations,
    javascript,
    junit,
    mlflow_table,
    more_json,
    robot,
)
from services.catalogue.test_reports.documents import (
    MAX_BYTES,
    Reading,
    UnreadableError,
    as_dict,
    as_list,
    local,
    parse_json,
    parse_xml,
)
from services.domain.catalogue import TestReport
from services.domain.examined import Examined, LeftOut
from services.domain.test_results import broken_report, report_of, with_exit_code

OTHER_XML = {"coverage": "code coverage", "checkstyle": "findings on style", "pmd": "findings on style"}
_JSON_READERS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Reading]], ...] = (
    (dbt.is_it, dbt.read),
    (great_expectations.is_it, great_expectations.read),
    (javascript.is_jest, javascript.read_jest),
    (javascript.is_playwright, javascript.read_playwright),
    (javascript.is_mocha, javascript.read_mocha),
    (more_json.is_pytest, more_json.read_pytest),
    (more_json.is_ctrf, more_json.read_ctrf),
    (more_json.is_cucumber, more_json.read_cucumber),
    (mlflow_table.has_verdicts, mlflow_table.read),
)
_HINTS = {
    "results", "result", "success", "statistics", "tests", "testresults", "test_results", "suites", "suite", "stats",
    "failed", "failures", "passed", "passes", "errors", "outcome", "status", "verdict", "checks", "exitcode",
}  # fmt: skip
"""Fields that make a JSON file look like results of tests: one that cannot be read is not passed over."""


class _OtherFileError(Exception):
    """The file contains something other than test results; the message says what."""


def read_report(
    path: str, data: bytes, *, exit_code: int | None = None, source: str = "", link: str = ""
) -> TestReport:
    """The report in a file; an unreadable one becomes a report with a problem, never an exception.

    `exit_code` is how the step ended that ran the tests, where somebody recorded it. A file that holds something else
    than results gives a report without tests, whose coverage says so. What the report is worth, alone or with
    others, says `services.domain.test_results.judge`.
    """
    source = source or f"run artifact {path}"
    try:
        found = _read(data)
    except UnreadableError as error:
        return with_exit_code(broken_report(path, source, str(error)), exit_code)
    except _OtherFileError as other:
        left_out = LeftOut(path, f"it holds {other}, not results of tests", by_policy=True)
        return report_of(path, source, (), examined=Examined(left_out=(left_out,)))
    report = report_of(
        path, source, found.cases, link=link, flaky=found.flaky, contradictions=found.contradictions,
        examined=Examined(left_out=found.left_out),
    )  # fmt: skip
    return with_exit_code(report, exit_code)


def is_other_file(report: TestReport) -> bool:
    """True for a file that holds something else than results of tests."""
    is_empty = not (report.passed or report.failed or report.skipped or report.not_run or report.warned)
    return is_empty and not report.problem and not report.contradictions and report.examined.is_whole


def _read(data: bytes) -> Reading:
    if len(data) > MAX_BYTES:
        raise UnreadableError(f"The file is larger than {MAX_BYTES:,} bytes.")
    if _looks_like_json(data):
        return _read_json(parse_json(data))
    root = parse_xml(data)
    name = local(root)
    if name in OTHER_XML:
        raise _OtherFileError(OTHER_XML[name])
    if name in junit.ROOTS:
        return junit.read(root, data)
    readers = {"robot": robot.read, "TestRun": dotnet.read_trx, "test-run": dotnet.read_nunit}
    readers |= dict.fromkeys(("assemblies", "assembly"), dotnet.read_xunit)
    if name not in readers:
        raise UnreadableError(f"The file is not a test report that the portal knows: its root is <{name}>.")
    return readers[name](root)


def _looks_like_json(data: bytes) -> bool:
    start = (
        data[:64].decode("utf-8-sig" if data[:3] == b"\xef\xbb\xbf" else "utf-8", "ignore").replace("\0", "").lstrip()
    )
    return start.lstrip("\ufeff\xff\xfe")[:1] in {"{", "["}


def _read_json(value: Any) -> Reading:
    for is_it, read in _JSON_READERS:
        if is_it(value):
            return read(value)
    if mlflow_table.is_table(value):
        raise _OtherFileError("a table without the word of a scorer")
    rows = [as_dict(value), *(as_dict(item) for item in as_list(value)[:1000])]
    if any(str(name).lower() in _HINTS for row in rows for name in row):
        raise UnreadableError("The file looks like results of tests, in a form that the portal does not know.")
    raise _OtherFileError("JSON")
