"""Reads what the model's own files say, without loading the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

from services.domain.registry import VersionKey
from services.errors import NotFoundError, PortalError, UpstreamError
from services.ports.registry import RegistryReader
from services.promotions.checks.facts import ModelFacts

LIMIT = 2_000_000


def read_model_facts(registry: RegistryReader, key: VersionKey, current: VersionKey | None) -> ModelFacts:
    """File list, requirements and signatures. Raises UpstreamError; what cannot be read is None, with the problem."""
    try:
        files = tuple(artifact.path for artifact in registry.model_files(key))
        described = _described(registry, key)
    except UpstreamError:
        raise
    except PortalError as error:
        return ModelFacts(problem=error.sentence())
    return ModelFacts(
        files=files,
        requirements=_text(registry, key, "requirements.txt"),
        signature=_signature(described),
        current_signature=_signature(_described(registry, current)) if current else None,
        flavors=described.get("flavors") if isinstance(described.get("flavors"), Mapping) else None,
    )


def facts_of_json(document: Mapping[str, Any] | None) -> ModelFacts | None:
    """The facts as they were sealed."""
    if document is None:
        return None
    files = document["files"]
    return ModelFacts(**{**document, "files": tuple(files) if files is not None else None})


def _text(registry: RegistryReader, key: VersionKey, path: str) -> str | None:
    try:
        return registry.read_model_file(key, path, limit=LIMIT).decode("utf-8", "replace")
    except NotFoundError:
        return None


def _described(registry: RegistryReader, key: VersionKey) -> dict[str, Any]:
    """The MLmodel file; empty where there is none or it makes no sense."""
    try:
        found = yaml.safe_load(_text(registry, key, "MLmodel") or "")
    except (yaml.YAMLError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _signature(described: Mapping[str, Any]) -> dict[str, Any] | None:
    """`inputs` and `outputs` as lists; MLflow keeps each as JSON inside the YAML."""
    kept = described.get("signature")
    if not isinstance(kept, Mapping):
        return None
    try:
        found = {side: json.loads(kept[side]) for side in ("inputs", "outputs") if kept.get(side)}
    except (TypeError, ValueError):
        return None
    return found if "inputs" in found else None
