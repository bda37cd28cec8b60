"""Execute builds: one thread a run, steps as child processes of the engine."""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
import traceback
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from azure_devops_server.checks.gate import Gate
from azure_devops_server.engine.journal import Record
from azure_devops_server.engine.runner import RunContext, RunOutcome, from_document, run_pipeline, to_document
from azure_devops_server.events import Events
from azure_devops_server.model.build import Build, BuildResult
from azure_devops_server.predefined import run_variables
from azure_devops_server.resources import Resources
from azure_devops_server.runs.recorder import RunRecorder
from azure_devops_server.runs.starting import RunRefusedError, Starter
from azure_devops_server.values import derived_guid

_LOGGER = logging.getLogger(__name__)
_POLL = 0.1
_KEPT_FOLDERS = 20
"""Working folders of finished runs that are kept for stage retries and for looking at."""


@dataclass(frozen=True)
class Neighbours:
    """The parts that take part in a run."""

    starter: Starter
    events: Events
    gate: Gate


class Executor:
    """Runs builds until `close`."""

    def __init__(self, resources: Resources, neighbours: Neighbours) -> None:
        self._resources = resources
        self._neighbours = neighbours
        self._slots = threading.Semaphore(resources.config.parallel_runs)
        self._threads: dict[int, threading.Thread] = {}
        self._lock = threading.Lock()
        self._closing = resources.closing

    def submit(self, build: Build, *, only_stages: frozenset[str] | None = None, all_jobs: bool = False) -> None:
        """Execute a build, or some stages of it again, in a separate thread."""
        job = _Job(self._resources, self._neighbours, build.id, only_stages=only_stages, all_jobs=all_jobs)
        thread = threading.Thread(target=self._run, args=(job,), name=f"build-{build.id}", daemon=True)
        with self._lock:
            self._threads[build.id] = thread
        thread.start()

    def wait(self, build_id: int, timeout: float) -> bool:
        """True once the build's thread has ended."""
        with self._lock:
            thread = self._threads.get(build_id)
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def close(self, timeout: float) -> bool:
        """Cancel everything, end all child processes, and wait; False if a thread is still alive."""
        self._closing.set()
        self._resources.state.notify()
        with self._lock:
            threads = list(self._threads.values())
        for thread in threads:
            thread.join(timeout)
        return not any(thread.is_alive() for thread in threads)

    def is_closing(self) -> bool:
        """True once the server stops."""
        return self._closing.is_set()

    def _run(self, job: _Job) -> None:
        try:
            if self._acquire(job):
                slot = _Slot(self._slots)
                try:
                    job.run(closing=self._closing.is_set, slot=slot)
                finally:
                    slot.free()
            else:
                job.finish(None, "canceled")
        finally:
            with self._lock:
                if self._threads.get(job.build_id) is threading.current_thread():
                    del self._threads[job.build_id]

    def _acquire(self, job: _Job) -> bool:
        """Wait for a slot; False if the run is cancelled meanwhile."""
        while not self._slots.acquire(timeout=_POLL):
            if self._closing.is_set() or job.build().status == "cancelling":
                return False
        return True


class _Slot:
    """A run's share of the machine, given back while it waits for checks."""

    def __init__(self, slots: threading.Semaphore) -> None:
        self._slots = slots
        self._lock = threading.Lock()
        self._waits = 0

    def waiting(self, begins: bool) -> None:  # noqa: FBT001  (called by the recorder as a plain callback)
        """Give the share back with the first wait, take it again after the last."""
        with self._lock:
            self._waits += 1 if begins else -1
            changed = self._waits == (1 if begins else 0)
        if changed and begins:
            self._slots.release()
        elif changed:
            self._slots.acquire()

    def free(self) -> None:
        """Give the share back permanently."""
        self._slots.release()


