"""The plan: exactly what a signature covers. Any change voids the signatures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Plan:
    """What a promotion will do, and on what basis.

    All values are JSON: the digest is SHA-256 over the RFC 8785 form of `as_dict()`.
    """

    model: str
    version: int
    version_created: str
    """UTC ISO time: version numbers restart when a model is recreated."""
    run_id: str
    artifact_digest: str | None
    """SHA-256 over the model's files; None if they could not be read (the evidence says so)."""
    metrics: Mapping[str, float]
    dataset_digests: Mapping[str, str]
    test_results: Mapping[str, str]
    environment: str
    stage: str | None
    alias: str | None
    current_version: int | None
    """The version that holds the target now; None for the first version."""
    registry_order: str
    pipeline_project: str | None
    pipeline_id: int | None
    pipeline_parameters: Mapping[str, str] = field(default_factory=dict)
    policy_digest: str = ""
    evidence_digest: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Plan:
        """The inverse of `as_dict`."""
        return cls(**value)


@dataclass(frozen=True)
class Change:
    """One difference from the signed plan."""

    what: str
    before: Any
    after: Any

    def sentence(self) -> str:
        """For people: ``metrics.auc: 0.926 → 0.999``."""
        return f"{self.what}: {_show(self.before)} → {_show(self.after)}"


def _show(value: Any) -> str:
    return "nothing" if value is None or value == "" else str(value)


def differences(signed: Plan, now: Plan) -> tuple[Change, ...]:
    """Every differing leaf, in the order of the plan's fields."""
    changes: list[Change] = []
    before, after = signed.as_dict(), now.as_dict()
    for name in before:
        changes.extend(_compare(name, before[name], after[name]))
    return tuple(changes)


def _compare(name: str, before: Any, after: Any) -> list[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        keys = sorted(before.keys() | after.keys())
        return [c for key in keys for c in _compare(f"{name}.{key}", before.get(key), after.get(key))]
    return [] if before == after else [Change(name, before, after)]
