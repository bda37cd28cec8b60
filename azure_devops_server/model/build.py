"""Pipelines, their runs, and what runs leave behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from azure_devops_server.engine.journal import Record

BuildStatus = Literal["notStarted", "inProgress", "cancelling", "completed"]
BuildResult = Literal["succeeded", "partiallySucceeded", "failed", "canceled"]


@dataclass(frozen=True)
class PipelineVariable:
    """A variable kept at the pipeline itself, not in its YAML."""

    value: str
    is_secret: bool = False
    allow_override: bool = False


@dataclass(frozen=True)
class Pipeline:
    """A YAML pipeline: which file of which repository."""

    id: int
    project_id: str
    name: str
    folder: str
    path: str
    repository_id: str
    created: datetime
    author_id: str
    revision: int = 1
    variables: Mapping[str, PipelineVariable] = field(default_factory=dict)


@dataclass(frozen=True)
class RunVariable:
    """A variable given with a run; the value of a secret one is never stored."""

    value: str | None
    is_secret: bool = False


@dataclass(frozen=True)
class Build:
    """One run of a pipeline: Azure's Run and Build are two views of it."""

    id: int
    project_id: str
    pipeline_id: int
    pipeline_revision: int
    number: str
    number_revision: int
    plan_id: str
    ref: str
    commit: str
    requested_by: str
    """Id of the identity."""
    queued: datetime
    changed: datetime
    status: BuildStatus = "notStarted"
    result: BuildResult | None = None
    started: datetime | None = None
    finished: datetime | None = None
    reason: str = "manual"
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Template parameters as given."""
    variables: Mapping[str, RunVariable] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)
    stages_to_skip: tuple[str, ...] = ()
    cancelled_stages: tuple[str, ...] = ()
    attempt: int = 1
    final_yaml: str = ""
    outcomes: Mapping[str, Any] = field(default_factory=dict)
    """How the stages ended, as the engine wrote it; what a stage retry starts from."""


@dataclass(frozen=True)
class TimelineEntry:
    """A timeline record of a build with what the server adds to it."""

    build_id: int
    record: Record
    change_id: int
    modified: datetime
    log_id: int | None = None
    timeline_id: str | None = None
    """Set once a later attempt has replaced the record: the older timeline it moved to."""
    previous: tuple[tuple[int, str, str], ...] = ()
    """Attempt, record id and timeline id of each earlier attempt."""


@dataclass(frozen=True)
class LogFile:
    """A log of a build or of a deployment of a classic release (`owner`: ``531``, ``deployment-7``)."""

    owner: str
    id: int
    created: datetime
    changed: datetime
    lines: int = 0


@dataclass(frozen=True)
class Artifact:
    """A published folder or file of a build, kept below the server's folder."""

    build_id: int
    id: int
    name: str
    source: str
    size: int


@dataclass(frozen=True)
class Attachment:
    """A file attached to a timeline record (`##vso[task.uploadsummary]` and similar)."""

    build_id: int
    record_id: str
    kind: str
    name: str
    file: str
