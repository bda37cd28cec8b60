"""Changes outside Countersign: another holder of stage or alias, or a live version that was created again.

MLflow reports neither who moved an alias or a stage nor when, so the portal compares: the registry's copy says who
holds a place, the portal's own deployments say who should. Until the registry has been read again after a version went
live, nothing is compared. While a rollout has the place reserved, the states that this rollout makes are expected; any
other is read once more from the registry itself before it becomes an incident.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.database.unit import Unit, Units
from services.domain.catalogue import VersionQuery
from services.domain.identity.people import SYSTEM
from services.domain.policy import Environment, Governance
from services.domain.promotions.promotion import Deployment, Incident
from services.domain.promotions.target import RegistryMove
from services.domain.registry import RegisteredModel, RegistrySnapshot, VersionKey
from services.errors import NotFoundError, UpstreamError
from services.ledger.actions import Action
from services.ledger.subjects import version_subject
from services.ports.registry import RegistryReader
from services.ports.time import Clock, Ids
from services.promotions.sealed_request import plan_of

KIND, RECREATED, MLFLOW = "out_of_band", "version_recreated", "mlflow"
KINDS = (KIND, RECREATED)
MoveOf = Callable[[Unit, str], RegistryMove]
"""The move that a rollout makes in the registry, by the rollout's id."""


@dataclass(frozen=True)
class _Drift:
    live: Deployment
    place: str
    holder: str
    """Who holds it now: ``v6``, several versions, or ``nobody``."""
    kind: str = KIND
    is_reserved: bool = False

    @property
    def subject(self) -> str:
        return f"{self.live.key.model}: {self.place}"

    @property
    def before(self) -> str:
        return f"v{self.live.key.version}"

    @property
    def sentence(self) -> str:
        if self.kind == RECREATED:
            return f"Changed outside Countersign: {self.live.key}, which is live, was deleted and created again."
        where = f"the {self.place} of {self.live.key.model} ({self.live.environment})"
        change = f"now points to {self.holder}; Countersign set v{self.live.key.version}"
        during = " A rollout has the target reserved; this is not a state that it makes." if self.is_reserved else ""
        return f"Changed outside Countersign: {where} {change}.{during}"


@dataclass(frozen=True)
class _Reserved:
    """A place that a rollout has reserved, with the move that it makes there."""

    live: Deployment
    environment: Environment
    move: RegistryMove


