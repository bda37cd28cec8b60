"""Run a plan: the engine's entry point for the server."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from azure_devops_server.engine.context import RunContext
from azure_devops_server.engine.journal import RunJournal, RunResult
from azure_devops_server.engine.outcome import JobOutcome, RunOutcome, StageOutcome, from_document, to_document
from azure_devops_server.engine.plan import PipelinePlan
from azure_devops_server.engine.running.graph import run_graph
from azure_devops_server.engine.running.stages import StageRun
from azure_devops_server.engine.step.masking import Masker
from azure_devops_server.engine.step.records import Recorder
from azure_devops_server.engine.step.state import RunState

__all__ = [
    "JobOutcome",
    "RunContext",
    "RunOutcome",
    "StageOutcome",
    "from_document",
    "run_pipeline",
    "to_document",
]


def run_pipeline(plan: PipelinePlan, *, context: RunContext, journal: RunJournal) -> RunOutcome:
    """Run all stages and block until the run has ended; never raises for what a pipeline does.

    Only errors of `journal` itself may pass through. Without ``Build.BuildNumber`` among the predefined variables
    the run is named by the plan, revision 1; otherwise the server has named it already (`PipelinePlan.run_name`).
    """
    masker = Masker()
    for secret in context.secrets.values():
        masker.add(secret)
    if "Build.BuildNumber" not in context.predefined_variables:
        predefined = context.predefined_variables
        journal.rename_run(plan.run_name(now=context.clock(), revision=lambda _: 1, predefined=predefined))
    state = RunState(
        plan=plan,
        context=context,
        journal=journal,
        masker=masker,
        recorder=Recorder(context, journal, masker=masker),
        slots=threading.Semaphore(context.max_parallel_jobs),
    )
    runs = {stage.name: StageRun(state, stage, order=order) for order, stage in enumerate(plan.stages, start=1)}
    for run in runs.values():
        run.announce()
    run_graph({stage.name: stage.depends_on for stage in plan.stages}, lambda name: runs[name].run())
    outcomes = {name: state.stages[name] for name in runs}
    return RunOutcome(run_result(outcomes.values(), cancelled=journal.is_cancelled()), outcomes)


def run_result(outcomes: Iterable[StageOutcome], *, cancelled: bool) -> RunResult:
    """The result of a run from its stages; skipped stages do not count."""
    results = {outcome.result for outcome in outcomes}
    if cancelled and results - {"succeeded", "succeededWithIssues"}:
        return "canceled"
    if "failed" in results:
        return "failed"
    if "canceled" in results:
        return "canceled"
    return "partiallySucceeded" if "succeededWithIssues" in results else "succeeded"
