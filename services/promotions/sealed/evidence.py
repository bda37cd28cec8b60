"""The evidence of a request as it was sealed, by this release or an earlier one: read once, typed from here on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from services.comparisons.live_inputs import LiveDrift
from services.domain.catalogue import TestCase, TestReport
from services.domain.checks import Check, check_from_json
from services.domain.model_metrics import MetricValue
from services.domain.registry import Dataset
from services.domain.test_results import unsealed_report
from services.errors import IntegrityError, InvalidInputError
from services.evidence.record import Comparison, DriftLine
from services.promotions.checks.facts import Compared, InputTable
from services.promotions.model_facts import facts_of_json

if TYPE_CHECKING:
    from pydantic import TypeAdapter


@dataclass(frozen=True)
class SealedRun:
    """The run behind the version."""

    run_id: str
    user: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    datasets: tuple[Dataset, ...] = ()
    commit: str | None = None
    algorithm: str | None = None
    metric_values: Mapping[str, MetricValue] | None = None
    """Each metric with its source, or why it is unknown; None in earlier seals, whose metrics are the run's."""


@dataclass(frozen=True)
class SealedTests:
    """A report; its own list of tests is empty."""

    report: TestReport
    listed: tuple[TestCase, ...] = ()
    """What failed or is in doubt."""
    not_listed: str = ""
    """How many of those were not kept, in words."""


@dataclass(frozen=True)
class SealedEvidence:
    """What a decision rests on."""

    checks: tuple[Check, ...]
    compared: Compared
    """`problem` says so where a comparison was sealed that this release cannot read."""
    run: SealedRun | None = None
    tests: tuple[SealedTests, ...] = ()
    card: str | None = None
    policy_in_words: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> SealedEvidence:
        """Raises IntegrityError when anything but the comparison cannot be read."""
        try:
            run = document.get("run")
            return cls(
                checks=checks_of(document),
                compared=_compared(document),
                run=None if run is None else _run().validate_python(run),
                tests=tuple(_sealed_tests(report) for report in document.get("tests") or ()),
                card=document.get("card"),
                policy_in_words=tuple(str(line) for line in document.get("policy_in_words") or ()),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # pydantic's error is a ValueError
            raise IntegrityError(
                "The sealed evidence cannot be read.", hint="Seal the request again, or look at the sealed document."
            ) from error


def checks_of(document: Mapping[str, Any]) -> tuple[Check, ...]:
    """The checks as they were sealed."""
    return tuple(check_from_json(check) for check in document["checks"])


@cache
def _run() -> TypeAdapter[SealedRun]:
    from pydantic import TypeAdapter

    return TypeAdapter(SealedRun)


@cache
def _cases() -> TypeAdapter[tuple[TestCase, ...]]:
    from pydantic import TypeAdapter

    return TypeAdapter(tuple[TestCase, ...])


def _sealed_tests(document: Mapping[str, Any]) -> SealedTests:
    left_out = document.get("cases_left_out") or {}
    listed = _cases().validate_python(document.get("cases") or ())
    return SealedTests(unsealed_report(document), listed, str(left_out.get("what") or ""))


@cache
def _drift() -> TypeAdapter[tuple[DriftLine, ...]]:
    from pydantic import TypeAdapter

    return TypeAdapter(tuple[DriftLine, ...])


@cache
def _live() -> TypeAdapter[LiveDrift]:
    from pydantic import TypeAdapter

    return TypeAdapter(LiveDrift)


def _compared(document: Mapping[str, Any]) -> Compared:
    problem = str(document.get("comparison_problem") or "")
    result, drift, live = None, document.get("drift"), document.get("live")
    if document.get("comparison"):
        try:
            result = Comparison.from_json(document["comparison"])
        except InvalidInputError as error:
            problem = f"The sealed comparison cannot be read by this release. {error.message}"
    return Compared(
        result,
        document.get("current_version") is None,
        problem,
        drift=None if drift is None else _drift().validate_python(drift),
        drift_problem=str(document.get("drift_problem") or ""),
        live=None if live is None else _live().validate_python(live),
        live_problem=str(document.get("live_problem") or ""),
        model=facts_of_json(document.get("model")),
        inputs=inputs_of(document),
    )


def inputs_of(document: Mapping[str, Any]) -> Mapping[str, InputTable | None]:
    """The tables that were compared; empty where they were not kept yet."""
    tables = document.get("inputs") or {}
    return {side: InputTable(**table) if table else None for side, table in tables.items()}
