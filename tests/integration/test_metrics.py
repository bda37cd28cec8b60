"""What Prometheus scrapes, over a real database and the real ledger."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.access.tokens import Callers, TokenDesk
from services.api.app import build_api
from services.api.metrics import exposition
from services.audit.answers import WitnessState
from services.audit.browser import LedgerDesk
from services.catalogue.sync import CatalogueSync
from services.domain.promotions.promotion import Incident
from services.health.desk import HealthDesk
from services.portal import Portal
from services.promotions.gate import Gate
from tests.asgi import AsgiClient
from tests.integration.test_api import TOKEN, _issue
from tests.world import World

Figures = dict[tuple[str, str], float]


def figures_of(world: World, *witnesses: WitnessState) -> Figures:
    ledger = SimpleNamespace(witnesses=lambda: witnesses)
    text = exposition(HealthDesk(world.units), cast("LedgerDesk", ledger), world.clock).decode()
    return {
        (sample.name.removeprefix("countersign_"), next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_figures__of_a_portal_at_work__are_counts_of_what_there_is(world: World) -> None:
    assert figures_of(world)["requests", "open"] == 0
    request = world.open()
    assert figures_of(world)["requests", "open"] == 1
    world.approve(request)
    world.run()
    found = figures_of(world)
    assert (found["requests", "open"], found["requests", "promoted"], found["rollouts", "succeeded"]) == (0, 1, 1)
    assert found["versions_live", "production"] == 1
    assert found["ledger_entries", ""] == len(world.actions())


def test_figures__mlflow_is_away__say_so_and_how_old_the_picture_is(world: World) -> None:
    sync = CatalogueSync(world.registry, world.units, clock=world.clock, sweep_every=timedelta(minutes=10))
    assert sync.beat()
    world.clock.advance(180)
    world.registry.is_down = True
    assert not sync.beat()
    found = figures_of(world)
    assert (found["source_up", "mlflow"], found["source_age_seconds", "mlflow"]) == (0, 180)


def test_figures__a_witness_is_silent__stands_in_its_figures(world: World) -> None:
    silent = WitnessState("file", 3, 4, world.clock.now() - timedelta(hours=2), "silent")
    found = figures_of(world, silent, WitnessState("never asked", 0, 7, None, "late"))
    assert (found["witness_behind_entries", "file"], found["witness_age_seconds", "file"]) == (4, 7200)
    assert (found["witness_freshness", "file"], found["witness_freshness", "never asked"]) == (2, 1)
    assert ("witness_age_seconds", "never asked") not in found


def test_figures__incidents__are_counted_by_kind(world: World) -> None:
    with world.units.begin() as unit:
        for number in (1, 2):
            unit.deployments.open_incident(
                Incident(
                    f"inc-{number}", "moved", "m", f"m v{number}", "None", "Production", "It moved.", world.clock.now()
                )
            )
    assert figures_of(world)["incidents_open", "moved"] == 2


@pytest.mark.parametrize("token", ["", "csn_wrong"])
def test_metrics__without_a_token__answers_nobody(world: World, token: str) -> None:
    answer = client_of(world, token).get("/metrics")
    assert answer.status_code == 401
    assert "countersign_" not in answer.text


def test_metrics__with_a_token_that_reads__is_prometheus_text(world: World) -> None:
    answer = client_of(world, TOKEN).get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "# HELP countersign_requests Promotion requests by state." in answer.text


def client_of(world: World, token: str) -> AsgiClient:
    _issue(world, TOKEN)
    ledger = SimpleNamespace(witnesses=tuple)
    portal = SimpleNamespace(health=HealthDesk(world.units), ledger=ledger)
    callers = Callers(TokenDesk(world.units, clock=world.clock, ids=world.ids), None, has_audience=False)
    api = build_api(cast("Portal", portal), Gate(world.units, world.registry), callers)
    return AsgiClient(api, {"Authorization": f"Bearer {token}"} if token else {})
