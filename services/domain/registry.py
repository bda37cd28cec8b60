"""What the MLflow registry holds, as the portal understands it.

MLflow's own words: registered model, model version, stage, alias, run, dataset. `(model, version)` is no identity:
a model that is deleted and created again starts at 1, so the creation time belongs to the key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

ArtifactKind = Literal["file", "folder"]

_LOGGED_MODEL = re.compile(r"models:/(?P<id>m-[A-Za-z0-9_-]{1,64})")


@dataclass(frozen=True)
class Dataset:
    """A dataset input of a run."""

    name: str
    digest: str
    context: str = ""
    """training, evaluation, …; empty when the logger did not say."""
    source: str = ""
    source_type: str = ""
    rows: int | None = None


@dataclass(frozen=True)
class Run:
    """A run: parameters, latest metrics, tags and datasets."""

    run_id: str
    experiment_id: str
    name: str = ""
    status: str = ""
    user: str = ""
    """A claim of the client, never verified by MLflow."""
    started: datetime | None = None
    ended: datetime | None = None
    deleted: bool = False
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    datasets: tuple[Dataset, ...] = ()

    @property
    def git_commit(self) -> str | None:
        """The commit that the run claims, where it claims one."""
        return self.tags.get("mlflow.source.git.commit") or None


@dataclass(frozen=True)
class Artifact:
    """One path below a run or a model, relative to its root."""

    path: str
    kind: ArtifactKind
    size: int | None = None
    """Bytes; None for folders and where the store does not say."""


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
    """Names a version in addresses and requests."""

    model: str
    version: int

    def __str__(self) -> str:
        """For people: ``census-income v5``."""
        return f"{self.model} v{self.version}"


@dataclass(frozen=True)
class ModelVersion:
    """A model version as the registry shows it."""

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
        """``m-…`` parsed from the source: MLflow does not keep it elsewhere. None for another kind of source."""
        found = _LOGGED_MODEL.fullmatch(self.source)
        return found["id"] if found else None


@dataclass(frozen=True)
class RegistrySnapshot:
    """Who holds a target at one moment."""

    in_stage: tuple[int, ...] = ()
    alias_version: int | None = None

    @property
    def current(self) -> int | None:
        """The version that holds the target: the alias names one, a stage may have several, so the alias counts."""
        return max(self.in_stage, default=None) if self.alias_version is None else self.alias_version
