"""The outside systems of the model, scripted: one fault at a time, requests that arrive late, hands beside the portal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from services.domain.promotions.rollout import UNDO_MARK
from services.domain.registry import VersionKey
from services.domain.releases import ReleaseDefinition, ReleaseRun, RunRef, RunResult, RunStart, RunState
from services.errors import NotFoundError, UnknownOutcomeError
from tests.simulators.basics import START
from tests.simulators.pipelines import PipelinesSimulator
from tests.simulators.registry import RegistrySimulator

LETTERS = {"Production": "P", "Archived": "A", "None": "N"}
STAGES = {letter: stage for stage, letter in LETTERS.items()}
ALIAS = "champion"


class Network:
    """What becomes of the next request: `fault` is one of the model's, and is used up by it."""

    def __init__(self) -> None:
        self.fault: str | None = None
        self.late: Callable[[], object] | None = None

    def send(self, effect: Callable[[], Any]) -> Any:
        fault, self.fault = self.fault, None
        if fault in {"request_lost", "late"}:
            self.late = effect if fault == "late" else self.late
            raise UnknownOutcomeError("The connection was lost.", system="scripted")
        answer = effect()
        if fault == "answer_lost":
            raise UnknownOutcomeError("The answer was lost.", system="scripted")
        return answer

    def deliver(self) -> None:
        """A late request arrives; what the other side refuses now has no effect."""
        late, self.late = self.late, None
        assert late is not None
        try:
            late()
        except NotFoundError:
            return


class ScriptedRegistry(RegistrySimulator):
    """One model with three versions."""

    def __init__(self, network: Network, model: str) -> None:
        super().__init__()
        self._network, self.model_name = network, model
        for version in (1, 2, 3):
            self.add_version(model, version, with_run=False)
        self.hold(VersionKey(model, 1), stage="Production", alias=ALIAS)

    def move_stage(self, key: VersionKey, stage: str) -> None:
        self._network.send(lambda: self._move(key, stage))

    def set_alias(self, model: str, alias: str, version: int) -> None:
        self._network.send(lambda: self._point(version))

    def _move(self, key: VersionKey, stage: str) -> None:
        self.version(key)  # a version that is deleted is refused
        self._put_stage(key, stage)

    def _point(self, version: int) -> None:
        self.version(VersionKey(self.model_name, version))
        self._put_alias(self.model_name, ALIAS, version)

    @property
    def alias(self) -> int:
        return self.registered[self.model_name].aliases.get(ALIAS, 0)

    @property
    def stages(self) -> str:
        held = {key.version: LETTERS[version.stage] for key, version in self.kept.items()}
        return "".join(held.get(version, "-") for version in (1, 2, 3))

    def by_hand(self, told: str) -> None:
        """What the model's hand does, by its words."""
        words = told.split()
        number = next((int(word[1:].rstrip(":")) for word in words if word[0] == "v" and word[1:2].isdigit()), 0)
        key = VersionKey(self.model_name, number)
        if told.startswith("moves the alias"):
            self._put_alias(self.model_name, ALIAS, number)
        elif told.startswith("rolls back"):
            for other, version in list(self.kept.items()):
                stage = "Production" if other.version == 1 else "Archived"
                if other.version == 1 or version.stage == "Production":
                    self._put_stage(other, stage)
            self._put_alias(self.model_name, ALIAS, 1)
        elif told.startswith("deletes"):
            self._delete(key)
            if "another" in told:
                old = START + timedelta(days=1, seconds=number)
                self.add_version(self.model_name, number, with_run=False)
                self.kept[key] = replace(self.kept[key], created=old, updated=old)
        else:
            self._put_stage(key, "Production" if "Production" in told else "Archived")

    def _delete(self, key: VersionKey) -> None:
        del self.kept[key]
        if self.alias == key.version:
            self.registered[self.model_name] = replace(self.registered[self.model_name], aliases={})


class ScriptedPipelines(PipelinesSimulator):
    """Runs that wait for the gate, deploy and end when the trace says so."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self._network = network
        self.ends_with = None
        self.deployed = 1
        self.yaml_is_sealed = True
        self.sealed: dict[int, bool] = {}
        self.past_gate: set[int] = set()

    def start(self, start: RunStart) -> ReleaseRun:
        run: ReleaseRun = self._network.send(lambda: self._start(start))
        return run

    def _start(self, start: RunStart) -> ReleaseRun:
        run = super().start(start)
        self.sealed[run.ref.number] = self.yaml_is_sealed
        if start.request_id.endswith(UNDO_MARK):  # the model's way back is one effect
            self.end(run.ref.number, RunResult.SUCCEEDED)
        return run

    def definition(self, wanted: RunStart, run: RunRef | None = None) -> ReleaseDefinition:
        is_sealed = self.yaml_is_sealed if run is None else self.sealed[run.number]
        return self.defined if is_sealed else replace(self.defined, yaml_digest="sha256:" + "2" * 64)

    def cancel(self, ref: RunRef) -> None:
        mark = self.starts[self._index(ref.number)].request_id
        self._network.send(lambda: self._cancel(mark))

    def _cancel(self, mark: str) -> None:
        for run, start in zip(list(self.started), self.starts, strict=True):
            if start.request_id == mark and not run.is_finished and run.ref.number not in self.past_gate:
                self.end(run.ref.number, RunResult.CANCELED)

    def end(self, number: int, result: RunResult) -> None:
        index = self._index(number)
        run = self.started[index]
        self.started[index] = replace(run, state=RunState.COMPLETED, result=result, finished=START)
        self.past_gate.discard(number)
        if result is RunResult.SUCCEEDED:
            self.deployed = int(run.parameters["modelVersion"])

    def queued(self, mark: str) -> Sequence[ReleaseRun]:
        runs = zip(self.started, self.starts, strict=True)
        return [r for r, s in runs if s.request_id == mark and not r.is_finished and r.ref.number not in self.past_gate]

    def _index(self, number: int) -> int:
        return next(k for k, run in enumerate(self.started) if run.ref.number == number)
