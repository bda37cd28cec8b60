"""Governance gaps of live versions: no owner, policy, card or valid approval, an overdue review, open findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from services.catalogue.model_card import is_card
from services.database.unit import Unit, Units
from services.domain.catalogue import VersionQuery, VersionRow
from services.domain.coverage import CoverageRow, Gap
from services.domain.policy import Environment, Governance
from services.domain.promotions.promotion import Deployment
from services.domain.promotions.requests import RequestState, glass_broken, quorum_reached
from services.domain.registry import VersionKey
from services.ports.time import Clock
from services.promotions.sealed_request import frozen_policy

PAGE = 200


class CoverageDesk:
    """Joins the copy of the registry with policies, deployments and findings; makes no call to MLflow."""

    def __init__(self, units: Units, governance: Governance, clock: Clock) -> None:
        self._units = units
        self._governance = governance
        self._clock = clock

    def rows(self) -> Sequence[CoverageRow]:
        """All live versions, most gaps first."""
        now = self._clock.now()
        with self._units.read() as unit:
            found = [
                CoverageRow(row, environment.name, held, self._gaps(unit, row, environment, now))
                for environment in self._governance.environments.values()
                for row, held in _holders(unit, environment)
            ]
        return sorted(found, key=lambda row: (-len(row.gaps), row.environment, row.key.model, row.key.version))

    def _gaps(self, unit: Unit, row: VersionRow, environment: Environment, now: datetime) -> tuple[Gap, ...]:
        run = unit.catalogue.run(row.run_id) if row.run_id else None
        checks = {
            Gap.OWNER: not row.owner,
            Gap.POLICY: self._governance.policy_for(row.key.model, environment.name) is None,
            Gap.CARD: run is None or not is_card(run[2]),
            Gap.FINDING: _has_findings(unit, row.key, environment.name),
        }
        live = unit.deployments.of(model=row.key.model, version=row.key.version, live_only=True)
        here = next((d for d in live if d.environment == environment.name), None)
        missing = [gap for gap, is_missing in checks.items() if is_missing]
        return tuple(sorted([*missing, *_approval(unit, here, now)], key=list(Gap).index))


def _holders(unit: Unit, environment: Environment) -> Iterator[tuple[VersionRow, str]]:
    seen: set[VersionKey] = set()
    for held, query in _queries(environment):
        page = 1
        while True:
            rows, total = unit.catalogue.search(_on(query, page))
            for row in rows:
                if row.key not in seen:
                    seen.add(row.key)
                    yield row, held
            if page * PAGE >= total:
                break
            page += 1


def _queries(environment: Environment) -> Iterator[tuple[str, dict[str, str]]]:
    if environment.alias:
        yield f"alias {environment.alias}", {"alias": environment.alias}
    if environment.stage:
        yield f"stage {environment.stage}", {"stage": environment.stage}
    yield "release", {"live_in": environment.name}


def _on(query: dict[str, str], page: int) -> VersionQuery:
    return VersionQuery(
        alias=query.get("alias", ""), stage=query.get("stage", ""), live_in=query.get("live_in", ""), page=page,
        page_size=PAGE,
    )  # fmt: skip


def _has_findings(unit: Unit, key: VersionKey, environment: str) -> bool:
    return any(f.stands_against(key, environment) for f in unit.oversight.findings(model=key.model))


def _approval(unit: Unit, live: Deployment | None, now: datetime) -> list[Gap]:
    if live is None or live.request_id is None:
        return [Gap.APPROVAL]
    request = unit.requests.get(live.request_id)
    policy, decisions = frozen_policy(unit, request), unit.requests.decisions(request.id)
    gaps = []
    signed = quorum_reached(decisions, request.plan_digest, policy.quorum, policy.slots)
    if request.state is not RequestState.PROMOTED or not signed:
        broken = glass_broken(decisions, request.plan_digest) is not None
        gaps.append(Gap.GLASS if broken else Gap.APPROVAL)
    last = unit.oversight.reviews([live.id])
    since = last[-1].at if last else live.live_from
    if policy.review_every is not None and now > since + policy.review_every:
        gaps.append(Gap.REVIEW)
    return gaps
