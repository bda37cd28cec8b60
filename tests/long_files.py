"""Which files of tests take longest. They begin first, so that all workers finish at about the same time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LONGEST = (
    "browser/test_pages.py",
    "browser/test_sign_in.py",
    "integration/why/test_scoring.py",
    "integration/test_model_runner.py",
    "browser/test_why.py",
    "integration/test_demo_world.py",
    "contract/test_mlflow_adapter.py",
    "contract/test_storage.py",
    "integration/pipelines/test_databricks_target.py",
    "contract/azure_devops_client/test_checks_and_hooks.py",
    "contract/azure_devops_server/test_checks.py",
    "integration/ledger/test_killed_writers.py",
)
"""Longest first, below `tests`; `make test` prints the slowest tests with ``--durations``."""


def longest_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The same tests: those of the longest files in front, all others as they were."""
    place = {TESTS / name: number for number, name in enumerate(LONGEST)}
    return sorted(items, key=lambda item: place.get(item.path, len(place)))
