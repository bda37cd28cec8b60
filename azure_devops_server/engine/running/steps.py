"""Run the steps of a job, one after another."""

from __future__ import annotations

from dataclasses import replace

from azure_devops_server.engine.expressions.errors import ExpressionError
from azure_devops_server.engine.journal import Record, RecordResult
from azure_devops_server.engine.plan import StepPlan
from azure_devops_server.engine.running.logging_commands import obey
from azure_devops_server.engine.step.records import merged
from azure_devops_server.engine.step.state import JobState
from azure_devops_server.engine.step.status import holds, result_text, step_functions
from azure_devops_server.engine.step.step_run import StepRun
from azure_devops_server.engine.tasks.catalog import task_spec
from azure_devops_server.engine.tasks.table import RUNNERS


def pending_step(job: JobState, step: StepPlan, *, order: int) -> Record:
    """Announce a step."""
    identifier = f"{job.identifier}.{step.name or f'Step{order - 1}'}"
    record = Record(
        id=job.run.recorder.id_of(identifier),
        type="Task",
        name=step.display_name,
        identifier=identifier,
        parent_id=job.record_id,
        order=order,
        attempt=job.run.context.attempt,
        task=(step.task, step.version),
    )
    return job.run.recorder.put(record)


def run_step(job: JobState, step: StepPlan, *, record: Record) -> None:
    """Run one step if its condition holds, and take its result into the job's."""
    recorder = job.run.recorder
    try:
        wanted = step.enabled and _wanted(job, step)
    except ExpressionError as error:
        _finish(
            job,
            step,
            record=recorder.start(record),
            result="failed",
            error=f"The condition of the step failed: {error}",
        )
        return
    if not wanted:
        recorder.finish(record, "skipped")
        return
    started = recorder.start(replace(record, name=job.variables.expand(step.display_name)))
    recorder.log(started.id, [f"##[section]Starting: {started.name}", *_headline(step)])
    run = _attempts(job, step, record=started)
    _finish(job, step, record=run.record, result=run.result, error=None)


def _wanted(job: JobState, step: StepPlan) -> bool:
    cancelled = job.cancelled()
    if cancelled and job.must_end():
        return False
    status: RecordResult = "canceled" if cancelled else job.status
    job.variables.set("Agent.JobStatus", result_text(status))
    names = {**job.names, "variables": job.variables.mapping()}
    return holds(step.condition, names, functions=step_functions(status, cancelled=cancelled))


def _headline(step: StepPlan) -> list[str]:
    rule = "=" * 78
    spec = task_spec(step.task)
    return [rule, f"Task         : {spec.title}", f"Version      : {step.version}", "Runs in      : local server", rule]


def _attempts(job: JobState, step: StepPlan, *, record: Record) -> StepRun:
    run = _attempt(job, step, record=record)
    for number in range(1, step.retries + 1):
        if run.result != "failed" or job.cancelled():
            break
        run.log(
            f"##[warning]RetryHelper encountered task failure, will retry (attempt #: {number} out of {step.retries})"
        )
        run = _attempt(job, step, record=run.record)
    return run


def _attempt(job: JobState, step: StepPlan, *, record: Record) -> StepRun:
    expand = job.variables.expand
    run = StepRun(
        job=job,
        step=step,
        record=record,
        inputs={name: expand(value) for name, value in step.inputs.items()},
        env={name: expand(value) for name, value in step.env.items()},
        obey=obey,
    )
    if step.timeout_minutes:
        context = job.run.context
        run.deadline = context.monotonic() + context.seconds(step.timeout_minutes)
    try:
        RUNNERS[step.task](run)
    except Exception as error:  # noqa: BLE001  # a broken step ends as a failed record, never as a dead run
        run.error(str(error) or type(error).__name__)
        run.conclude("failed")
    return run


def _finish(job: JobState, step: StepPlan, *, record: Record, result: RecordResult, error: str | None) -> None:
    recorder = job.run.recorder
    if result == "failed" and step.continue_on_error:
        result = "succeededWithIssues"
    if error:
        recorder.log(record.id, [f"##[error]{error}"])
    recorder.log(record.id, [f"##[section]Finishing: {record.name}"])
    recorder.finish(record, result, error=error)
    if result != "skipped":
        job.status = merged(job.status, result)
