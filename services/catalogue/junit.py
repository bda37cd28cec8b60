"""Test results of a version: JUnit artifacts of its run, and what pipelines wrote on the version as tags.

A report that cannot be read is shown with its problem; it never counts as passed.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET
from xml.parsers.expat import ExpatError, ParserCreate

from services.domain.catalogue import TestCase, TestReport
from services.domain.test_results import broken_report
from services.errors import NotFoundError, PortalError
from services.ports.registry import RegistryReader

FOLDER = "tests"
"""Run artifacts below this folder that end in .xml are read as JUnit."""
REPORT_LIMIT = 5_000_000
MAX_FILES = 20


def read_reports(registry: RegistryReader, run_id: str) -> tuple[TestReport, ...]:
    """JUnit reports below the run's `tests` folder; empty when there is none. Raises UpstreamError."""
    try:
        found = registry.artifacts(run_id, FOLDER)
    except NotFoundError:
        return ()
    paths = [a.path for a in found if a.kind == "file" and a.path.endswith(".xml")]
    return tuple(_read(registry, run_id, path) for path in sorted(paths)[:MAX_FILES])


def _read(registry: RegistryReader, run_id: str, path: str) -> TestReport:
    source = f"run artifact {path}"
    try:
        return parse_junit(registry.read_artifact(run_id, path, limit=REPORT_LIMIT), title=path, source=source)
    except NotFoundError as error:
        return broken_report(path, source, error.message)
    except PortalError as error:
        if error.code.startswith("upstream"):
            raise
        return broken_report(path, source, error.message)


def parse_junit(data: bytes, *, title: str, source: str, link: str = "") -> TestReport:
    """A JUnit file; one that makes no sense becomes a report with a problem."""
    try:
        _refuse_document_types(data)
        root = ET.fromstring(data)  # noqa: S314 - document types, and so entities, are refused above
    except _DocumentTypeError:
        return broken_report(title, source, "The file declares a document type, which is refused.")
    except (ET.ParseError, ExpatError, ValueError, LookupError) as error:
        return broken_report(title, source, f"The file is not XML: {error}.")
    if root.tag not in {"testsuite", "testsuites"}:
        return broken_report(title, source, f"The file is no JUnit report: its root is <{root.tag}>.")
    cases = tuple(_case(case) for case in root.iter("testcase"))
    if not cases:
        return broken_report(title, source, "The file names no test.")
    return _report(title, source, link, cases)


class _DocumentTypeError(Exception):
    """The file declares a document type: the door to entities."""


def _refuse_document_types(data: bytes) -> None:
    """Asked of the parser and not of the bytes, which may be written in any encoding."""

    def refuse(*_: object) -> None:
        raise _DocumentTypeError

    parser = ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(data, True)


def _report(title: str, source: str, link: str, cases: tuple[TestCase, ...]) -> TestReport:
    outcomes = [case.outcome for case in cases]
    failed = outcomes.count("failed") + outcomes.count("error")
    return TestReport(title, source, link, outcomes.count("passed"), failed, outcomes.count("skipped"), cases)


def _case(case: ET.Element) -> TestCase:
    outcome, message = "passed", ""
    for tag, name in (("failure", "failed"), ("error", "error"), ("skipped", "skipped")):
        found = case.find(tag)
        if found is not None:
            outcome, message = name, (found.get("message") or found.text or "").strip()
            break
    return TestCase(
        case.get("name", "unnamed"), outcome, _seconds(case.get("time")), message[:2000], case.get("classname", "")
    )


def _seconds(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
