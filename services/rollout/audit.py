"""Checks what ended rollouts left in Azure DevOps: two runs with one mark, or a released version that is not live.

The protocol starts one run per rollout and the gate lets one deploy. A request that arrives after its time-out can
still start a second run, and a rollout that a person gave up can leave its version released.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from services.database.unit import Unit, Units
from services.domain.promotions.promotion import Incident, PromotionRequest
from services.domain.promotions.rollout import ENDED, Rollout, RolloutStep, undo_mark
from services.domain.releases import ReleaseRun, RunResult
from services.ledger.actions import Action
from services.ports.pipelines import ReleasePipelines
from services.ports.time import Clock, Ids
from services.rollout.context import Context, replace_mark
from services.rollout.journal import context_of
from services.rollout.record import record

LOOK_BACK = timedelta(hours=24)
"""Rollouts that ended longer ago are not checked: no request is delayed that long."""
TWO_RUNS, DIFFERS = "two_runs", "release_differs"
_DEPLOYED = (RunResult.SUCCEEDED, RunResult.PARTIALLY_SUCCEEDED)


@dataclass(frozen=True)
class _Ended:
    rollout: Rollout
    context: Context
    live: int | None
    """The version that is live in the target by the portal's record."""
    is_free: bool
    """No rollout has the target reserved."""

    @property
    def request(self) -> PromotionRequest:
        return self.context.request


@dataclass(frozen=True)
class _Found:
    ended: _Ended
    kind: str
    before: str
    after: str
    sentence: str


class ReleaseAudit:
    """Opens an incident for each, once, and closes it when it is corrected."""

    def __init__(self, units: Units, pipelines: ReleasePipelines | None, *, clock: Clock, ids: Ids) -> None:
        self._units = units
        self._pipelines = pipelines
        self._clock = clock
        self._ids = ids

    def beat(self) -> int:
        """Check once; returns how many incidents were opened. Raises UpstreamError: then the next check tries again."""
        if self._pipelines is None:
            return 0
        with self._units.read() as unit:
            ended = _ended(unit)
        found: list[_Found] = []
        released: dict[tuple[str, str], tuple[_Ended, int]] = {}
        for one in ended:  # oldest end first, so what was released last stands
            start = one.context.run_start()
            runs = self._pipelines.find_all_by_request(start)
            again = self._pipelines.find_all_by_request(replace_mark(start, undo_mark(start.request_id)))
            found += _two_runs(one, runs)
            version = _released(one, runs, again)
            if version is not None:
                released[one.request.key.model, one.request.environment] = (one, version)
        found += [_differs(one, version) for one, version in released.values() if one.is_free and version != one.live]
        with self._units.begin() as unit:
            self._close_fixed(unit, ended, found)
            return sum(self._open(unit, item) for item in found)

    def _open(self, unit: Unit, found: _Found) -> bool:
        request = found.ended.request
        incident = Incident(
            self._ids.new("inc"), found.kind, request.key.model, request.id, found.before, found.after, found.sentence,
            self._clock.now(),
        )  # fmt: skip
        is_new = unit.deployments.open_incident(incident)
        if is_new:
            told = {"incident": incident.id, "sentence": incident.sentence}
            record(unit, request, Action.INCIDENT_OPENED, before=incident.before, after=told)
        return is_new

    def _close_fixed(self, unit: Unit, ended: Sequence[_Ended], found: Sequence[_Found]) -> None:
        """Only a difference in what is released can be corrected, and only what was checked is closed."""
        still = {item.ended.request.id for item in found if item.kind == DIFFERS}
        looked_at = {one.request.id: one for one in ended}
        for incident in unit.deployments.incidents():
            if incident.kind == DIFFERS and incident.subject in looked_at and incident.subject not in still:
                unit.deployments.close_incident(incident.id, self._clock.now())
                request = looked_at[incident.subject].request
                record(unit, request, Action.INCIDENT_CLOSED, after={"incident": incident.id})


def _ended(unit: Unit) -> list[_Ended]:
    since = unit.rollouts.now() - LOOK_BACK
    rows = [row for row in unit.rollouts.updated_since(since) if row.state in ENDED]
    found = [_of(unit, row) for row in sorted(rows, key=lambda row: row.updated or since)]
    return [one for one in found if one.context.environment.pipeline is not None]


def _of(unit: Unit, rollout: Rollout) -> _Ended:
    context = context_of(unit, rollout.request_id, rollout.id)
    key, environment = context.key, context.request.environment
    live = [d.key.version for d in unit.deployments.of(model=key.model, live_only=True) if d.environment == environment]
    is_free = unit.rollouts.target_holder(key.model, environment) is None
    begun = context.journal.get(RolloutStep.START_RUN)
    since = begun.started if begun else (rollout.created or context.now)
    return _Ended(rollout, replace(context, now=since), live[0] if live else None, is_free)


def _two_runs(one: _Ended, runs: Sequence[ReleaseRun]) -> list[_Found]:
    if len(runs) < 2:
        return []
    names = ", ".join(f"{run.name} ({run.ref.run_id})" for run in runs)
    sentence = f"The rollout of {one.request.key} to {one.request.environment} has {len(runs)} runs: {names}."
    return [_Found(one, TWO_RUNS, "1", str(len(runs)), f"{sentence} The gate lets only the recorded one deploy.")]


def _released(one: _Ended, runs: Sequence[ReleaseRun], again: Sequence[ReleaseRun]) -> int | None:
    """The version that this rollout has left released; None when it released nothing."""
    for run in again:
        if run.result in _DEPLOYED:
            return int(run.parameters.get("modelVersion", one.live or 0))
    return one.request.key.version if any(run.result in _DEPLOYED for run in runs) else None


def _differs(one: _Ended, version: int) -> _Found:
    live = "no version" if one.live is None else f"v{one.live}"
    where = f"{one.request.key.model} in {one.request.environment}"
    sentence = f"{where}: v{version} is released, but {live} is live by the portal's record."
    return _Found(one, DIFFERS, live, f"v{version}", sentence)
