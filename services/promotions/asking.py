"""Requests opened from MLflow, if the policy allows it (`ask_by_tag`).

A version asks with the tag ``countersign.request = ENVIRONMENT`` or the alias ``request-ENVIRONMENT``, once for an
environment, whatever became of that request: a tag that stays opens nothing again. MLflow does not say who set a tag,
so the requester is the service; author and registrar are barred from signing as always.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from services.database.stores.requests import RequestFilter
from services.database.unit import Unit, Units
from services.domain.catalogue import VersionQuery, VersionRow
from services.domain.identity.people import Actor, Person, Role
from services.domain.policy import Governance
from services.domain.registry import VersionKey
from services.errors import PortalError
from services.ports.time import Clock
from services.promotions.desk import PromotionDesk

log = logging.getLogger(__name__)

TAG, REASON_TAG, ALIAS = "countersign.request", "countersign.reason", "request-{environment}"
MLFLOW = Actor(Person("service:mlflow", "MLflow tag or alias"), frozenset({Role.SERVICE}))
PAUSE = timedelta(minutes=10)
"""Delay before a version whose request failed is checked again."""
PAGE = 100


class TagDesk:
    """Searches the copy of the registry and opens the allowed requests."""

    def __init__(self, units: Units, desk: PromotionDesk, governance: Governance, clock: Clock) -> None:
        self._units = units
        self._desk = desk
        self._governance = governance
        self._clock = clock
        self._later: dict[tuple[VersionKey, str], datetime] = {}

    def beat(self) -> int:
        """Run once; returns how many requests were opened."""
        with self._units.read() as unit:
            wanted = [found for name in self._governance.environments for found in self._asked(unit, name)]
        return sum(self._open(key, environment, reason) for key, environment, reason in wanted)

    def _asked(self, unit: Unit, environment: str) -> Iterator[tuple[VersionKey, str, str]]:
        if not any(p.asks_by_tag and p.environment == environment for p in self._governance.policies):
            return
        tag, alias = f"{TAG}={environment}", ALIAS.format(environment=environment)
        seen: set[VersionKey] = set()
        for query in (VersionQuery(text=tag, page_size=PAGE), VersionQuery(alias=alias, page_size=PAGE)):
            for row in unit.catalogue.search(query)[0]:
                if row.key not in seen and self._is_due(unit, row, environment):
                    seen.add(row.key)
                    reason = _reason(unit, row.key, environment, alias)
                    if reason is not None:
                        yield row.key, environment, reason

    def _is_due(self, unit: Unit, row: VersionRow, environment: str) -> bool:
        policy = self._governance.policy_for(row.key.model, environment)
        if policy is None or not policy.asks_by_tag or environment in row.live_in:
            return False
        later = self._later.get((row.key, environment))
        if later is not None and later > self._clock.now():
            return False
        wanted = RequestFilter(model=row.key.model, version=row.key.version, environment=environment, page_size=1)
        return not unit.requests.find(wanted)[0]

    def _open(self, key: VersionKey, environment: str, reason: str) -> bool:
        try:
            self._desk.open(MLFLOW, key, environment, reason=reason)
        except PortalError as error:
            self._later[key, environment] = self._clock.now() + PAUSE
            log.warning("the request of %s for %s was not opened: %s", key, environment, error.sentence())
            return False
        return True


def _reason(unit: Unit, key: VersionKey, environment: str, alias: str) -> str | None:
    """The request's reason; None if the search matched something else."""
    found = unit.catalogue.version(key)
    if found is None:
        return None
    version = found[0]
    by_tag = version.tags.get(TAG) == environment
    if not by_tag and alias not in version.aliases:
        return None
    how = f"tag {TAG}" if by_tag else f"alias {alias}"
    reason = version.tags.get(REASON_TAG, "").strip()
    return f"{reason or 'No reason was given.'} (Requested by the {how} in MLflow, which does not record who set it.)"
