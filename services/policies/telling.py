"""Describes the errors in a hand-written YAML file: each error once, in plain words, with its line."""

from __future__ import annotations

from typing import Any

import yaml
from pydantic import ValidationError

from services.policies import yaml_lines

Wrong = tuple[int, str]
"""Line, counted from 1, and the problem."""
_MAPPING = "must be a mapping, such as {name: value}"
_WORDS = {
    "extra_forbidden": "unknown field",
    "missing": "is missing",
    "tuple_type": "must be a list, such as [a, b]",
    "int_type": "must be a whole number, without quotes",
    "float_type": "must be a number, without quotes",
    "string_type": "must be text; put it in quotes",
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
}
"""The most common errors in plain words; others keep the validator's message."""


def problems(root: yaml.Node | None, error: ValidationError) -> list[Wrong]:
    """Each error once: a list whose only item is wrong is not also reported as empty."""
    if root is None:
        return [(1, "the file is empty")]
    items = error.errors(include_url=False, include_input=False)
    places = [item["loc"] for item in items]
    inner = [i for i in items if not any(len(p) > len(i["loc"]) and p[: len(i["loc"])] == i["loc"] for p in places)]
    return [wrong(root, item["loc"], _WORDS.get(item["type"]) or item["msg"]) for item in inner]


def wrong(root: yaml.Node | None, path: tuple[Any, ...], message: str) -> Wrong:
    """An error at a path in the file."""
    where = ".".join(str(part) for part in path) or "file"
    return yaml_lines.line_of(root, path), f"{where}: {message.removeprefix('Value error, ')}"


def in_words(found: list[Wrong]) -> str:
    """All errors in one text, by line."""
    return "; ".join(f"line {line}, {what}" for line, what in sorted(found)) + "."
