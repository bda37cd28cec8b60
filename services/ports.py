"""What the services need from outside, as Protocols. Adapters implement them; `bootstrap` chooses.

Every method of a port that talks to another system has a bounded time and raises only `UpstreamError`s (and
`NotFoundError`); writes are sent once and never retried by the adapter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

from services.domain.predictions import PredictionQuery, PredictionRecord
from services.domain.registry import (
    Artifact,
    ModelVersion,
    RegisteredModel,
    RegistrySnapshot,
    Run,
    VersionKey,
)
from services.domain.releases import (
    DeploymentRecord,
    EnvironmentCheck,
    ReleaseRun,
    RunApproval,
    RunArtifact,
    RunRef,
    RunStart,
    RunTests,
    TimelineItem,
)


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """The current time, UTC-aware."""


class Ids(Protocol):
    """Where new ids come from."""

    def new(self, prefix: str) -> str:
        """A new unique id such as ``req-01h…``: lower case, digits and hyphens only."""


class RegistryReader(Protocol):
    """Reads the MLflow registry by the calls that tell the truth (see `docs/mlflow.md`)."""

    def models(self) -> Iterator[Sequence[RegisteredModel]]:
        """All registered models, page by page, with their aliases."""

    def versions_of(self, models: Sequence[str]) -> Sequence[ModelVersion]:
        """All versions of up to 100 models, as one consistent answer; aliases are NOT filled."""

    def recently_updated(self, since: datetime) -> Sequence[ModelVersion]:
        """Versions whose time stamp moved since then (tags and aliases move none)."""

    def version(self, key: VersionKey) -> ModelVersion:
        """One version with its aliases, fresh. Raises NotFoundError."""

    def model(self, name: str) -> RegisteredModel:
        """One registered model with its aliases, fresh. Raises NotFoundError."""

    def runs(self, run_ids: Sequence[str]) -> Mapping[str, Run]:
        """Runs by id, deleted ones included; ids that do not exist are absent."""

    def tagged_runs(self, experiment_ids: Sequence[str], tag: str) -> Sequence[Run]:
        """Runs of these experiments that have the tag, deleted ones left out."""

    def holders(self, model: str, *, stage: str | None, alias: str | None) -> RegistrySnapshot:
        """Who holds a stage and an alias, fresh."""

    def artifacts(self, run_id: str, path: str = "") -> Sequence[Artifact]:
        """The run's artifacts below a path, one level."""

    def read_artifact(self, run_id: str, path: str, *, limit: int) -> bytes:
        """One artifact of a run, at most `limit` bytes (InvalidInputError when larger, NotFoundError when absent)."""

    def read_model_file(self, key: VersionKey, path: str, *, limit: int) -> bytes:
        """One file of the version's model, such as MLmodel or requirements.txt."""

    def model_files(self, key: VersionKey) -> Sequence[Artifact]:
        """All files of the version's model, by path, without reading them."""

    def artifact_digest(self, key: VersionKey) -> str:
        """``sha256:…`` over the version's model files (path and content of each, sorted by path)."""

    def save_model(self, key: VersionKey, folder: Path) -> str:
        """Write the version's model files below an empty folder; gives their `artifact_digest`."""


class RegistryWriter(Protocol):
    """Moves stages and aliases. Nothing is retried; the caller reads back."""

    def move_stage(self, key: VersionKey, stage: str) -> None:
        """Put one version into a stage; archives nothing else by itself."""

    def set_alias(self, model: str, alias: str, version: int) -> None:
        """Point the alias at the version."""

    def delete_version_tag(self, key: VersionKey, name: str) -> None:
        """Remove one tag of a version; one that is not there is no error."""

    def delete_run_tag(self, run_id: str, name: str) -> None:
        """Remove one tag of a run."""

    def delete_alias(self, model: str, alias: str) -> None:
        """Remove the alias."""

    def set_version_tag(self, key: VersionKey, name: str, value: str) -> None:
        """Set one tag on a version."""


class ReleasePipelines(Protocol):
    """What carries releases out in Azure DevOps: YAML pipelines and classic releases (`RunRef.kind`)."""

    def start(self, start: RunStart) -> ReleaseRun:
        """Start a run; sent once. Raises UnknownOutcomeError when no answer came back."""

    def find_by_request(self, start: RunStart) -> ReleaseRun | None:
        """An earlier start with the same request id, or None."""

    def get(self, ref: RunRef) -> ReleaseRun:
        """The run as it is now."""

    def get_many(self, refs: Sequence[RunRef]) -> Sequence[ReleaseRun]:
        """Runs as they are now, in few calls; one that is gone is left out."""

    def timeline(self, ref: RunRef) -> Sequence[TimelineItem]:
        """Stages, jobs and steps; empty while there is none."""

    def log(self, ref: RunRef, log_id: int, *, last_lines: int = 200) -> str:
        """The tail of a log."""

    def tests(self, ref: RunRef) -> Sequence[RunTests]:
        """Test runs and their results that belong to the run."""

    def artifacts(self, ref: RunRef) -> Sequence[RunArtifact]:
        """Published artifacts."""

    def approvals(self, ref: RunRef, timeline: Sequence[TimelineItem]) -> Sequence[RunApproval]:
        """Approvals that the run waits for or has had; a YAML pipeline's timeline names them."""

    def decide(self, ref: RunRef, approval_id: str, *, is_approved: bool, comment: str = "") -> None:
        """Approve or reject in Azure DevOps, as the portal's account."""

    def cancel(self, ref: RunRef) -> None:
        """Ask the run to stop."""

    def retry_stage(self, ref: RunRef, stage: str) -> None:
        """Run a failed stage again."""

    def add_tags(self, ref: RunRef, tags: Sequence[str]) -> None:
        """Tag the run."""

    def checks(self, project: str, environment: str) -> Sequence[EnvironmentCheck]:
        """Checks that stand before an environment. Raises NotFoundError for an unknown environment."""

    def deployments(self, project: str, environment: str, *, limit: int = 50) -> Sequence[DeploymentRecord]:
        """Deployments into an environment, newest first. Raises NotFoundError for an unknown environment."""

    def ping(self) -> None:
        """Raise when the organization cannot be reached or refuses the credentials."""


@dataclass(frozen=True)
class DateRange:
    """Days, both ends included."""

    first: date
    last: date


class InferenceLog(Protocol):
    """Finds prediction records."""

    def find(self, request_id: str, *, days: DateRange | None = None) -> Sequence[PredictionRecord]:
        """None, one, or several when the id is ambiguous (at most 10)."""

    def search(self, wanted: PredictionQuery) -> Sequence[PredictionRecord]:
        """Records of a model in a window of time, newest first, at most `limit` and one more when there are more."""

    def recent(self, limit: int = 20) -> Sequence[PredictionRecord]:
        """The newest records, for a picker; may be empty."""

    def check(self) -> str:
        """What is there, in words. Raises SettingsError when a mapped column is missing, UpstreamError."""


@dataclass(frozen=True)
class CatalogueChange:
    """One batch that the sync writes at once: these models with exactly these versions."""

    models: tuple[RegisteredModel, ...]
    versions: tuple[ModelVersion, ...]
    runs: Mapping[str, Run]
    seen_at: datetime
