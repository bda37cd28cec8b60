"""A journal that keeps everything, and one call that loads, expands and runs a pipeline for real."""

from __future__ import annotations

import shutil
import textwrap
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from azure_devops_server.engine.context import RunContext
from azure_devops_server.engine.definition import PipelinePlan, expand, load_pipeline
from azure_devops_server.engine.journal import Checkpoint, Deployment, Record, RecordResult, TestAttachment
from azure_devops_server.engine.runner import RunOutcome, run_pipeline

Verdict = Literal["approved", "rejected", "skipped", "canceled"]


@dataclass
class KeptJournal:
    """What a server would keep; `copies` is where published artifacts go."""

    copies: Path
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    on_line: Callable[[str], None] = lambda _: None
    """Called with each logged line, without its time."""
    records: dict[str, Record] = field(default_factory=dict)
    history: list[Record] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    tests: list[TestAttachment] = field(default_factory=list)
    artifacts: dict[str, Path] = field(default_factory=dict)
    uploads: list[tuple[str, str, str]] = field(default_factory=list)
    deployments: list[tuple[Deployment, RecordResult | None]] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)
    cancelled_stages: set[str] = field(default_factory=set)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def record(self, record: Record) -> None:
        with self.lock:
            self.records[record.id] = record
            self.history.append(record)

    def write_log(self, record_id: str, text: str) -> None:
        with self.lock:
            self.logs[record_id] = self.logs.get(record_id, "") + text
        for line in text.splitlines():
            self.on_line(line[29:])

    def rename_run(self, build_number: str) -> None:
        self.names.append(build_number)

    def add_tag(self, tag: str) -> None:
        self.tags.append(tag)

    def publish_tests(self, attachment: TestAttachment) -> None:
        assert all(path.is_file() for path in attachment.files)
        self.tests.append(attachment)

    def publish_artifact(self, name: str, path: Path) -> None:
        copy = self.copies / name
        if path.is_dir():
            shutil.copytree(path, copy)
        else:
            copy.mkdir(parents=True)
            shutil.copy2(path, copy)
        self.artifacts[name] = copy

    def upload(self, record_id: str, path: Path, *, kind: str) -> None:
        self.uploads.append((self.records[record_id].name, kind, path.read_text()))

    def deployment_started(self, deployment: Deployment) -> str:
        with self.lock:
            self.deployments.append((deployment, None))
            return str(len(self.deployments) - 1)

    def deployment_finished(self, deployment_id: str, result: RecordResult) -> None:
        with self.lock:
            self.deployments[int(deployment_id)] = (self.deployments[int(deployment_id)][0], result)

    def wait_for_checks(self, checkpoint: Checkpoint) -> Verdict:
        self.checkpoints.append(checkpoint)
        return self.verdicts.get(checkpoint.stage, "approved")

    def is_cancelled(self) -> bool:
        return self.cancelled.is_set()

    def stage_cancelled(self, stage: str) -> bool:
        return stage in self.cancelled_stages

    # Looking

    def find(self, identifier: str, attempt: int | None = None) -> Record:
        found = [
            record
            for record in self.records.values()
            if record.identifier == identifier and attempt in (None, record.attempt)
        ]
        assert len(found) == 1, f"{identifier}: {len(found)} of {sorted(r.identifier for r in self.records.values())}"
        return found[0]

    def result(self, identifier: str) -> RecordResult | None:
        return self.find(identifier).result

    def named(self, name: str) -> Record:
        found = [record for record in self.records.values() if record.name == name]
        assert len(found) == 1, f"{name}: {len(found)} of {sorted(r.name for r in self.records.values())}"
        return found[0]

    def log_of(self, name: str) -> str:
        return self.logs.get(self.named(name).id, "")

    def lines(self, name: str) -> list[str]:
        """Log lines without their times and without the frame that every step has."""
        return [line[29:] for line in self.log_of(name).splitlines()]

    @property
    def all_logs(self) -> str:
        return "".join(self.logs.values())


def plan_of(
    text: str,
    *,
    parameters: Mapping[str, object] | None = None,
    files: Mapping[str, str] | None = None,
    **more: Any,
) -> PipelinePlan:
    """Load and expand a pipeline that is written as an indented text."""
    templates = {path: textwrap.dedent(content) for path, content in (files or {}).items()}
    definition = load_pipeline(textwrap.dedent(text), read_template=templates.__getitem__)
    defaults: dict[str, Any] = {"variables": {}, "predefined": {}}
    return expand(definition, parameters=parameters or {}, **(defaults | more))


@dataclass
class Watch:
    """A clock for time limits that only moves when told to."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class World:
    """A place to run pipelines in; one folder, any number of runs."""

    folder: Path
    journal: KeptJournal
    context: dict[str, Any] = field(default_factory=dict)
    watch: Watch = field(default_factory=Watch)

    def on(self, line: str, act: Callable[[], None]) -> None:
        """Do something when a step has printed this line."""
        before = self.journal.on_line

        def on_line(text: str) -> None:
            before(text)
            if text == line:
                act()

        self.journal.on_line = on_line

    def pass_minutes(self, minutes: float) -> None:
        """Let time go by, as far as time limits are concerned."""
        self.watch.seconds += 60 * minutes

    def run(self, text: str, *, context: Mapping[str, Any] | None = None, **plan: Any) -> RunOutcome:
        """Run a pipeline to its end in real processes."""
        (self.folder / "source").mkdir(exist_ok=True)
        settings: dict[str, Any] = {
            "work_dir": self.folder / "work",
            "source_dir": self.folder / "source",
            "predefined_variables": {"Build.BuildId": "501", "Build.BuildNumber": "1"},
            "stop_grace": (5, 5),
            "monotonic": self.watch,
        }
        made = RunContext(**(settings | self.context | dict(context or {})))
        return run_pipeline(plan_of(text, **plan), context=made, journal=self.journal)
