"""The contents of the MLflow registry, as the portal models them.

Names follow MLflow: registered model, model version, stage, alias, run, dataset. `(model, version)` is not unique:
a model that is deleted and recreated starts at 1 again, so the creation time is part of the identity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

ArtifactKind = Literal["file", "folder"]

_LOGGED_MODEL = re.compile(r"models:/(?P<id>m-[A-Za-z0-9_-]{1,64})")
_IN_STORE = re.compile(r".+/models/(?P<id>m-[A-Za-z0-9_-]{1,64})/artifacts/?")


@dataclass(frozen=True)
class Dataset:
    """A dataset input of a run."""

    name: str
    digest: str
    """MLflow's own digest; it does not cover everything (`services.domain.datasets.blind_spots`)."""
    context: str = ""
    """training, evaluation, …; empty if not logged."""
    source: str = ""
    source_type: str = ""
    rows: int | None = None
    content_digest: str = ""
    """``sha256:…`` over every value, as `countersign dataset digest` prints it; empty when the run has no such tag."""
    columns: tuple[str, ...] = ()
    """Names of its columns, where the logger wrote a schema."""

    @property
    def best_digest(self) -> str:
        """The digest that covers most of the data."""
        return self.content_digest or self.digest

    @property
    def is_training(self) -> bool:
        """True only when the logger said so."""
        return self.context.strip().lower() in {"train", "training"}


@dataclass(frozen=True)
class MetricEntry:
    """One value that MLflow keeps for a logged model."""

    name: str
    value: float | None
    """None: MLflow shows 0, and the run that measured says NaN or nothing."""
    run_id: str
    """The run that measured; not always the one that made the model."""
    step: int = 0
    timestamp: int = 0
    """Milliseconds since 1970, by the clock of whoever logged it."""
    dataset_name: str = ""
    dataset_digest: str = ""


@dataclass(frozen=True)
class RunModel:
    """A logged model that a run made."""

    model_id: str
    created: int = 0
    """Milliseconds since 1970, by the server's clock."""
    step: int = 0
    """Step at which the run logged the model; only metrics of that step are copied to it."""
    versions: tuple[str, ...] = ()
    """Versions registered from it, like ``census-income/3``."""
    metrics: tuple[MetricEntry, ...] = ()


@dataclass(frozen=True)
class Run:
    """A run: parameters, latest metrics, tags and datasets."""

    run_id: str
    experiment_id: str
    name: str = ""
    status: str = ""
    user: str = ""
    """Reported by the client; MLflow does not verify it."""
    started: datetime | None = None
    ended: datetime | None = None
    deleted: bool = False
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Latest values of the run, whichever of its models they are about: see `services.domain.model_metrics`."""
    tags: Mapping[str, str] = field(default_factory=dict)
    datasets: tuple[Dataset, ...] = ()
    metrics_at: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Step and time (milliseconds) of each latest value, where MLflow says."""
    models: tuple[RunModel, ...] | None = None
    """Its logged models that still exist; None when they were not read."""
    model_ids: tuple[str, ...] = ()
    """All models that it ever logged, deleted ones included."""
    models_problem: str = ""
    """Why its logged models could not be read."""

    @property
    def training_data(self) -> tuple[Dataset, ...]:
        """Data sets that were logged as training data; empty means unknown, whatever else was logged."""
        return tuple(dataset for dataset in self.datasets if dataset.is_training)

    @property
    def git_commit(self) -> str | None:
        """The commit that the run reports, if any."""
        return self.tags.get("mlflow.source.git.commit") or None


@dataclass(frozen=True)
class Artifact:
    """One path below a run or a model, relative to its root."""

    path: str
    kind: ArtifactKind
    size: int | None = None
    """Bytes; None for folders and if the store does not report it."""


@dataclass(frozen=True)
class RegisteredModel:
    """A registered model; `aliases` maps alias to version number."""

    name: str
    created: datetime
    updated: datetime
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, order=True)
class VersionKey:
    """Identifies a version in addresses and requests."""

    model: str
    version: int

    def __str__(self) -> str:
        """For people: ``census-income v5``."""
        return f"{self.model} v{self.version}"


@dataclass(frozen=True)
class ModelVersion:
    """A model version in the registry."""

    model: str
    version: int
    created: datetime
    updated: datetime
    stage: str = "None"
    status: str = "READY"
    description: str = ""
    source: str = ""
    run_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()

    @property
    def key(self) -> VersionKey:
        """Model and version number."""
        return VersionKey(self.model, self.version)

    @property
    def logged_model_id(self) -> str | None:
        """``m-…`` parsed from the source, the only place where MLflow stores it. None for another kind of source."""
        found = _LOGGED_MODEL.fullmatch(self.source) or _IN_STORE.fullmatch(self.source)
        return found["id"] if found else None


@dataclass(frozen=True)
class RegistrySnapshot:
    """The versions that hold a target at one moment."""

    in_stage: tuple[int, ...] = ()
    alias_version: int | None = None
    stages: Mapping[int, str] = field(default_factory=dict)
    """Stage of each version of the model."""
    created: Mapping[int, datetime] = field(default_factory=dict)
    """Creation time of each version of the model: a deleted version that is made again has another."""

    @property
    def current(self) -> int | None:
        """The version that holds the target. The alias takes precedence, since a stage may hold several versions."""
        return max(self.in_stage, default=None) if self.alias_version is None else self.alias_version
