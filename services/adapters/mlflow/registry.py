"""The adapter as the portal sees it: one object that is both the `RegistryReader` and the `RegistryWriter`."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from services.adapters.mlflow import parse
from services.adapters.mlflow.artifacts import ArtifactReads
from services.adapters.mlflow.config import MlflowConfig
from services.adapters.mlflow.failures import MissingEndpointError
from services.adapters.mlflow.links import Links
from services.adapters.mlflow.logged_models import LoggedModelReads
from services.adapters.mlflow.model_files import ModelFiles
from services.adapters.mlflow.registered import SEARCH_MODELS, RegisteredReads
from services.adapters.mlflow.runs import RunReads
from services.adapters.mlflow.transport import Transport
from services.adapters.mlflow.writes import RegistryWrites
from services.domain.registry import (
    Artifact,
    MetricEntry,
    ModelVersion,
    RegisteredModel,
    RegistrySnapshot,
    Run,
    VersionKey,
)
from services.errors import NotFoundError, UpstreamError


@dataclass(frozen=True)
class ServerInfo:
    """What `ping` found."""

    url: str
    version: str | None
    """``3.17.2``; None where the server does not tell, as with basic authentication."""


class MlflowRegistry:
    """Reads and writes the registry; thread-safe.

    Every call is bounded in time and raises NotFoundError, UpstreamErrors, or InvalidInputError where the argument
    or the size is at fault.
    """

    def __init__(self, transport: Transport) -> None:
        config = transport.config
        self._transport = transport
        self._registered = RegisteredReads(transport)
        self._logged_models = LoggedModelReads(transport)
        self._runs = RunReads(transport, self._logged_models)
        self._artifacts = ArtifactReads(transport)
        self._files = ModelFiles(transport, self._artifacts, self._registered.version)
        self._writes = RegistryWrites(transport)
        self.links = Links(config.ui_base, workspace=config.workspace)

    def close(self) -> None:
        """Close idle connections."""
        self._transport.close()

    def ping(self) -> ServerInfo:
        """Read one model: unlike MLflow's /health, this needs the server's database."""
        with self._transport.understanding():
            parse.objects(self._transport.get(SEARCH_MODELS, {"max_results": 1}), "registered_models")
        return ServerInfo(self._transport.config.base, self._version_of_server())

    def permission_on(self, model: str) -> str | None:
        """What the signed-in user may do with a model (``EDIT``); None where MLflow's `basic-auth` does not answer."""
        user = self._transport.config.username
        if not user:
            return None
        asked = {"username": user, "resource_type": "registered_model", "resource_id": model}
        try:
            answer = self._transport.json_outside_api("/api/3.0/mlflow/users/permissions/get", asked)
        except (MissingEndpointError, NotFoundError):
            return None
        return parse.text(answer, "permission") or None

    def models(self) -> Iterator[Sequence[RegisteredModel]]:
        """See `RegistryReader`."""
        return self._registered.models()

    def versions_of(self, models: Sequence[str]) -> Sequence[ModelVersion]:
        """See `RegistryReader`."""
        return self._registered.versions_of(models)

    def recently_updated(self, since: datetime) -> Sequence[ModelVersion]:
        """See `RegistryReader`."""
        return self._registered.recently_updated(since)

    def version(self, key: VersionKey) -> ModelVersion:
        """See `RegistryReader`."""
        return self._registered.version(key)

    def model(self, name: str) -> RegisteredModel:
        """See `RegistryReader`."""
        return self._registered.model(name)

    def holders(self, model: str, *, stage: str | None, alias: str | None) -> RegistrySnapshot:
        """See `RegistryReader`."""
        return self._registered.holders(model, stage=stage, alias=alias)

    def runs(self, run_ids: Sequence[str]) -> Mapping[str, Run]:
        """See `RegistryReader`."""
        return self._runs.runs(run_ids)

    def tagged_runs(self, experiment_ids: Sequence[str], tag: str) -> Sequence[Run]:
        """See `RegistryReader`."""
        return self._runs.tagged(experiment_ids, tag)

    def metric_history(self, run_id: str, name: str) -> Sequence[MetricEntry]:
        """See `RegistryReader`."""
        return self._logged_models.history(run_id, name)

    def artifacts(self, run_id: str, path: str = "") -> Sequence[Artifact]:
        """See `RegistryReader`."""
        return self._artifacts.of_run(run_id, path)

    def read_artifact(self, run_id: str, path: str, *, limit: int) -> bytes:
        """See `RegistryReader`."""
        return self._artifacts.read(run_id, path, limit=limit)

    def read_model_file(self, key: VersionKey, path: str, *, limit: int) -> bytes:
        """See `RegistryReader`."""
        return self._files.read(key, path, limit=limit)

    def model_files(self, key: VersionKey) -> Sequence[Artifact]:
        """See `RegistryReader`."""
        return self._files.list(key)

    def artifact_digest(self, key: VersionKey) -> str:
        """See `RegistryReader`; `services.domain.model_digest` defines the bytes."""
        return self._files.digest(key)

    def save_model(self, key: VersionKey, folder: Path) -> str:
        """See `RegistryReader`."""
        return self._files.save(key, folder)

    def move_stage(self, key: VersionKey, stage: str) -> None:
        """See `RegistryWriter`."""
        self._writes.move_stage(key, stage)

    def set_alias(self, model: str, alias: str, version: int) -> None:
        """See `RegistryWriter`."""
        self._writes.set_alias(model, alias, version)

    def delete_version_tag(self, key: VersionKey, name: str) -> None:
        """See `RegistryWriter`."""
        self._writes.delete_version_tag(key, name)

    def delete_run_tag(self, run_id: str, name: str) -> None:
        """See `RegistryWriter`."""
        self._writes.delete_run_tag(run_id, name)

    def delete_alias(self, model: str, alias: str) -> None:
        """See `RegistryWriter`."""
        self._writes.delete_alias(model, alias)

    def set_version_tag(self, key: VersionKey, name: str, value: str) -> None:
        """See `RegistryWriter`."""
        self._writes.set_version_tag(key, name, value)

    def _version_of_server(self) -> str | None:
        try:
            found = self._transport.get_outside_api("/version").body[:50].decode("ascii", "replace").strip()
        except (UpstreamError, NotFoundError):
            return None
        return found if re.fullmatch(r"\d+\.\d+[\w.+-]*", found) else None


def build_registry(
    config: MlflowConfig,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> MlflowRegistry:
    """The registry at `config.uri`. Nothing is sent yet; `ping` tells whether it can be reached."""
    return MlflowRegistry(Transport(config, monotonic=monotonic, sleep=sleep))