class RegistryWatch:
    """Opens an incident for each place that another client has changed, and closes it once it is put back."""

    def __init__(
        self, units: Units, governance: Governance, registry: RegistryReader, *, move_of: MoveOf, clock: Clock, ids: Ids
    ) -> None:
        self._units = units
        self._governance = governance
        self._registry = registry
        self._move_of = move_of
        self._clock = clock
        self._ids = ids

    def beat(self) -> int:
        """Compare once; returns how many incidents were opened."""
        with self._units.read() as unit:
            read = _last_read(unit)
            if read is None:
                return 0
            drifts, suspects = [], []
            for live in unit.deployments.of(live_only=True):
                found = self._of(unit, live) if live.live_from < read else []
                reserved = self._reserved(unit, live) if found else None
                if reserved is None:
                    drifts += found
                else:
                    suspects.append((reserved, found))
        drifts += [drift for reserved, found in suspects for drift in self._confirmed(reserved, found)]
        with self._units.begin() as unit:
            self._close_fixed(unit, drifts)
            return sum(self._open(unit, drift) for drift in drifts)

    def _of(self, unit: Unit, live: Deployment) -> list[_Drift]:
        environment = self._governance.environments.get(live.environment)
        model = next(iter(unit.catalogue.models([live.key.model])), None)
        if environment is None or model is None:
            return []
        holders = {**_alias(model, environment), **_stage(unit, live, environment)}
        mine = f"v{live.key.version}"
        drifts = [_Drift(live, place, holder) for place, holder in holders.items() if holder != mine]
        return [*drifts, *_recreated(unit, live)]

    def _reserved(self, unit: Unit, live: Deployment) -> _Reserved | None:
        holder = unit.rollouts.target_holder(live.key.model, live.environment)
        environment = self._governance.environments.get(live.environment)
        if holder is None or environment is None:
            return None
        return _Reserved(live, environment, self._move_of(unit, holder))

    def _confirmed(self, reserved: _Reserved, found: list[_Drift]) -> list[_Drift]:
        """Nothing for a state that the rollout makes; the copy may mix two readings, so the registry is asked itself.

        Without an answer an incident that is open stays, and none is opened.
        """
        stage, alias = reserved.environment.stage, reserved.environment.alias
        try:
            held = self._registry.holders(reserved.live.key.model, stage=stage, alias=alias)
        except NotFoundError:
            held = RegistrySnapshot()
        except UpstreamError:
            return self._open_already(found)
        recreated = [drift for drift in found if drift.kind == RECREATED]
        if reserved.move.progress(held) is not None:
            return recreated
        holders = {f"alias {alias}": _version(held.alias_version)} if alias else {}
        holders |= {f"stage {stage}": _versions(held.in_stage)} if stage else {}
        mine = f"v{reserved.live.key.version}"
        drifts = [
            _Drift(reserved.live, place, holder, is_reserved=True)
            for place, holder in holders.items()
            if holder != mine
        ]
        return [*drifts, *recreated]

    def _open_already(self, found: list[_Drift]) -> list[_Drift]:
        with self._units.read() as unit:
            known = {(incident.subject, incident.after) for incident in unit.deployments.incidents()}
        return [drift for drift in found if (drift.subject, drift.holder) in known]

    def _open(self, unit: Unit, drift: _Drift) -> bool:
        found = Incident(
            self._ids.new("inc"), drift.kind, drift.live.key.model, drift.subject, drift.before, drift.holder,
            drift.sentence, self._clock.now(),
        )  # fmt: skip
        if not unit.deployments.open_incident(found):
            return False
        unit.ledger.append(
            SYSTEM, Action.INCIDENT_OPENED, version_subject(drift.live.key), before=found.before,
            after={"incident": found.id, "sentence": found.sentence}, request_id=drift.live.request_id,
        )  # fmt: skip
        return True

    def _close_fixed(self, unit: Unit, drifts: list[_Drift]) -> None:
        still = {(drift.kind, drift.subject, drift.holder) for drift in drifts}
        for incident in unit.deployments.incidents():
            if incident.kind in KINDS and (incident.kind, incident.subject, incident.after) not in still:
                unit.deployments.close_incident(incident.id, self._clock.now())
                key = VersionKey(incident.model, int(incident.before.removeprefix("v")))
                unit.ledger.append(
                    SYSTEM, Action.INCIDENT_CLOSED, version_subject(key), after={"incident": incident.id}
                )


def _last_read(unit: Unit) -> datetime | None:
    """When the registry was last read in full; None if never."""
    return next((h.last_success for h in unit.catalogue.health() if h.system == MLFLOW), None)


def _alias(model: RegisteredModel, environment: Environment) -> dict[str, str]:
    if not environment.alias:
        return {}
    return {f"alias {environment.alias}": _version(model.aliases.get(environment.alias))}


def _stage(unit: Unit, live: Deployment, environment: Environment) -> dict[str, str]:
    if not environment.stage:
        return {}
    rows, _ = unit.catalogue.search(VersionQuery(model=live.key.model, stage=environment.stage, page_size=200))
    versions = sorted(row.key.version for row in rows if row.key.model == live.key.model)
    return {f"stage {environment.stage}": _versions(versions)}


def _recreated(unit: Unit, live: Deployment) -> list[_Drift]:
    """The live version has another creation time than the one that was signed: it is not the same version."""
    signed = live.version_created
    if signed is None and live.request_id is not None:
        signed = plan_of(unit, unit.requests.get(live.request_id)).version_created
    known = unit.catalogue.version(live.key)
    if signed is None or known is None or known[3] is not None:
        return []
    now = known[0].created.isoformat()
    is_same = datetime.fromisoformat(signed) == known[0].created
    return [] if is_same else [_Drift(live, "version", f"v{live.key.version} of {now}", RECREATED)]


def _version(version: int | None) -> str:
    return "nobody" if version is None else f"v{version}"


def _versions(versions: Sequence[int]) -> str:
    return ", ".join(f"v{v}" for v in sorted(versions)) or "nobody"
