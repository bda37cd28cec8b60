"""Which published operation a request is, so that every answer which tests get can be held against it."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.contract.azure_devops_server import swagger

FILES = (
    "build", "pipelines", "pipelinesChecks", "pipelinesapproval", "release", "task", "taskAgent", "test",
    "testResults",
)  # fmt: skip
Operation = tuple[str, dict[str, Any]]
"""File, and the operation as published."""


def is_published() -> bool:
    """True where the Swagger files are at hand."""
    return all((swagger.FOLDER / f"{name}.json").exists() for name in FILES)


def check_answer(answer: requests.Response) -> None:
    """Fail unless the JSON of a success fits the schema published for its method and path; others are left alone."""
    if not (200 <= answer.status_code < 300 and answer.content):
        return
    if not answer.headers.get("content-type", "").startswith("application/json"):
        return
    found = operation(str(answer.request.method), urlsplit(str(answer.request.url)).path)
    schema = _schema(found, answer.status_code) if found else None
    if found is None or schema is None:
        return
    try:
        document = answer.json()
    except requests.JSONDecodeError:  # a fault that a test asked for
        return
    for row, definition in _rows(document, schema):
        swagger.check(found[0], definition, row)


@cache
def operation(method: str, path: str) -> Operation | None:
    """The operation of a path such as ``/vsrm/ORG/PROJECT/_apis/release/releases/7``."""
    _, _, below = path.partition("/_apis/")
    for pattern, found in _table().get(method.lower(), []):
        if below and pattern.fullmatch(f"_apis/{below}"):
            return found
    return None


@cache
def _table() -> dict[str, list[tuple[re.Pattern[str], Operation]]]:
    """Operations by method; those with fewer placeholders come first."""
    rows: dict[str, list[tuple[int, re.Pattern[str], Operation]]] = {}
    for name in FILES:
        for path, operations in swagger.load(name)["paths"].items():
            below = path[path.index("_apis/") :]
            pattern = re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(below)), re.IGNORECASE)
            for method, found in operations.items():
                rows.setdefault(method, []).append((below.count("{"), pattern, (name, found)))
    return {method: [(p, o) for _, p, o in sorted(found, key=lambda row: row[0])] for method, found in rows.items()}


def _schema(found: Operation, status: int) -> dict[str, Any] | None:
    responses = found[1]["responses"]
    answer = responses.get(str(status)) or responses.get("200") or {}
    schema: dict[str, Any] | None = answer.get("schema")
    return schema


def _rows(document: Any, schema: dict[str, Any]) -> list[tuple[Any, str]]:
    """What is to be checked, each with the name of its definition; lists come wrapped."""
    if "$ref" in schema:
        return [(document, schema["$ref"].rsplit("/", 1)[-1])]
    items = schema.get("items", {})
    if schema.get("type") == "array":
        if items.get("$ref") == "#/definitions/BuildArtifact" and "count" not in document:
            return [(document, "BuildArtifact")]  # the list's path with an artifactName gives that one
        assert set(document) == {"count", "value"}, json.dumps(document)[:300]
        assert document["count"] == len(document["value"])
        if "$ref" in items:
            return [(row, items["$ref"].rsplit("/", 1)[-1]) for row in document["value"]]
    return []