class _Job:
    """One execution of a build."""

    def __init__(
        self,
        resources: Resources,
        neighbours: Neighbours,
        build_id: int,
        *,
        only_stages: frozenset[str] | None,
        all_jobs: bool,
    ) -> None:
        self._resources = resources
        self._neighbours = neighbours
        self.build_id = build_id
        self._only = only_stages
        self._all_jobs = all_jobs

    def build(self) -> Build:
        """The build as it is now."""
        return self._resources.build(self.build_id)

    def run(self, *, closing: Callable[[], bool], slot: _Slot) -> None:
        """Execute it; whatever happens, the build ends with a result and a reason."""
        build = self._begin()
        recorder = RunRecorder(
            self._resources,
            self._neighbours.events,
            self._neighbours.gate,
            build,
            closing=closing,
            waiting=slot.waiting,
        )
        try:
            outcome = self._execute(build, recorder)
        except RunRefusedError as refused:
            self._explain(recorder, str(refused))
            self.finish(None, "failed")
        except Exception as error:
            _LOGGER.exception("build %s broke", self.build_id)
            self._explain(recorder, f"The local server failed: {error}\n{traceback.format_exc()}")
            self.finish(None, "failed")
        else:
            self.finish(outcome, outcome.result)

    def finish(self, outcome: RunOutcome | None, result: BuildResult) -> None:
        """Keep how it ended and tell subscribers."""
        now = self._resources.clock()
        document = to_document(outcome.stages) if outcome else {}

        def ended(build: Build) -> Build:
            return replace(
                build,
                status="completed",
                result=result,
                started=build.started or now,
                finished=now,
                changed=now,
                outcomes=document or build.outcomes,
            )

        build = self._resources.state.builds.change(self.build_id, ended)
        self._resources.state.notify()
        self._neighbours.events.build_completed(build)
        self._tidy(build)

    def _begin(self) -> Build:
        now = self._resources.clock()

        def started(build: Build) -> Build:
            status = "inProgress" if build.status == "notStarted" else build.status
            return replace(build, status=status, started=build.started or now, changed=now)

        build = self._resources.state.builds.change(self.build_id, started)
        if build.attempt == 1:
            log = self._resources.files.new_log(build.id)
            self._resources.files.append(log, build.final_yaml or "\n")
        self._neighbours.events.run_changed(build, "InProgress")
        return build

    def _execute(self, build: Build, recorder: RunRecorder) -> RunOutcome:
        plan = self._neighbours.starter.plan_of(build)
        folder = self._resources.work_folder(build.id)
        source = folder / "source"
        self._resources.git(self._resources.repository_of(self._resources.pipeline(build.pipeline_id))).checkout(
            build.commit, source
        )
        token = self._resources.identities.issue(build.id)
        try:
            with _scratch(source):
                return run_pipeline(plan, context=self._context(build, folder, token), journal=recorder)
        finally:
            self._resources.identities.revoke(token)

    def _context(self, build: Build, folder: Path, token: str) -> RunContext:
        pipeline, config = self._resources.pipeline(build.pipeline_id), self._resources.config
        secrets = self._resources.secrets.of_run(build, pipeline)
        return RunContext(
            work_dir=folder,
            source_dir=folder / "source",
            predefined_variables=run_variables(self._resources, build),
            secrets={**secrets, "System.AccessToken": token},
            stages_to_skip=frozenset(build.stages_to_skip),
            only_stages=self._only,
            attempt=build.attempt,
            previous=from_document(build.outcomes) if self._only is not None else {},
            retry_all_jobs=self._all_jobs,
            record_namespace=uuid.UUID(build.plan_id),
            clock=self._resources.clock,
            seconds_per_minute=config.seconds_per_minute,
            stop_grace=config.stop_grace,
        )

    def _explain(self, recorder: RunRecorder, text: str) -> None:
        """Say on the timeline why nothing, or no more, was run."""
        record_id = derived_guid(self.build().plan_id, f"problem-{self.build().attempt}")
        recorder.record(
            Record(
                id=record_id,
                type="Stage",
                name="Run",
                identifier="__run",
                state="completed",
                result="failed",
                started=self._resources.clock(),
                finished=self._resources.clock(),
                attempt=self.build().attempt,
            )
        )
        recorder.write_log(record_id, text)

    def _tidy(self, build: Build) -> None:
        """Drop working folders of runs that ended long ago."""
        finished = sorted(row.id for row in self._resources.state.builds.all() if row.status == "completed")
        for old in finished[:-_KEPT_FOLDERS]:
            if old != build.id:
                shutil.rmtree(self._resources.work_folder(old), ignore_errors=True)


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[None]:
    """Remove a folder afterwards."""
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
