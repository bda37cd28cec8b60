"""Run a job: its instances, each with separate folders, variables and processes."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace

from azure_devops_server.engine.expressions.errors import ExpressionError
from azure_devops_server.engine.journal import Deployment, Record, RecordResult
from azure_devops_server.engine.outcome import JobOutcome
from azure_devops_server.engine.plan import InstancePlan, JobPlan
from azure_devops_server.engine.reading.jobs import DEFAULT_INSTANCE
from azure_devops_server.engine.running.graph import ancestors, run_graph
from azure_devops_server.engine.running.predefined import folder_variables, job_variables
from azure_devops_server.engine.running.scopes import job_level_variables, job_names
from azure_devops_server.engine.running.steps import pending_step, run_step
from azure_devops_server.engine.step.process import Processes
from azure_devops_server.engine.step.records import worst
from azure_devops_server.engine.step.state import Folders, JobState, StageState
from azure_devops_server.engine.step.status import graph_functions, holds

_WAIT = 0.1


@dataclass
class _Ended:
    result: RecordResult
    outputs: dict[str, str]
    secret_outputs: set[str]


class JobRun:
    """One job of a stage: the Phase record and what is below it."""

    def __init__(self, stage: StageState, plan: JobPlan, *, order: int) -> None:
        self._stage = stage
        self._plan = plan
        self._recorder = stage.run.recorder
        self._ended: dict[str, _Ended] = {}
        self._ignores_cancel = False
        identifier = f"{stage.plan.name}.{plan.name}"
        self._phase = Record(
            id=self._recorder.id_of(identifier),
            type="Phase",
            name=plan.display_name,
            identifier=identifier,
            parent_id=stage.record_id,
            order=order,
            attempt=stage.run.context.attempt,
        )

    def announce(self) -> None:
        """Show the job as pending."""
        self._recorder.put(self._phase)

    def keep(self, outcome: JobOutcome) -> None:
        """Show a job that had succeeded in an earlier attempt, under the stage's new record."""
        record_id = self._recorder.id_of(self._phase.identifier, outcome.attempt)
        self._recorder.put(
            replace(
                self._phase,
                id=record_id,
                attempt=outcome.attempt,
                state="completed",
                result=outcome.result,
                started=outcome.started,
                finished=outcome.finished,
            )
        )
        self._stage.jobs[self._plan.name] = outcome

    def run(self) -> None:
        """Run the job if its condition holds; all that goes wrong becomes its result."""
        # Asked once: a cancel that comes after this stops the job, whatever its condition says.
        cancelled = self._stage.cancelled()
        try:
            wanted = self._wanted(cancelled=cancelled)
        except ExpressionError as error:
            self._close("failed", f"The condition of the job failed: {error}")
            return
        if not wanted:
            self._skip()
            return
        self._ignores_cancel = cancelled
        self._phase = self._recorder.start(self._phase)
        try:
            result = self._run_instances()
        except Exception as error:  # noqa: BLE001  # the run goes on and tells
            self._close("failed", str(error) or type(error).__name__)
            return
        self._close(result)

    def _wanted(self, *, cancelled: bool) -> bool:
        stage, plan = self._stage, self._plan
        wants = {job.name: job.depends_on for job in stage.plan.jobs}
        before = {name: stage.jobs[name].result for name in ancestors(plan.name, wants) if name in stage.jobs}
        names = job_names(stage, plan)
        instance = InstancePlan(DEFAULT_INSTANCE, plan.display_name, ())
        variables = job_level_variables(stage, plan, instance=instance, names=names)
        functions = graph_functions(before, cancelled=cancelled)
        return holds(plan.condition, {**names, "variables": variables.mapping()}, functions=functions)

    def _skip(self) -> None:
        for order, instance in enumerate(self._plan.instances, start=1):
            self._recorder.finish(self._job_record(instance, order=order), "skipped")
        self._close("skipped")

    def _close(self, result: RecordResult, error: str | None = None) -> None:
        if result == "failed" and self._plan.continue_on_error:
            result = "succeededWithIssues"
        phase = self._recorder.finish(self._phase, result, error=error)
        outputs: dict[str, str] = {}
        secret: set[str] = set()
        for name, ended in self._ended.items():
            prefix = "" if name == DEFAULT_INSTANCE else f"{name}."
            outputs |= {prefix + key: value for key, value in ended.outputs.items()}
            secret |= {prefix + key for key in ended.secret_outputs}
        self._stage.jobs[self._plan.name] = JobOutcome(
            result, outputs, frozenset(secret), phase.attempt, phase.started, phase.finished
        )

    # Instances

    def _run_instances(self) -> RecordResult:
        if self._plan.is_deployment:
            return self._deploy()
        by_name = {instance.name: (order, instance) for order, instance in enumerate(self._plan.instances, start=1)}

        def run_one(name: str) -> None:
            order, instance = by_name[name]
            self._instance(instance, order=order)

        run_graph(dict.fromkeys(by_name, ()), run_one)
        return worst(self._ended[name].result for name in by_name)

    def _deploy(self) -> RecordResult:
        journal = self._stage.run.journal
        if not self._plan.environment:
            return self._hooks()
        deployment = Deployment(
            self._plan.environment, self._stage.plan.name, self._plan.name, self._stage.run.context.attempt
        )
        deployment_id = journal.deployment_started(deployment)
        result: RecordResult = "failed"
        try:
            result = self._hooks()
        finally:
            journal.deployment_finished(deployment_id, result)
        return result

    def _hooks(self) -> RecordResult:
        """The hooks of runOnce in order; after a failed one only ``on: failure``."""
        main = [item for item in self._plan.instances if item.hook not in ("success", "failure")]
        for number, instance in enumerate(main):
            self._instance(instance, order=number + 1)
            if self._ended[instance.name].result in ("failed", "canceled"):
                self._skip_hooks(main[number + 1 :], after=number + 1)
                break
        result = worst(ended.result for ended in self._ended.values())
        last = "failure" if result == "failed" else "success" if result != "canceled" else ""
        self._last_hook(last, after=len(main))
        return worst([result, *(ended.result for ended in self._ended.values())])

    def _skip_hooks(self, instances: Sequence[InstancePlan], *, after: int) -> None:
        for order, instance in enumerate(instances, start=after + 1):
            self._recorder.finish(self._job_record(instance, order=order), "skipped")

    def _last_hook(self, wanted: str, *, after: int) -> None:
        for instance in self._plan.instances:
            if instance.hook not in ("success", "failure"):
                continue
            after += 1
            if instance.hook == wanted:
                self._instance(instance, order=after)
            else:
                self._skip_hooks([instance], after=after - 1)

    def _job_record(self, instance: InstancePlan, *, order: int) -> Record:
        identifier = f"{self._phase.identifier}.{instance.name}"
        return Record(
            id=self._recorder.id_of(identifier),
            type="Job",
            name=instance.display_name,
            identifier=identifier,
            parent_id=self._phase.id,
            order=order,
            attempt=self._phase.attempt,
        )

    def _instance(self, instance: InstancePlan, *, order: int) -> None:
        record = self._recorder.put(self._job_record(instance, order=order))
        if not self._slot():
            self._recorder.finish(record, "canceled", error="The job was canceled before it started.")
            self._ended[instance.name] = _Ended("canceled", {}, set())
            return
        try:
            self._ended[instance.name] = self._on_agent(instance, record)
        except Exception as error:  # noqa: BLE001  # the run goes on and tells
            self._recorder.finish(record, "failed", error=str(error) or type(error).__name__)
            self._ended[instance.name] = _Ended("failed", {}, set())
        finally:
            self._stage.run.slots.release()

    def _slot(self) -> bool:
        """Wait for a free agent; False if the job is cancelled meanwhile."""
        while not self._stage.run.slots.acquire(timeout=_WAIT):
            if not self._ignores_cancel and self._stage.cancelled():
                return False
        if not self._ignores_cancel and self._stage.cancelled():
            self._stage.run.slots.release()
            return False
        return True

    def _on_agent(self, instance: InstancePlan, record: Record) -> _Ended:
        record = self._recorder.start(record)
        job = self._job_state(instance, record)
        try:
            _all_steps(job, instance)
        finally:
            job.processes.finish()
            shutil.rmtree(job.folders.temp, ignore_errors=True)
        error = None
        if job.out_of_time:
            minutes = self._plan.timeout_minutes
            error = f"The job running on agent local ran longer than the maximum time of {minutes} minutes."
        result: RecordResult = "canceled" if job.cancelled_at is not None and job.status != "failed" else job.status
        self._recorder.finish(record, "canceled" if error else result, error=error)
        return _Ended("canceled" if error else result, job.outputs, job.secret_outputs)

    def _job_state(self, instance: InstancePlan, record: Record) -> JobState:
        stage, context = self._stage, self._stage.run.context
        parts = (f"attempt{context.attempt}", stage.plan.name, self._plan.name, instance.name)
        folders = Folders(context.work_dir.joinpath("jobs", *parts).resolve())
        folders.make()
        names = job_names(stage, self._plan)
        variables = job_level_variables(stage, self._plan, instance=instance, names=names)
        variables.update(folder_variables(folders), readonly=True)
        attempt = context.attempt
        variables.update(job_variables(stage.plan, self._plan, instance=instance, attempt=attempt, record_id=record.id))
        limit = context.seconds(self._plan.timeout_minutes)
        return JobState(
            stage=stage,
            plan=self._plan,
            instance=instance,
            identifier=record.identifier,
            record_id=record.id,
            folders=folders,
            variables=variables,
            names=names,
            processes=Processes(context.stop_grace),
            ignores_cancel=self._ignores_cancel,
            deadline=context.monotonic() + limit if limit else None,
        )


def _all_steps(job: JobState, instance: InstancePlan) -> None:
    records = [pending_step(job, step, order=order) for order, step in enumerate(instance.steps, start=2)]
    _frame(job, "Initialize job", order=1, lines=["Agent name: 'local'", f"Working folder: {job.folders.workspace}"])
    for step, record in zip(instance.steps, records, strict=True):
        run_step(job, step, record=record)
    ended = job.processes.finish()
    lines = [f"Terminated orphan processes of {ended} step(s)."] if ended else ["No orphan processes."]
    _frame(job, "Finalize Job", order=len(records) + 2, lines=lines)


def _frame(job: JobState, name: str, *, order: int, lines: Sequence[str]) -> None:
    recorder = job.run.recorder
    identifier = f"{job.identifier}.{name.title().replace(' ', '')}"
    record = recorder.start(
        Record(
            id=recorder.id_of(identifier),
            type="Task",
            name=name,
            identifier=identifier,
            parent_id=job.record_id,
            order=order,
            attempt=job.run.context.attempt,
        )
    )
    recorder.log(record.id, [f"##[section]Starting: {name}", *lines, f"##[section]Finishing: {name}"])
    recorder.finish(record, "succeeded")
