"""Hold documents against Microsoft's published Swagger: types, enums, formats, and unknown properties.

The files are not part of this repository. They are looked for beside it, or where COUNTERSIGN_TEST_DATA points.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

_HOME = Path(__file__).resolve().parents[4]
FOLDER = Path(os.environ.get("COUNTERSIGN_TEST_DATA") or _HOME / "shared" / "data") / "azure-devops-swagger"
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{7}Z)?")
_OPEN = {"ReferenceLinks", "PropertiesCollection", "JObject", "ProcessParameters", "BuildProcess"}
"""Definitions that say less than what is really sent; anything may be inside."""

# Fields that recordings of the real service have and its Swagger of 7.1 has not.
KNOWN = {
    "Run": {"yamlDetails", "tags"},
    "PipelineConfiguration": {"path", "repository"},
    "Repository": {"id", "fullName"},
    "Build": {"keepForever"},
    "DefinitionReference": {"drafts"},
    "CheckConfiguration": {"settings"},
    "Approval": {"pipeline"},
    "ReleaseEnvironment": {"demands", "workflowTasks"},
    "DeploymentAttempt": {"tasks", "runPlanId"},
    "ReleaseApproval": {"isNotificationOn", "trialNumber"},
    "Artifact": {"sourceId"},
    "ReleaseDeployPhase": {"id"},
    "ReleaseReference": {"url"},
}


@cache
def load(name: str) -> dict[str, Any]:
    """A Swagger file; the test is skipped where it is not there."""
    path = FOLDER / f"{name}.json"
    if not path.exists():
        pytest.skip(f"The Swagger files are not on this machine ({FOLDER}).")
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8-sig"))
    _open_maps(document)
    return document


def _open_maps(value: Any) -> None:
    """A map of .NET objects is written as a map of JSON objects; recordings have texts in it."""
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if isinstance(item, dict) and item.get("additionalProperties") == {"type": "object"}:
            item["additionalProperties"] = {}
        _open_maps(item)


def check(name: str, definition: str, document: Any) -> None:
    """Fail unless the document fits a definition and has no property that nobody knows."""
    swagger = load(name)
    schema = {"$ref": f"#/definitions/{definition}", "definitions": swagger["definitions"]}
    validator = jsonschema.Draft4Validator(schema)
    plain = _without_nulls(document)
    problems = [f"{list(error.absolute_path)}: {error.message}" for error in validator.iter_errors(plain)]
    problems += list(_walk(swagger["definitions"], {"$ref": f"#/definitions/{definition}"}, plain, definition))
    assert not problems, "\n".join(problems)


def _without_nulls(value: Any) -> Any:
    """Recordings write null for what is unset; Swagger 2 has no word for that."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _walk(definitions: dict[str, Any], schema: dict[str, Any], value: Any, path: str) -> list[str]:
    name, known, extra = _resolved(definitions, schema)
    if name in _OPEN:
        return []
    if isinstance(value, dict):
        return _object(definitions, value, path, name=name, known=known, extra=extra)
    if isinstance(value, list):
        items = schema.get("items") or {}
        return [text for n, item in enumerate(value) for text in _walk(definitions, items, item, f"{path}[{n}]")]
    return _format(schema, value, path)


def _object(
    definitions: dict[str, Any], value: dict[str, Any], path: str, *, name: str, known: dict[str, Any], extra: Any
) -> list[str]:
    problems = []
    for key, item in value.items():
        if key in known:
            problems += _walk(definitions, known[key], item, f"{path}.{key}")
        elif isinstance(extra, dict) and extra:
            problems += _walk(definitions, extra, item, f"{path}.{key}")
        elif known and key not in KNOWN.get(name, set()):
            problems.append(f"{path}.{key}: {name or 'this object'} has no such property")
    return problems


def _resolved(definitions: dict[str, Any], schema: dict[str, Any]) -> tuple[str, dict[str, Any], Any]:
    """Name, all properties (also inherited ones), and the schema of further properties."""
    name, known, extra = "", dict[str, Any](), schema.get("additionalProperties")
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        schema = definitions[name]
        extra = schema.get("additionalProperties")
    for parent in schema.get("allOf", []):
        _, inherited, more = _resolved(definitions, parent)
        known |= inherited
        extra = extra or more
    return name, known | schema.get("properties", {}), extra


def _format(schema: dict[str, Any], value: Any, path: str) -> list[str]:
    form = schema.get("format")
    if form == "uuid" and not _GUID.fullmatch(str(value)):
        return [f"{path}: {value!r} is no GUID"]
    if form == "date-time" and not _TIME.fullmatch(str(value)):
        return [f"{path}: {value!r} is no time"]
    return []
