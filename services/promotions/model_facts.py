"""Reads what the model's own files say, without loading the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

from services.domain.registry import VersionKey
from services.errors import NotFoundError, PortalError, UpstreamError
from services.ports.registry import RegistryReader
from services.promotions.checks.facts import ModelFacts
from services.promotions.requirements import included_files

LIMIT = 2_000_000
LOST_NAMES = (
    "Its signature lost the names of its columns (type any): MLflow cannot describe a Decimal column or a polars "
    "frame. Convert the example before infer_signature."
)


def read_model_facts(registry: RegistryReader, key: VersionKey, current: VersionKey | None) -> ModelFacts:
    """File list, requirements and signatures. Raises UpstreamError; what cannot be read is None, with the problem."""
    try:
        files = tuple(artifact.path for artifact in registry.model_files(key))
        described = _described(registry, key)
    except UpstreamError:
        raise
    except PortalError as error:
        return ModelFacts(problem=error.sentence())
    requirements, problem = _requirements(registry, key)
    return ModelFacts(
        files=files,
        requirements=requirements,
        included=_included(registry, key, requirements or ""),
        problem=" ".join(part for part in (problem, LOST_NAMES if _lost_names(described) else "") if part),
        signature=_signature(described),
        current_signature=_signature(_described(registry, current)) if current else None,
        flavors=described.get("flavors") if isinstance(described.get("flavors"), Mapping) else None,
    )


def _requirements(registry: RegistryReader, key: VersionKey) -> tuple[str | None, str]:
    try:
        return _text(registry, key, "requirements.txt"), ""
    except UpstreamError:
        raise
    except PortalError as error:
        return None, error.sentence()


INCLUDED = 10
"""Files that requirements may include; more are not read, and the check says which."""


def _included(registry: RegistryReader, key: VersionKey, text: str) -> dict[str, str | None]:
    """The files that requirements name with ``-r`` and ``-c``, and those that these name."""
    found: dict[str, str | None] = {}
    waiting = [(name, "") for name in included_files(text)]
    while waiting:
        name, folder = waiting.pop(0)
        path = str(PurePosixPath(folder) / name)
        if path in found:
            continue
        found[path] = _inner(registry, key, path) if len(found) < INCLUDED else None
        waiting += [(more, str(PurePosixPath(path).parent)) for more in included_files(found[path] or "")]
    return found


def _inner(registry: RegistryReader, key: VersionKey, path: str) -> str | None:
    if "://" in path or path.startswith("/") or ".." in PurePosixPath(path).parts:
        return None
    try:
        return _text(registry, key, path)
    except UpstreamError:
        raise
    except PortalError:
        return None


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
    """The MLmodel file; empty if it is missing or invalid."""
    try:
        found = yaml.safe_load(_text(registry, key, "MLmodel") or "")
    except (yaml.YAMLError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _signature(described: Mapping[str, Any]) -> dict[str, Any] | None:
    """`inputs` and `outputs` as lists, None for one that says nothing of its columns."""
    found = _written_signature(described)
    return None if found is None or any(_says_nothing(side) for side in found.values()) else found


def _written_signature(described: Mapping[str, Any]) -> dict[str, Any] | None:
    """As the MLmodel file has it; MLflow keeps each side as JSON inside the YAML."""
    kept = described.get("signature")
    if not isinstance(kept, Mapping):
        return None
    try:
        found = {side: json.loads(kept[side]) for side in ("inputs", "outputs", "params") if kept.get(side)}
    except (TypeError, ValueError):
        return None
    return found if "inputs" in found else None


def _lost_names(described: Mapping[str, Any]) -> bool:
    found = _written_signature(described)
    return found is not None and any(_says_nothing(side) for side in found.values())


def _says_nothing(side: Any) -> bool:
    """MLflow writes one nameless column of type any for data that it cannot describe: it accepts everything."""
    listed = side if isinstance(side, list) else [side]
    return any(isinstance(spec, Mapping) and spec.get("type") == "any" and not spec.get("name") for spec in listed)
