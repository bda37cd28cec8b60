"""Changes outside Countersign: an alias or stage that the registry assigns to another version than the portal did.

MLflow records neither who moved an alias or stage nor when, so the portal compares the copy of the registry with
the portal's own deployments. While a rollout has reserved the target, and until the
registry has been read again after it, nothing is compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.database.unit import Unit, Units
from services.domain.catalogue import VersionQuery
from services.domain.identity.people import SYSTEM
from services.domain.policy import Environment, Governance
from services.domain.promotions.promotion import Deployment, Incident
from services.domain.registry import RegisteredModel, VersionKey
from services.ledger.actions import Action
from services.ledger.subjects import version_subject
from services.ports.time import Clock, Ids

KIND, MLFLOW = "out_of_band", "mlflow"


@dataclass(frozen=True)
class _Drift:
    live: Deployment
    place: str
    holder: str
    """The current holder: ``v6``, several versions, or ``nobody``."""

    @property
    def subject(self) -> str:
        return f"{self.live.key.model}: {self.place}"

    @property
    def sentence(self) -> str:
        where = f"the {self.place} of {self.live.key.model} ({self.live.environment})"
        change = f"now points to {self.holder}; Countersign set v{self.live.key.version}"
        return f"Changed outside Countersign: {where} {change}."


class RegistryWatch:
    """Opens an incident for each target that another client moved, and closes it once it is restored."""

    def __init__(self, units: Units, governance: Governance, *, clock: Clock, ids: Ids) -> None:
        self._units = units
        self._governance = governance
        self._clock = clock
        self._ids = ids

    def beat(self) -> int:
        """Compare once; returns how many incidents were opened."""
        with self._units.begin() as unit:
            read = _last_read(unit)
            if read is None:
                return 0
            drifts = [
                drift
                for live in unit.deployments.of(live_only=True)
                if live.live_from < read
                for drift in self._of(unit, live)
                if unit.rollouts.target_holder(live.key.model, live.environment) is None
            ]
            self._close_mended(unit, drifts)
            return sum(self._open(unit, drift) for drift in drifts)

    def _of(self, unit: Unit, live: Deployment) -> list[_Drift]:
        environment = self._governance.environments.get(live.environment)
        model = next(iter(unit.catalogue.models([live.key.model])), None)
        if environment is None or model is None:
            return []
        holders = {**_alias(model, environment), **_stage(unit, live, environment)}
        mine = f"v{live.key.version}"
        return [_Drift(live, place, holder) for place, holder in holders.items() if holder != mine]

    def _open(self, unit: Unit, drift: _Drift) -> bool:
        found = Incident(
            self._ids.new("inc"), KIND, drift.live.key.model, drift.subject, f"v{drift.live.key.version}", drift.holder,
            drift.sentence, self._clock.now(),
        )  # fmt: skip
        if not unit.deployments.open_incident(found):
            return False
        unit.ledger.append(
            SYSTEM, Action.INCIDENT_OPENED, version_subject(drift.live.key), before=found.before,
            after={"incident": found.id, "sentence": found.sentence}, request_id=drift.live.request_id,
        )  # fmt: skip
        return True

    def _close_mended(self, unit: Unit, drifts: list[_Drift]) -> None:
        still = {(drift.subject, drift.holder) for drift in drifts}
        for incident in unit.deployments.incidents():
            if incident.kind == KIND and (incident.subject, incident.after) not in still:
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
    version = model.aliases.get(environment.alias)
    return {f"alias {environment.alias}": "nobody" if version is None else f"v{version}"}


def _stage(unit: Unit, live: Deployment, environment: Environment) -> dict[str, str]:
    if not environment.stage:
        return {}
    rows, _ = unit.catalogue.search(VersionQuery(model=live.key.model, stage=environment.stage, page_size=200))
    versions = sorted(row.key.version for row in rows if row.key.model == live.key.model)
    return {f"stage {environment.stage}": ", ".join(f"v{v}" for v in versions) or "nobody"}
