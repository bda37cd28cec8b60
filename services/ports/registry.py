"""The MLflow registry, read and written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from services.domain.registry import (
    Artifact,
    MetricEntry,
    ModelVersion,
    RegisteredModel,
    RegistrySnapshot,
    Run,
    VersionKey,
)


class RegistryReader(Protocol):
    """Reads the MLflow registry with its reliable calls (see `docs/mlflow.md`)."""

    def models(self) -> Iterator[Sequence[RegisteredModel]]:
        """All registered models, page by page, with their aliases."""

    def versions_of(self, models: Sequence[str]) -> Sequence[ModelVersion]:
        """All versions of up to 100 models, as one consistent answer; aliases are NOT filled."""

    def recently_updated(self, since: datetime) -> Sequence[ModelVersion]:
        """Versions whose time stamp changed since then (tags and aliases change none)."""

    def version(self, key: VersionKey) -> ModelVersion:
        """One version with its aliases, fresh. Raises NotFoundError."""

    def model(self, name: str) -> RegisteredModel:
        """One registered model with its aliases, fresh. Raises NotFoundError."""

    def runs(self, run_ids: Sequence[str]) -> Mapping[str, Run]:
        """Runs by id with their logged models, deleted runs included; ids that do not exist are absent."""

    def metric_history(self, run_id: str, name: str) -> Sequence[MetricEntry]:
        """All values of a metric that the run kept, in no certain order. Raises NotFoundError."""

    def tagged_runs(self, experiment_ids: Sequence[str], tag: str) -> Sequence[Run]:
        """Runs of these experiments that have the tag, deleted ones left out."""

    def holders(self, model: str, *, stage: str | None, alias: str | None) -> RegistrySnapshot:
        """The holders of a stage and an alias, fresh."""

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
    """Writes stages and aliases. Nothing is retried; the caller reads back."""

    def move_stage(self, key: VersionKey, stage: str) -> None:
        """Put one version into a stage; does not archive other versions."""

    def set_alias(self, model: str, alias: str, version: int) -> None:
        """Point the alias at the version."""

    def delete_version_tag(self, key: VersionKey, name: str) -> None:
        """Remove one tag of a version; a missing tag is not an error."""

    def delete_run_tag(self, run_id: str, name: str) -> None:
        """Remove one tag of a run."""

    def delete_alias(self, model: str, alias: str) -> None:
        """Remove the alias."""

    def set_version_tag(self, key: VersionKey, name: str, value: str) -> None:
        """Set one tag on a version."""
