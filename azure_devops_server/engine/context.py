"""A run's context besides its plan: folders, variables, limits."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from azure_devops_server.engine.outcome import StageOutcome


def utc_now() -> datetime:
    """The time now, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class RunContext:
    """Folders, variables and limits of a run.

    `work_dir` is the run's own folder and stays the same for all its attempts: artifacts of earlier attempts are
    found there. `source_dir` is the repository; each job that checks out gets its own copy of it.
    `environment` is added to the environment of every step, unmasked. The process environment of the server is
    not: only an allow list of it is passed on.
    """

    work_dir: Path
    source_dir: Path
    predefined_variables: Mapping[str, str] = field(default_factory=dict)
    """Such as ``Build.BuildId``, ``System.TeamProject``; the engine adds those of stage, job and folders."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Secret variables: only for macros and ``env:``, masked in every log. ``System.AccessToken`` belongs here."""
    environment: Mapping[str, str] = field(default_factory=dict)
    stages_to_skip: frozenset[str] = frozenset()
    only_stages: frozenset[str] | None = None
    """For a stage retry: the stages to run now; all others keep their outcome of `previous`."""
    attempt: int = 1
    """Attempt number of the stages that run now."""
    previous: Mapping[str, StageOutcome] = field(default_factory=dict)
    """Outcomes of the attempt before (`RunOutcome.stages`), needed with `only_stages`."""
    retry_all_jobs: bool = False
    """False keeps the jobs of a retried stage that had succeeded, as the stages API does by default."""
    max_parallel_jobs: int = 2
    record_namespace: uuid.UUID = field(default_factory=uuid.uuid4)
    """Record ids derive from it; give the run's plan id, the same for all attempts."""
    python: Path = field(default_factory=lambda: Path(sys.executable))
    """Interpreter that `UsePythonVersion@0` offers first."""
    clock: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic
    """Seconds, for the time limits of steps and jobs."""
    seconds_per_minute: float = 60.0
    """Length of a minute of ``timeoutInMinutes``, so that a demonstration can shorten it."""
    stop_grace: tuple[float, float] = (7.5, 2.5)
    """Seconds from SIGINT to SIGTERM and from SIGTERM to SIGKILL."""

    def seconds(self, minutes: int) -> float:
        """Minutes of the YAML as seconds of `monotonic`."""
        return minutes * self.seconds_per_minute
