"""Great Expectations: validation results (0.15 to 1.x) and checkpoint results, as JSON or from `describe()`."""

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


def is_it(value: Any) -> bool:
    """Whether this is what Great Expectations writes; a result that lost a part of itself is still one."""
    fields = as_dict(value)
    if {"run_results", "validation_results"} & fields.keys():
        return True
    statistics = as_dict(fields.get("statistics"))
    rows = as_list(fields.get("results")) + as_list(fields.get("expectations"))
    named = any({"expectation_config", "expectation_type"} & as_dict(row).keys() for row in rows)
    return named or any(name.endswith("_expectations") for name in statistics)


def read(value: dict[str, Any]) -> Reading:
    """Each expectation is a test. Raises UnreadableError where there is none, or a part is not as it should be."""
    found = [_validation(name, part) for name, part in _validations(value)]
    cases = [case for part, _ in found for case in part]
    said = [sentence for _, sentences in found for sentence in sentences]
    counted = whole_number(as_dict(value.get("statistics")).get("evaluated_validations"))
    said += more_than_listed("The checkpoint", counted, len(found), "validations")
    if not cases:
        raise UnreadableError(" ".join(["The file names no expectation.", *said]))
    return Reading(tuple(cases), (*said, *_own_word("The file", value, cases)))


def _validations(value: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    if "run_results" in value:
        for name, part in as_dict(value["run_results"]).items():
            yield name.split("::")[-1], as_dict(as_dict(part).get("validation_result")) or as_dict(part)
    elif "validation_results" in value:
        for number, part in enumerate(objects(value["validation_results"], "validation_results"), 1):
            yield f"validation {number}", part
    else:
        yield _suite_name(value), value


def _suite_name(value: dict[str, Any]) -> str:
    return str(value.get("suite_name") or as_dict(value.get("meta")).get("expectation_suite_name") or "expectations")


def _validation(name: str, value: dict[str, Any]) -> tuple[list[TestCase], list[str]]:
    rows = objects(value.get("results", value.get("expectations")), f"The list of expectations of {name}")
    cases = [_case(row, name) for row in rows]
    outcomes = [case.outcome for case in cases]
    statistics = as_dict(value.get("statistics"))
    failed = whole_number(statistics.get("unsuccessful_expectations"))
    total = whole_number(statistics.get("evaluated_expectations"))
    said = more_than_listed(
        name, failed, sum(outcome in results.FAILING for outcome in outcomes), "failed expectations"
    )
    said += more_than_listed(name, total, len(cases), "expectations")
    return cases, [*said, *_own_word(name, value, cases)]


def _case(row: dict[str, Any], suite: str) -> TestCase:
    config = as_dict(row.get("expectation_config")) or row
    kind = str(config.get("type") or config.get("expectation_type") or "expectation")
    arguments = {k: v for k, v in as_dict(config.get("kwargs")).items() if k != "batch_id"}
    name = f"{kind}({', '.join(f'{key}={value}' for key, value in arguments.items())})"
    raised = _raised(row.get("exception_info"))
    if raised is not None:
        return TestCase(name[:300], results.ERROR, None, shortened(raised or "It raised an exception."), suite)
    success = row.get("success")
    outcome = results.PASSED if success is True else results.FAILED if success is False else results.NOT_RUN
    return TestCase(name[:300], outcome, None, "" if success is True else _why(row), suite)


def _raised(info: Any) -> str | None:
    """The message of an exception; 1.x keeps one for each metric that the expectation asked for."""
    parts = [as_dict(info), *(as_dict(part) for part in as_dict(info).values())]
    for part in parts:
        if part.get("raised_exception"):
            return str(part.get("exception_message") or "")
    return None


def _why(row: dict[str, Any]) -> str:
    found = as_dict(row.get("result"))
    told = {k: found[k] for k in ("observed_value", "unexpected_count", "unexpected_percent") if k in found}
    return shortened(", ".join(f"{key} {value}" for key, value in told.items()))


def _own_word(name: str, value: dict[str, Any], cases: list[TestCase]) -> list[str]:
    success, failed = value.get("success"), any(case.outcome in results.FAILING for case in cases)
    if success is True or (success is False and failed):
        return []
    if success is False:
        return [f"{name} says that it did not succeed, and lists no failed expectation."]
    return [f"{name} does not say whether it succeeded."]
