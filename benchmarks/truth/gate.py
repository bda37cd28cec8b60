"""Asks a check of the gate about made-up material."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from benchmarks.truth.case import Answer, of_check
from services.domain.checks import Enforcement
from services.domain.policy import CheckRule
from services.domain.registry import ModelVersion, RegistrySnapshot
from services.promotions.checks import KINDS, Compared
from services.promotions.material import Material

AT = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
VERSION = ModelVersion("loans", 5, AT, AT, run_id="r", source="models:/m-1")


def ask(kind: str, settings: Mapping[str, Any], compared: Compared | None = None, **parts: Any) -> Answer:
    """The answer of one check; `parts` are fields of the material."""
    rule = CheckRule(kind, Enforcement.BLOCK, settings)
    return of_check(KINDS[kind](rule, material(**parts), compared or Compared(None)))


def material(**parts: Any) -> Material:
    """The facts of a version of which nothing is known but what is given."""
    known: dict[str, Any] = {
        "version": VERSION, "run": None, "holders": RegistrySnapshot(), "artifact_digest": None,
        "artifact_problem": "", "tests": (), "card": None, "predictions": None, "predictions_problem": "",
        "metrics": {},
    }  # fmt: skip
    return Material(**{**known, **parts})
