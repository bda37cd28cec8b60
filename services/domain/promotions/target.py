"""A target in the registry (alias and stage of a model) and the writes that move it from one version to another.

One reading says how far a move has come: MLflow has no transaction, so the states between the writes are states of
their own. A reading that is none of them is *foreign*: somebody else has written, and the portal touches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from services.domain.registry import RegistrySnapshot

ARCHIVED, NO_STAGE = "Archived", "None"


@dataclass(frozen=True)
class TargetState:
    """Alias, and stage and creation time of each version that matters to one move."""

    alias: int | None
    stages: Mapping[int, str]
    created: Mapping[int, str] = field(default_factory=dict)
    """ISO times by version. A version without one is not compared by identity: an older plan did not seal it."""

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "alias": self.alias,
            "stages": {str(version): stage for version, stage in sorted(self.stages.items())},
            "created": {str(version): at for version, at in sorted(self.created.items())},
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> TargetState:
        """The inverse of `as_dict`."""
        stages = {int(version): str(stage) for version, stage in value["stages"].items()}
        created = {int(version): str(at) for version, at in value.get("created", {}).items()}
        return cls(value["alias"], stages, created)

    def sentence(self, *, stage: str | None, alias: str | None) -> str:
        """For people: ``alias champion at v1; Production: v1``."""
        parts = [f"alias {alias} at {_named(self.alias)}"] if alias else []
        if stage:
            held = [v for v, s in sorted(self.stages.items()) if _same(s, stage)]
            parts.append(f"{stage}: {', '.join(f'v{v}' for v in held) or 'no version'}")
        return "; ".join(parts)


def _named(version: int | None) -> str:
    return "no version" if version is None else f"v{version}"


def target_state(held: RegistrySnapshot, candidate: int, *, stage: str | None) -> TargetState:
    """What of a reading matters to a move of `candidate`: holders of stage and alias, and the candidate itself."""
    matter = {candidate, *held.in_stage, *([held.alias_version] if held.alias_version is not None else [])}
    stages = {v: held.stages.get(v, "") for v in matter} if stage else {}
    created = {v: held.created[v].isoformat() for v in matter if v in held.created}
    return TargetState(held.alias_version, stages, created)


@dataclass(frozen=True)
class RegistryWrite:
    """One write: a version into a stage, or the alias to a version (None: the alias is deleted)."""

    kind: Literal["stage", "alias"]
    version: int | None
    stage: str = ""

    def sentence(self) -> str:
        """For people."""
        if self.kind == "stage":
            return f"v{self.version} to {self.stage}"
        return f"alias to {_named(self.version)}"


@dataclass(frozen=True)
class RegistryMove:
    """The move of a target to `candidate`, starting at `base`: stage of the new version, old ones archived, alias."""

    base: TargetState
    candidate: int
    stage: str | None
    alias: str | None

    @cached_property
    def writes(self) -> tuple[RegistryWrite, ...]:
        """Forward, in order."""
        found: list[RegistryWrite] = []
        if self.stage:
            if not _same(self.base.stages.get(self.candidate, ""), self.stage):
                found.append(RegistryWrite("stage", self.candidate, self.stage))
            others = [v for v, s in sorted(self.base.stages.items()) if _same(s, self.stage) and v != self.candidate]
            found += [RegistryWrite("stage", version, ARCHIVED) for version in others]
        if self.alias and self.base.alias != self.candidate:
            found.append(RegistryWrite("alias", self.candidate))
        return tuple(found)

    @cached_property
    def states(self) -> tuple[TargetState, ...]:
        """The states between the writes: untouched first, whole last."""
        states = [self.base]
        for write in self.writes:
            states.append(_after(states[-1], write))
        return tuple(states)

    @property
    def whole(self) -> int:
        """The progress of a finished move."""
        return len(self.writes)

    def progress(self, held: RegistrySnapshot) -> int | None:
        """How many of the writes are there; None for a state that this move never makes."""
        if self.stage and set(held.in_stage) - set(self.base.stages):
            return None
        if any(_created(held, version) != at for version, at in self.base.created.items()):
            return None
        return next((k for k, state in enumerate(self.states) if self._is(state, held)), None)

    def next_write(self, done: int) -> RegistryWrite:
        """The write after `done` of them."""
        return self.writes[done]

    def undo_write(self, done: int) -> RegistryWrite:
        """The write that takes back the last of `done` writes."""
        last, before = self.writes[done - 1], self.states[done - 1]
        if last.kind == "alias":
            return RegistryWrite("alias", before.alias)
        return RegistryWrite("stage", last.version, before.stages.get(int(last.version or 0)) or NO_STAGE)

    def _is(self, state: TargetState, held: RegistrySnapshot) -> bool:
        if self.alias and state.alias != held.alias_version:
            return False
        if not self.stage:
            return True
        return all(_same(held.stages.get(version, ""), stage) for version, stage in state.stages.items())


def _after(state: TargetState, write: RegistryWrite) -> TargetState:
    if write.kind == "alias":
        return replace(state, alias=write.version)
    return replace(state, stages={**state.stages, int(write.version or 0): write.stage})


def _created(held: RegistrySnapshot, version: int) -> str:
    return held.created[version].isoformat() if version in held.created else ""


def _same(stage: str, wanted: str) -> bool:
    """MLflow takes stages in any case."""
    return stage.casefold() == wanted.casefold()
