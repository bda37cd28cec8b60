"""Status functions and named values of conditions at run time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from azure_devops_server.engine.expressions.errors import ExpressionError
from azure_devops_server.engine.expressions.evaluate import Scope, evaluate
from azure_devops_server.engine.expressions.functions import MANY, Function
from azure_devops_server.engine.expressions.values import Value, to_boolean, to_string
from azure_devops_server.engine.journal import RecordResult
from azure_devops_server.engine.outcome import JobOutcome, StageOutcome

_GOOD = ("succeeded", "succeededWithIssues")


def result_text(result: RecordResult) -> str:
    """A result as expressions show it, for example ``SucceededWithIssues``."""
    return result[0].upper() + result[1:]


def graph_functions(
    all_before: Mapping[str, RecordResult], *, cancelled: bool, deselected: frozenset[str] = frozenset()
) -> dict[str, Function]:
    """Status functions of stages and jobs; `all_before` has the results of direct and indirect dependencies."""
    counted = {name: result for name, result in all_before.items() if name not in deselected}

    def chosen(arguments: Sequence[Value]) -> list[RecordResult]:
        return [_by_name(all_before, to_string(name)) for name in arguments] if arguments else list(counted.values())

    def succeeded(arguments: Sequence[Value]) -> bool:
        return not cancelled and all(result in _GOOD for result in chosen(arguments))

    def failed(arguments: Sequence[Value]) -> bool:
        return not cancelled and any(result == "failed" for result in chosen(arguments))

    def either(arguments: Sequence[Value]) -> bool:
        if not arguments:
            return not cancelled
        return not cancelled and all(result in (*_GOOD, "failed") for result in chosen(arguments))

    return _functions(succeeded, failed, either=either, cancelled=cancelled)


def step_functions(status: RecordResult, *, cancelled: bool) -> dict[str, Function]:
    """Status functions of steps: they look at the job so far."""
    return _functions(
        lambda _: not cancelled and status in _GOOD,
        lambda _: not cancelled and status == "failed",
        either=lambda _: not cancelled and status in (*_GOOD, "failed"),
        cancelled=cancelled,
    )


_Test = Callable[[Sequence[Value]], bool]


def _functions(succeeded: _Test, failed: _Test, *, either: _Test, cancelled: bool) -> dict[str, Function]:
    return {
        "always": Function(lambda _: True, 0, 0),
        "canceled": Function(lambda _: cancelled, 0, 0),
        "succeeded": Function(succeeded, 0, MANY),
        "failed": Function(failed, 0, MANY),
        "succeededOrFailed": Function(either, 0, MANY),
    }


def _by_name(results: Mapping[str, RecordResult], name: str) -> RecordResult:
    for key, result in results.items():
        if key.casefold() == name.casefold():
            return result
    raise ExpressionError(f"'{name}' is not among the dependencies")


def holds(condition: str, names: Mapping[str, Value], *, functions: Mapping[str, Function]) -> bool:
    """Whether a condition is met; ExpressionError where it cannot be evaluated."""
    return to_boolean(evaluate(condition, Scope(names, functions)))


def job_dependency(outcome: JobOutcome) -> dict[str, Value]:
    """``dependencies.<job>`` for jobs."""
    return {"result": result_text(outcome.result), "outputs": dict(outcome.outputs)}


def stage_dependency(outcome: StageOutcome) -> dict[str, Value]:
    """``dependencies.<stage>`` for stages: outputs are named ``job.step.variable``."""
    outputs = {f"{job}.{name}": value for job, result in outcome.jobs.items() for name, value in result.outputs.items()}
    return {"result": result_text(outcome.result), "outputs": outputs}


def stage_jobs(outcome: StageOutcome) -> dict[str, Value]:
    """``stageDependencies.<stage>``: its jobs."""
    return {name: job_dependency(job) for name, job in outcome.jobs.items()}
