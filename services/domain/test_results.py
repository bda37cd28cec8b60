"""Test results of a version: what counts, and what pipelines wrote on it as tags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from services.domain.catalogue import TestReport

TAG = re.compile(r"^countersign\.test\.(?P<name>[\w-]+)\.(?P<field>passed|failed|skipped|url)$")


def broken_report(title: str, source: str, problem: str) -> TestReport:
    """A report that could not be read."""
    return TestReport(title, source, "", 0, 0, 0, (), problem)


def reports_from_tags(tags: Mapping[str, str]) -> tuple[TestReport, ...]:
    """What pipelines recorded on the version: ``countersign.test.<name>.passed|failed|skipped|url``."""
    found: dict[str, dict[str, str]] = {}
    for tag, value in tags.items():
        match = TAG.match(tag)
        if match:
            found.setdefault(match["name"], {})[match["field"]] = value
    return tuple(_tagged(name, fields) for name, fields in sorted(found.items()))


def _tagged(name: str, fields: Mapping[str, str]) -> TestReport:
    source = f"version tags countersign.test.{name}.*"
    try:
        passed, failed, skipped = (int(fields.get(k, "0")) for k in ("passed", "failed", "skipped"))
    except ValueError:
        return broken_report(name, source, "The tags do not hold numbers.")
    if min(passed, failed, skipped) < 0:
        return broken_report(name, source, "The tags hold negative numbers.")
    if passed + failed + skipped == 0:
        return broken_report(name, source, "The tags name no test.")
    return TestReport(name, source, fields.get("url", ""), passed, failed, skipped)


def totals(reports: Iterable[TestReport]) -> tuple[int | None, int | None]:
    """Passed and failed over all reports (a broken one counts as failed); None when there is no report."""
    listed = list(reports)
    if not listed:
        return None, None
    failed = sum(r.failed + (1 if r.problem else 0) for r in listed)
    return sum(r.passed for r in listed), failed
