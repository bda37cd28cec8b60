"""How a run, its stages and jobs ended; what a stage retry needs to know of the attempt before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from azure_devops_server.engine.journal import RecordResult, RunResult


@dataclass(frozen=True)
class JobOutcome:
    """How a job ended; `outputs` are keyed as in ``dependencies.<job>.outputs['…']``."""

    result: RecordResult
    outputs: Mapping[str, str] = field(default_factory=dict)
    secret_outputs: frozenset[str] = frozenset()
    attempt: int = 1
    started: datetime | None = None
    finished: datetime | None = None


@dataclass(frozen=True)
class StageOutcome:
    """How a stage ended, with its jobs by name."""

    result: RecordResult
    jobs: Mapping[str, JobOutcome] = field(default_factory=dict)
    attempt: int = 1


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended, with all its stages by name (also those kept from an earlier attempt)."""

    result: RunResult
    stages: Mapping[str, StageOutcome]


def to_document(stages: Mapping[str, StageOutcome]) -> dict[str, Any]:
    """Stage outcomes as JSON-ready data; secret outputs are left out, so they never rest on disk."""
    return {name: _stage_document(stage) for name, stage in stages.items()}


def from_document(document: Mapping[str, Any]) -> dict[str, StageOutcome]:
    """Read back what `to_document` wrote."""
    return {name: _stage_from(value) for name, value in document.items()}


def _stage_document(stage: StageOutcome) -> dict[str, Any]:
    jobs = {name: _job_document(job) for name, job in stage.jobs.items()}
    return {"result": stage.result, "attempt": stage.attempt, "jobs": jobs}


def _job_document(job: JobOutcome) -> dict[str, Any]:
    return {
        "result": job.result,
        "attempt": job.attempt,
        "outputs": {key: value for key, value in job.outputs.items() if key not in job.secret_outputs},
        "started": job.started.isoformat() if job.started else None,
        "finished": job.finished.isoformat() if job.finished else None,
    }


def _stage_from(document: Mapping[str, Any]) -> StageOutcome:
    jobs = {name: _job_from(value) for name, value in document["jobs"].items()}
    return StageOutcome(result=document["result"], jobs=jobs, attempt=document["attempt"])


def _job_from(document: Mapping[str, Any]) -> JobOutcome:
    return JobOutcome(
        result=document["result"],
        outputs=document["outputs"],
        attempt=document["attempt"],
        started=_moment(document["started"]),
        finished=_moment(document["finished"]),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
