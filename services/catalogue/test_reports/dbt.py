"""dbt's `run_results.json` (schema v1 and newer): data tests and unit tests, and whatever else of the run broke."""

from __future__ import annotations

from typing import Any

from services.catalogue.test_reports.documents import Reading, UnreadableError, as_dict, objects, shortened
from services.domain import test_results as results
from services.domain.catalogue import TestCase
from services.domain.examined import LeftOut

_TESTS = ("test.", "unit_test.")
_OUTCOMES = {
    "pass": results.PASSED, "success": results.PASSED, "fail": results.FAILED, "error": results.ERROR,
    "runtime error": results.ERROR, "warn": results.WARNED, "skipped": results.NOT_RUN, "no-op": results.SKIPPED,
}  # fmt: skip
"""dbt skips a test only where something before it failed, or the run was stopped."""


def is_it(value: Any) -> bool:
    """Whether dbt wrote this."""
    fields = as_dict(value)
    schema = str(as_dict(fields.get("metadata")).get("dbt_schema_version", ""))
    return "run-results" in schema or (
        isinstance(fields.get("results"), list) and "dbt_version" in str(fields.get("metadata"))
    )


def read(value: dict[str, Any]) -> Reading:
    """The tests, and each model, seed or snapshot that did not succeed. Raises UnreadableError where none is listed."""
    rows = objects(value.get("results"), "The list of results")
    cases = [_case(row) for row in rows]
    wanted = [case for row, case in zip(rows, cases, strict=True) if _is_test(row) or case.outcome != results.PASSED]
    if not any(_is_test(row) for row in rows) and not wanted:
        raise UnreadableError("The file names no test; it is of a dbt command that ran none.")
    others = len(rows) - len(wanted)
    left_out = LeftOut(f"{others:,} models, seeds or snapshots", "they succeeded, and are not tests", by_policy=True)
    return Reading(tuple(wanted), left_out=(left_out,) if others else ())


def _is_test(row: dict[str, Any]) -> bool:
    return str(row.get("unique_id", "test.")).startswith(_TESTS)


def _case(row: dict[str, Any]) -> TestCase:
    status = str(row.get("status", "")).lower()
    outcome = _OUTCOMES.get(status, results.NOT_RUN)
    duration = row.get("execution_time")
    elapsed = float(duration) if isinstance(duration, int | float) else None
    message = (
        "" if outcome == results.PASSED else shortened(row.get("message") or f"Its status is {status or 'missing'}.")
    )
    return TestCase(str(row.get("unique_id", "unnamed")), outcome, elapsed, message)
