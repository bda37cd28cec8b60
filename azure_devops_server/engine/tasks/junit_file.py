"""JUnit files as `PublishTestResults@2` reads them, which is not all that a file may say.

As in the agent's own reader (azure-pipelines-agent, JunitResultReader): tests count where they stand directly in a
`testsuite` below the root; one without a name is dropped; `failure` and `error` fail, `skipped` is not executed,
anything else passed. Counters, a suite's own errors, the attribute `status` and reruns are not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

FAILED = "Failed"
_LIMIT = 64 * 1024 * 1024


class JUnitError(Exception):
    """A file is not JUnit XML."""


@dataclass(frozen=True)
class JUnitCase:
    """One `testcase` element; outcomes are those of the Test API."""

    title: str
    name: str
    storage: str
    outcome: str
    duration_ms: float
    message: str = ""
    trace: str = ""


def read_junit(path: Path) -> list[JUnitCase]:
    """The test cases of a JUnit file that the task publishes. Raises JUnitError."""
    try:
        if path.stat().st_size > _LIMIT:
            raise JUnitError(f"{path.name} is larger than {_LIMIT // 1024 // 1024} MB")
        # Expat limits entity expansion itself since 2.4.1; external entities are never fetched.
        root = ET.parse(path).getroot()  # noqa: S314
    except (ET.ParseError, OSError) as error:
        raise JUnitError(f"{path.name} is not XML: {error}") from error
    if root.tag not in ("testsuites", "testsuite"):
        raise JUnitError(f"{path.name} is not a JUnit file: its root is <{root.tag}>")
    suites = root.findall("testsuite") if root.tag == "testsuites" else [root]
    return [case for suite in suites for case in _suite(suite)]


def _suite(suite: ET.Element) -> Iterator[JUnitCase]:
    """Inner suites first, as the task has them."""
    for inner in suite.findall("testsuite"):
        yield from _suite(inner)
    for case in suite.findall("testcase"):
        if case.get("name"):
            yield _case(case)


def _case(case: ET.Element) -> JUnitCase:
    title, owner = case.get("name", ""), case.get("classname", "")
    outcome, detail = _outcome(case)
    is_failed = outcome == FAILED and detail is not None
    return JUnitCase(
        title=title,
        name=f"{owner}.{title}" if owner else title,
        storage=owner or title,
        outcome=outcome,
        duration_ms=_milliseconds(case.get("time", "")),
        message=detail.get("message", "") if detail is not None else "",
        trace="".join(detail.itertext()).strip() if is_failed and detail is not None else "",
    )


def _outcome(case: ET.Element) -> tuple[str, ET.Element | None]:
    for tag, outcome in (("failure", FAILED), ("error", FAILED), ("skipped", "NotExecuted")):
        detail = case.find(tag)
        if detail is not None:
            return outcome, detail
    return "Passed", None


def _milliseconds(text: str) -> float:
    try:
        seconds = float(text.replace(",", ""))
    except ValueError:
        return 0.0
    return round(seconds * 1000, 3) if math.isfinite(seconds) and seconds >= 0 else 0.0
