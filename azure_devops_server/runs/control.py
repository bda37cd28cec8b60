"""Cancel runs and stages, retry stages, and close what a stopped server left open."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from azure_devops_server.engine.journal import Issue
from azure_devops_server.engine.plan import PipelinePlan
from azure_devops_server.events import Events
from azure_devops_server.model.build import Build, TimelineEntry
from azure_devops_server.resources import Resources
from azure_devops_server.runs.starting import Starter

_INTERRUPTED = "The local server ended while this was in progress. Start a new run."
_GOOD = ("succeeded", "succeededWithIssues")


class RetryRefusedError(Exception):
    """A stage or run cannot be retried now; the text says why."""


class Submit(Protocol):
    """Executes stages of a build again, in the background."""

    def __call__(self, build: Build, *, only_stages: frozenset[str] | None = None, all_jobs: bool = False) -> None:
        """See `Executor.submit`."""


class Control:
    """Changes of builds that exist."""

    def __init__(self, resources: Resources, starter: Starter, events: Events, *, submit: Submit) -> None:
        self._resources = resources
        self._starter = starter
        self._events = events
        self._submit = submit

    def cancel(self, build: Build) -> Build:
        """Ask a run to end; one that has ended stays as it is."""
        now = self._resources.clock()

        def cancelling(row: Build) -> Build:
            return row if row.status == "completed" else replace(row, status="cancelling", changed=now)

        before = build.status
        after = self._resources.state.builds.change(build.id, cancelling)
        if after.status == "cancelling" and before != "cancelling":
            self._events.run_changed(after, "Canceling")
        self._resources.state.notify()
        return after

    def cancel_stage(self, build: Build, stage: str) -> None:
        """Ask one stage to end."""
        self._resources.state.builds.change(
            build.id, lambda row: replace(row, cancelled_stages=(*row.cancelled_stages, stage))
        )
        self._resources.state.notify()

    def retry_stage(self, build: Build, stage: str, *, all_jobs: bool) -> Build:
        """Run a stage that did not succeed again, and all that come after it."""
        plan = self._retryable(build)
        if stage not in {item.name for item in plan.stages}:
            raise RetryRefusedError(f"Stage '{stage}' does not exist in run {build.id}.")
        result = build.outcomes.get(stage, {}).get("result")
        if result in _GOOD and not all_jobs:
            raise RetryRefusedError(
                f"Stage '{stage}' of run {build.id} succeeded; there is no failed job to run again."
            )
        return self._again(build, frozenset(_with_later(plan, stage)), all_jobs=all_jobs)

    def retry(self, build: Build) -> Build:
        """Run all stages that did not succeed again."""
        plan = self._retryable(build)
        wanted = [item.name for item in plan.stages if build.outcomes.get(item.name, {}).get("result") not in _GOOD]
        if not wanted:
            raise RetryRefusedError(f"All stages of run {build.id} succeeded; there is nothing to run again.")
        return self._again(build, frozenset(wanted), all_jobs=False)

    def close_interrupted(self) -> list[Build]:
        """At the start: end what the last process left in progress, as failed and abandoned."""
        state, now = self._resources.state, self._resources.clock()
        left = [build for build in state.builds.all() if build.status != "completed"]
        with state.store.transaction():
            for build in left:
                for entry in state.timeline.within(build.id):
                    if entry.record.state != "completed":
                        state.timeline.put(self._abandoned(entry))
                state.builds.put(
                    replace(build, status="completed", result="failed", finished=now, changed=now, outcomes={})
                )
            for record in state.deployments.all():
                if record.finished is None:
                    state.deployments.put(replace(record, finished=now, result="abandoned"))
        return left

    def _abandoned(self, entry: TimelineEntry) -> TimelineEntry:
        now, record = self._resources.clock(), entry.record
        running = record.state == "inProgress"
        ended = replace(
            record,
            state="completed",
            result="abandoned" if running else "skipped",
            finished=now,
            issues=(*record.issues, Issue("error", _INTERRUPTED)) if running else record.issues,
        )
        return replace(entry, record=ended, modified=now)

    def _retryable(self, build: Build) -> PipelinePlan:
        if build.status != "completed":
            raise RetryRefusedError(
                f"Run {build.id} is still in progress; a stage can be retried once the run has ended."
            )
        if not build.outcomes:
            raise RetryRefusedError(f"Run {build.id} was interrupted; its stages cannot be retried. Start a new run.")
        return self._starter.plan_of(build)

    def _again(self, build: Build, stages: frozenset[str], *, all_jobs: bool) -> Build:
        now = self._resources.clock()

        def reopened(row: Build) -> Build:
            if row.status != "completed":
                raise RetryRefusedError(f"Run {row.id} is already being retried.")
            return replace(
                row,
                status="notStarted",
                result=None,
                finished=None,
                changed=now,
                attempt=row.attempt + 1,
                cancelled_stages=(),
            )

        after = self._resources.state.builds.change(build.id, reopened)
        self._submit(after, only_stages=stages, all_jobs=all_jobs)
        return after


def _with_later(plan: PipelinePlan, stage: str) -> set[str]:
    wanted = {stage}
    for _ in plan.stages:
        wanted |= {item.name for item in plan.stages if wanted & set(item.depends_on)}
    return wanted
