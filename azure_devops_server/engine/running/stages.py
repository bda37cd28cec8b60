"""Run a stage: its condition, its checks, its jobs."""

from __future__ import annotations

from azure_devops_server.engine.expressions.errors import ExpressionError
from azure_devops_server.engine.journal import Checkpoint, Record, RecordResult
from azure_devops_server.engine.outcome import StageOutcome
from azure_devops_server.engine.plan import StagePlan
from azure_devops_server.engine.running.graph import ancestors, run_graph
from azure_devops_server.engine.running.jobs import JobRun
from azure_devops_server.engine.running.predefined import stage_variables
from azure_devops_server.engine.running.scopes import stage_level_variables, stage_names
from azure_devops_server.engine.step.records import worst
from azure_devops_server.engine.step.state import RunState, StageState
from azure_devops_server.engine.step.status import graph_functions, holds

_GOOD = ("succeeded", "succeededWithIssues")
_REJECTED = "A check of the stage was rejected."


class StageRun:
    """One stage of a run."""

    def __init__(self, run: RunState, plan: StagePlan, *, order: int) -> None:
        self._run = run
        self._plan = plan
        self._recorder = run.recorder
        self._record = Record(
            id=run.recorder.id_of(plan.name),
            type="Stage",
            name=plan.display_name,
            identifier=plan.name,
            order=order,
            attempt=run.context.attempt,
        )
        self._state = StageState(run, plan, self._record.id)

    @property
    def _is_kept(self) -> bool:
        only = self._run.context.only_stages
        return only is not None and self._plan.name not in only

    def announce(self) -> None:
        """Show the stage as pending, unless it keeps its earlier outcome."""
        if not self._is_kept:
            self._recorder.put(self._record)

    def run(self) -> None:
        """Run the stage; whatever happens, its outcome is noted and nothing is raised."""
        name = self._plan.name
        if self._is_kept:
            self._run.stages[name] = self._run.context.previous.get(name, StageOutcome("skipped"))
            return
        try:
            result, error = self._result()
        except Exception as problem:  # noqa: BLE001  # the run goes on and tells
            result, error = "failed", str(problem) or type(problem).__name__
        self._recorder.finish(self._record, result, error=error)
        self._run.stages[name] = StageOutcome(result, dict(self._state.jobs), self._run.context.attempt)

    def _result(self) -> tuple[RecordResult, str | None]:
        if self._plan.name in self._run.context.stages_to_skip:
            return "skipped", None
        # Looked at once: a stage that runs in spite of a cancel must not stop for the same cancel.
        by_run, by_stage = self._run.journal.is_cancelled(), self._run.journal.stage_cancelled(self._plan.name)
        try:
            if not self._wanted(cancelled=by_run or by_stage):
                return "skipped", None
        except ExpressionError as error:
            return "failed", f"The condition of the stage failed: {error}"
        self._state.ignores_run, self._state.ignores_stage = by_run, by_stage
        verdict = self._checks()
        if verdict is not None:
            return verdict, _REJECTED if verdict == "failed" else None
        self._record = self._recorder.start(self._record)
        return self._jobs(), None

    def _wanted(self, *, cancelled: bool) -> bool:
        run, plan = self._run, self._plan
        wants = {stage.name: stage.depends_on for stage in run.plan.stages}
        before = {name: run.stages[name].result for name in ancestors(plan.name, wants) if name in run.stages}
        names = stage_names(run, plan)
        variables = stage_level_variables(run, plan, names=names)
        variables.update(stage_variables(plan, attempt=run.context.attempt))
        deselected = run.context.stages_to_skip
        functions = graph_functions(before, cancelled=cancelled, deselected=deselected)
        return holds(plan.condition, {**names, "variables": variables.mapping()}, functions=functions)

    def _checks(self) -> RecordResult | None:
        """Wait for the checks of the stage's environments; None lets the stage start."""
        if not self._plan.environments:
            return None
        checkpoint = Checkpoint(self._record.id, self._plan.name, self._plan.environments)
        answer = self._run.journal.wait_for_checks(checkpoint)
        results: dict[str, RecordResult | None] = {
            "approved": None, "rejected": "failed", "skipped": "skipped", "canceled": "canceled",
        }  # fmt: skip
        return results[answer]

    def _jobs(self) -> RecordResult:
        before = self._run.context.previous.get(self._plan.name, StageOutcome("skipped")).jobs
        runs = {job.name: JobRun(self._state, job, order=order) for order, job in enumerate(self._plan.jobs, start=1)}
        kept = {name for name in runs if self._keeps(name)}
        for name, run in runs.items():
            if name in kept:
                run.keep(before[name])
            else:
                run.announce()
        run_graph(
            {job.name: job.depends_on for job in self._plan.jobs if job.name not in kept}, lambda name: runs[name].run()
        )
        return worst(outcome.result for outcome in self._state.jobs.values())

    def _keeps(self, job: str) -> bool:
        """True for jobs of a retried stage that had succeeded and are not asked to run again."""
        context = self._run.context
        if context.only_stages is None or context.retry_all_jobs:
            return False
        stage = context.previous.get(self._plan.name)
        return stage is not None and job in stage.jobs and stage.jobs[job].result in _GOOD
