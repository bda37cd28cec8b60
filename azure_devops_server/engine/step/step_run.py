"""A step while it runs: what tasks use to log, start processes and speak about problems."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from azure_devops_server.engine.journal import Issue, Record, RecordResult
from azure_devops_server.engine.plan import StepPlan
from azure_devops_server.engine.step.commands import is_command
from azure_devops_server.engine.step.errors import TaskError
from azure_devops_server.engine.step.own_python import without_the_servers_own
from azure_devops_server.engine.step.process import Line, ProcessCall
from azure_devops_server.engine.step.records import merged
from azure_devops_server.engine.step.state import JobState
from azure_devops_server.engine.step.status import holds, step_functions

_PASSED_ON = (
    "PATH", "HOME", "LANG", "LANGUAGE", "TZ", "USER", "LOGNAME", "SHELL", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
)  # fmt: skip
_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
_ISSUES_KEPT = 10
"""Issues of one kind that a record keeps, as the real timeline does."""


@dataclass
class StepRun:
    """One attempt of a step. `inputs` and `env` have their macros filled in."""

    job: JobState
    step: StepPlan
    record: Record
    inputs: Mapping[str, str]
    env: Mapping[str, str]
    obey: Callable[[str, StepRun], None]
    """Carries out a logging command that a line of output holds."""
    deadline: float | None = None
    result: RecordResult = "succeeded"
    counts: dict[str, int] = field(default_factory=lambda: {"error": 0, "warning": 0})

    # Speaking

    def log(self, *lines: str) -> None:
        """Append to the step's log."""
        self.job.run.recorder.log(self.record.id, lines)

    def error(self, message: str) -> None:
        """Log an error and keep it as an issue; does not change the result."""
        self._issue(Issue("error", message))

    def warning(self, message: str) -> None:
        """Log a warning and keep it as an issue."""
        self._issue(Issue("warning", message))

    def _issue(self, issue: Issue) -> None:
        self.log(f"##[{issue.type}]{issue.message}")
        self.counts[issue.type] += 1
        if self.counts[issue.type] <= _ISSUES_KEPT:
            self.update(replace(self.record, issues=(*self.record.issues, issue)))

    def update(self, record: Record) -> None:
        """Publish the record in its present state."""
        self.record = self.job.run.recorder.put(record)

    def conclude(self, result: RecordResult) -> None:
        """Take in a verdict; the worse one counts."""
        self.result = merged(self.result, result)

    # Places

    def path(self, text: str, *, base: Path | None = None) -> Path:
        """A path of an input, relative to the sources."""
        return (base or self.job.folders.sources) / text

    def working_directory(self) -> Path:
        """The input ``workingDirectory``, which must exist."""
        folder = self.path(self.inputs.get("workingDirectory", ""))
        if not folder.is_dir():
            raise TaskError(f"Not found workingDirectory: {folder}")
        return folder

    # Processes

    def environment(self) -> dict[str, str]:
        """Environment variables of the step: allow list, context, variables that are not secret, own ``env:``."""
        passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        passed |= {name: value for name, value in os.environ.items() if name.startswith("LC_")}
        merged_env = {**passed, **self.job.run.context.environment, **self.job.variables.environment(), **self.env}
        prefix = os.pathsep.join(reversed(self.job.prepended))
        path = without_the_servers_own(self.job, merged_env.get("PATH", _DEFAULT_PATH))
        return {**merged_env, "PATH": f"{prefix}{os.pathsep}{path}" if prefix else path, "TF_BUILD": "True"}

    def execute(self, argv: Sequence[str], *, fail_on_stderr: bool = False) -> None:
        """Run a process in the working directory; its exit code and logging commands decide the result."""
        self.log(f"##[command]{' '.join(argv)}")
        call = ProcessCall(argv, self.working_directory(), self.environment(), separate_stderr=fail_on_stderr)
        try:
            end = self.job.processes.run(
                call,
                on_lines=lambda lines: self._take(lines, fail_on_stderr=fail_on_stderr),
                should_stop=self.should_stop,
            )
        except OSError as error:
            raise TaskError(f"Unable to start '{argv[0]}': {error.strerror}") from error
        if end.stopped:
            self._stopped(end.stopped)
        elif end.exit_code != 0:
            self.error(f"{self._program()} exited with code '{end.exit_code}'.")
            self.conclude("failed")

    def _program(self) -> str:
        return "The process" if self.step.task == "PythonScript" else "Bash"

    def _take(self, lines: Sequence[Line], *, fail_on_stderr: bool) -> None:
        plain: list[str] = []
        for stream, text in lines:
            if is_command(text):
                self._flush(plain)
                self.obey(text, self)
            elif stream == "stderr" and fail_on_stderr and text.strip():
                self._flush(plain)
                self.error(text)
                self.conclude("failed")
            else:
                plain.append(text)
        self._flush(plain)

    def _flush(self, lines: list[str]) -> None:
        if lines:
            self.log(*lines)
            lines.clear()

    # Ending early

    def should_stop(self) -> str | None:
        """Why the step must end now: ``timeout``, ``canceled``, or None."""
        if self.deadline is not None and self.job.run.context.monotonic() >= self.deadline:
            return "timeout"
        if self.job.cancelled() and (self.job.must_end() or not self._runs_on()):
            return "canceled"
        return None

    def _runs_on(self) -> bool:
        functions = step_functions("canceled", cancelled=True)
        names = {**self.job.names, "variables": self.job.variables.mapping()}
        return holds(self.step.condition, names, functions=functions)

    def _stopped(self, reason: str) -> None:
        if reason == "timeout":
            self.error("The task has timed out.")
            self.conclude("failed")
        else:
            self.error("The operation was canceled.")
            self.conclude("canceled")
