"""Requests asked for in MLflow: only where the policy allows it, once, and never by a person's name."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from services.catalogue.sync import CatalogueSync
from services.database.stores.requests import RequestFilter
from services.domain.promotions.promotion import PromotionRequest
from services.domain.registry import VersionKey
from services.policies.reading import parse_governance
from services.promotions.asking import TagDesk
from tests.integration.promotions.conftest import RULES
from tests.oversight_world import OversightWorld
from tests.simulators.basics import CHLOE
from tests.world import MODEL

V2 = VersionKey(MODEL, 2)


@pytest.fixture
def open_world(engine: Engine, tmp_path: Path) -> OversightWorld:
    return OversightWorld(engine, tmp_path, rules=parse_governance(RULES + "    ask_by_tag: true\n"))


def look(world: OversightWorld) -> int:
    world.clock.advance(60)
    assert CatalogueSync(world.registry, world.units, clock=world.clock, sweep_every=timedelta(seconds=1)).beat()
    return TagDesk(world.units, world.desk, world.rules, world.clock).beat()


def requests(world: OversightWorld) -> list[PromotionRequest]:
    with world.units.read() as unit:
        return list(unit.requests.find(RequestFilter())[0])


def test_tag__allowed__opens_one_request_that_people_decide(open_world: OversightWorld) -> None:
    open_world.registry.set_version_tag(V2, "countersign.request", "production")
    open_world.registry.set_version_tag(V2, "countersign.reason", "Nightly winner.")
    assert look(open_world) == 1
    (request,) = requests(open_world)
    assert request.participants.requester.id == "service:mlflow"
    assert request.reason.startswith("Nightly winner. (Requested by the tag")
    open_world.approve(request, CHLOE)
    assert look(open_world) == 0


def test_alias__allowed__opens_a_request(open_world: OversightWorld) -> None:
    open_world.registry.set_alias(MODEL, "request-production", 3)
    assert look(open_world) == 1
    assert requests(open_world)[0].key == VersionKey(MODEL, 3)


def test_tag__after_rejection__opens_nothing_again(open_world: OversightWorld) -> None:
    open_world.registry.set_version_tag(V2, "countersign.request", "production")
    look(open_world)
    open_world.clock.advance(timedelta(days=20).total_seconds())
    open_world.desk.expire_due()
    assert look(open_world) == 0
    assert [r.state.value for r in requests(open_world)] == ["expired"]


@pytest.mark.parametrize("value", ["staging", "production-eu", ""])
def test_tag__of_another_place__opens_nothing(open_world: OversightWorld, value: str) -> None:
    open_world.registry.set_version_tag(V2, "countersign.request", value)
    assert look(open_world) == 0


def test_tag__not_allowed_by_the_policy__opens_nothing(strict: OversightWorld) -> None:
    strict.registry.set_version_tag(V2, "countersign.request", "production")
    assert look(strict) == 0
    assert requests(strict) == []
