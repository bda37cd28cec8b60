"""Moves stages, aliases and tags. Each change is sent once; the caller reads back what became of it.

`archive_existing_versions` is never used: it is not atomic, fails on PostgreSQL with psycopg 3, and would archive
versions that nobody signed for. The portal archives the previous holder in a separate step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.adapters.mlflow.transport import API, Ask, Transport
from services.domain.registry import VersionKey


class RegistryWrites:
    """Stateless. Raises NotFoundError, UpstreamErrors, UnknownOutcomeError (sent, and no clear answer)."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def move_stage(self, key: VersionKey, stage: str) -> None:
        """Put one version into a stage: None, Staging, Production or Archived."""
        body = _named(key) | {"stage": stage, "archive_existing_versions": False}
        self._send("POST", "model-versions/transition-stage", body)

    def set_alias(self, model: str, alias: str, version: int) -> None:
        """Point the alias at the version, wherever it pointed before."""
        self._send("POST", "registered-models/alias", {"name": model, "alias": alias, "version": str(version)})

    def delete_alias(self, model: str, alias: str) -> None:
        """Remove the alias; one that is not there is no error to MLflow."""
        self._send("DELETE", "registered-models/alias", {"name": model, "alias": alias})

    def set_version_tag(self, key: VersionKey, name: str, value: str) -> None:
        """Set one tag on a version."""
        self._send("POST", "model-versions/set-tag", _named(key) | {"key": name, "value": value})

    def delete_version_tag(self, key: VersionKey, name: str) -> None:
        """Remove one tag of a version; one that is not there is no error to MLflow."""
        self._send("DELETE", "model-versions/delete-tag", _named(key) | {"key": name})

    def delete_run_tag(self, run_id: str, name: str) -> None:
        """Remove one tag of a run; NotFoundError where it has none."""
        self._send("POST", "runs/delete-tag", {"run_id": run_id, "key": name})

    def _send(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        self._transport.write(Ask(method, API + path, body=body))


def _named(key: VersionKey) -> dict[str, Any]:
    return {"name": key.model, "version": str(key.version)}
