"""Which column of an evaluation's data is the target: MLflow's table of results does not say.

A tag of the run says it; else it is the one column of the data set that the model does not take as an input.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from services.domain.registry import Run, VersionKey
from services.errors import NotFoundError
from services.ports.registry import RegistryReader

TARGET_TAG = "countersign.target_column"
"""Run tag that names the target."""
LIMIT = 2_000_000


def target_of(registry: RegistryReader, key: VersionKey, run_id: str) -> str:
    """The target's name; empty where not recorded. Raises UpstreamError."""
    run = registry.runs([run_id]).get(run_id)
    if run is None:
        return ""
    if run.tags.get(TARGET_TAG, "").strip():
        return run.tags[TARGET_TAG].strip()
    return _left_over(run, _inputs(registry, key))


def _left_over(run: Run, inputs: set[str]) -> str:
    """The column that is in the data and no input; empty where there are several, or data sets that disagree."""
    found = {
        frozenset(set(dataset.columns) - inputs)
        for dataset in run.datasets
        if inputs and inputs <= set(dataset.columns) and not dataset.is_training
    }
    only = next(iter(found)) if len(found) == 1 else frozenset()
    return next(iter(only)) if len(only) == 1 else ""


def _inputs(registry: RegistryReader, key: VersionKey) -> set[str]:
    """Names of the columns in the model's signature; empty where it has none."""
    try:
        described = yaml.safe_load(registry.read_model_file(key, "MLmodel", limit=LIMIT))
        columns: Any = json.loads(described["signature"]["inputs"])
        return {str(column["name"]) for column in columns}
    except (NotFoundError, yaml.YAMLError, ValueError, TypeError, KeyError, RecursionError):
        return set()
