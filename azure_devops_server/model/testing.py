"""Test runs and results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class TestRun:
    """A test run; `extra` has further fields that a client gave, as it gave them."""

    id: int
    project_id: str
    name: str
    state: str
    owner_id: str
    changed: datetime
    started: datetime | None = None
    completed: datetime | None = None
    build_id: int | None = None
    stage: str = ""
    job: str = ""
    attempt: int = 1
    automated: bool = True
    comment: str = ""
    error_message: str = ""
    revision: int = 1
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TestResult:
    """One test case's result in a run; `extra` as in TestRun."""

    run_id: int
    id: int
    title: str
    outcome: str
    state: str
    changed: datetime
    name: str = ""
    storage: str = ""
    duration_ms: float = 0.0
    error_message: str = ""
    stack_trace: str = ""
    comment: str = ""
    computer: str = ""
    started: datetime | None = None
    completed: datetime | None = None
    revision: int = 1
    extra: Mapping[str, Any] = field(default_factory=dict)
