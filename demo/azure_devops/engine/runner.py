"""Run a plan: the engine's entry point for the server."""

from __future__ import annotations

from demo.azure_devops.engine.context import RunContext
from demo.azure_devops.engine.journal import RunJournal
from demo.azure_devops.engine.outcome import JobOutcome, RunOutcome, StageOutcome, from_document, to_document
from demo.azure_devops.engine.plan import PipelinePlan

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

    Without ``Build.BuildNumber`` among the predefined variables the run is named by the plan, revision 1.
    """
    if "Build.BuildNumber" not in context.predefined_variables:
        journal.rename_run(plan.run_name(now=context.clock(), revision=lambda _: 1))
    return RunOutcome(result="succeeded", stages={})
