"""The plan: exactly what a signature covers. Any change voids the signatures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
    generation: int | None = None
    """How often the target's live version had changed when this was sealed; None: not sealed (an older plan)."""
    target: Mapping[str, Any] | None = None
    """`TargetState.as_dict()` at sealing: alias, stages, creation times; None: not sealed (an older plan)."""
    release: Mapping[str, Any] | None = None
    """`ReleaseDefinition.as_dict()` at sealing; None: no pipeline, or not sealed (an older plan)."""

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values. What is not sealed is left out, so that an older plan keeps its digest."""
        return {name: value for name, value in asdict(self).items() if value is not None or name not in _LATER}

    def unsealed(self) -> tuple[str, ...]:
        """What the signatures do not cover, in words; empty for a plan of this release that could read everything."""
        missing = [words for name, words in _LATER.items() if getattr(self, name) is None and self._has(name)]
        return (*missing, *(str(part) for part in (self.release or {}).get("unsealed", ())))

    def _has(self, name: str) -> bool:
        return name != "release" or self.pipeline_id is not None

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Plan:
        """The inverse of `as_dict`."""
        return cls(**value)


_LATER = {
    "generation": "the count of changes of the target",
    "target": "stages and creation times of the versions in the target",
    "release": "the pipeline's commit, YAML, variables and service connections",
}
"""Fields that older plans do not have."""


@dataclass(frozen=True)
class Change:
    """One difference from the signed plan."""

    what: str
    before: Any
    after: Any

    @property
    def subject(self) -> str:
        """What changed, as people call it: ``metric auc``; never a field name of the code."""
        field_name, _, key = self.what.partition(".")
        part, _, rest = key.partition(".")
        if (name := _PARTS.get(f"{field_name}.{part}")) is not None:
            return f"{name} {rest}".strip()
        name = _SUBJECTS.get(field_name, field_name.replace("_", " "))
        return f"{name} {key}".strip()

    def sentence(self) -> str:
        """For people: ``metric auc was 0.926, is now 0.999``."""
        if self.what == "current_version":
            return f"{_version(self.before)} was live when sealed; now {_version(self.after)} is"
        return f"{self.subject} was {_show(self.before)}, is now {_show(self.after)}"


_SUBJECTS = {
    "model": "the model",
    "version": "the version",
    "version_created": "the time of registration",
    "run_id": "the training run",
    "artifact_digest": "the digest of the model's files",
    "metrics": "metric",
    "dataset_digests": "the digest of data set",
    "test_results": "test report",
    "environment": "the environment",
    "stage": "the stage",
    "alias": "the alias",
    "current_version": "the live version",
    "registry_order": "the order of registry and release",
    "pipeline_project": "the project of the pipeline",
    "pipeline_id": "the pipeline",
    "pipeline_parameters": "pipeline parameter",
    "policy_digest": "the digest of the policy",
    "evidence_digest": "the digest of the evidence",
    "generation": "the number of changes of what is live",
    "target": "the target",
    "release": "the release",
}
_PARTS = {
    "target.alias": "the alias",
    "target.stages": "the stage of version",
    "target.created": "the creation time of version",
    "release.commit": "the pipeline's commit",
    "release.yaml_digest": "the digest of the pipeline's YAML",
    "release.variables": "pipeline variable",
    "release.connections": "service connection",
    "release.environments": "the pipeline's environments",
    "release.unsealed": "what could not be read of the pipeline",
}
"""Fields inside a field."""
_KEPT = re.compile(rf"(.*?: )?({'|'.join(_SUBJECTS)})((?:\.[^:]*)?): (.*) → (.*)", re.DOTALL)


def in_words(kept: str) -> str:
    """A change as it was kept in earlier releases, ``current_version: 4 → 5``, in words; other text as it is."""
    found = _KEPT.fullmatch(kept)
    if found is None:
        return kept
    lead, name, key, before, after = found.groups()
    return (lead or "") + Change(name + key, before, after).sentence()


def _show(value: Any) -> str:
    return "nothing" if value is None or value == "" else str(value)


def _version(value: Any) -> str:
    return "nothing" if value in {None, "", "nothing"} else f"v{value}"


def differences(signed: Plan, now: Plan) -> tuple[Change, ...]:
    """Each sealed leaf that differs, in the order of the plan's fields; what is not sealed cannot differ."""
    changes: list[Change] = []
    before, after = signed.as_dict(), now.as_dict()
    for name in before:
        changes.extend(_compare(name, before[name], after.get(name)))
    return tuple(change for change in changes if not _is_said_by(change, changes))


def _is_said_by(change: Change, changes: Sequence[Change]) -> bool:
    """`current_version` already reports the alias, and that a version matters because it holds the alias."""
    if change.what == "target.alias":
        return any(c.what == "current_version" and c.after == change.after for c in changes)
    is_new = change.before is None and change.what.startswith(("target.created.", "target.stages."))
    return is_new and (change.what.startswith("target.created.") or change.after in {"", "None"})


def _compare(name: str, before: Any, after: Any) -> list[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        keys = sorted(before.keys() | after.keys())
        return [c for key in keys for c in _compare(f"{name}.{key}", before.get(key), after.get(key))]
    return [] if before == after else [Change(name, before, after)]
