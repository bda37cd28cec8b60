"""What ended rollouts have left in Azure DevOps, and what a hand does to a reserved target, becomes an incident once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from services.catalogue.sync import CatalogueSync
from services.domain.registry import VersionKey
from services.domain.releases import RunResult, RunState
from services.health.bypassed import RegistryWatch
from services.rollout.audit import ReleaseAudit
from services.rollout.journal import move_of
from tests.simulators.basics import START
from tests.world import MODEL, World

V2, V3 = VersionKey(MODEL, 2), VersionKey(MODEL, 3)


def kinds(world: World) -> list[str]:
    with world.units.read() as unit:
        return sorted(incident.kind for incident in unit.deployments.incidents())


def audit(world: World) -> int:
    return ReleaseAudit(world.units, world.pipelines, clock=world.clock, ids=world.ids).beat()


def watch(world: World) -> int:
    world.clock.advance(10)
    CatalogueSync(world.registry, world.units, clock=world.clock, sweep_every=timedelta()).beat()
    world.clock.advance(10)
    watching = RegistryWatch(
        world.units, world.rules, world.registry, move_of=move_of, clock=world.clock, ids=world.ids
    )
    return watching.beat()


def test_audit__rollout_that_ended_as_it_should__finds_nothing(world: World) -> None:
    world.approve(world.open())
    world.run()
    assert (audit(world), kinds(world)) == (0, [])


def test_audit__second_run_with_one_mark__is_an_incident_once(world: World) -> None:
    world.approve(world.open())
    world.run()
    world.pipelines.start(world.pipelines.starts[0])
    assert (audit(world), audit(world)) == (1, 0)
    assert kinds(world) == ["two_runs"]


def test_audit__failed_rollout_whose_version_is_released__is_found_and_closed_when_put_right(world: World) -> None:
    world.approve(world.open(2))
    world.run()
    world.pipelines.ends_with = RunResult.FAILED
    world.approve(world.open(3))
    world.run()
    assert audit(world) == 0
    run = world.pipelines.started[1]
    world.pipelines.started[1] = replace(run, state=RunState.COMPLETED, result=RunResult.SUCCEEDED, finished=START)
    assert audit(world) == 1
    assert kinds(world) == ["release_differs"]
    world.pipelines.started[1] = run
    audit(world)
    assert kinds(world) == []


def test_watch__live_version_created_again__is_found(world: World) -> None:
    world.approve(world.open())
    world.run()
    assert watch(world) == 0
    world.registry.kept[V2] = replace(world.registry.kept[V2], created=world.clock.now())
    assert (watch(world), watch(world)) == (1, 0)
    assert kinds(world) == ["version_recreated"]


def test_watch__reserved_target__sees_a_hand_and_not_the_rollout_itself(world: World) -> None:
    world.approve(world.open(2))
    world.run()
    world.pipelines.ends_with = None
    world.approve(world.open(3))
    world.run(rounds=5)
    with world.units.read() as unit:
        assert unit.rollouts.target_holder(MODEL, "production") is not None
    assert world.registry.kept[V3].stage == "Production"
    assert (watch(world), kinds(world)) == (0, [])
    world.registry._put_stage(V2, "Production")
    assert watch(world) == 2
    with world.units.read() as unit:
        told = [incident.sentence for incident in unit.deployments.incidents()]
    assert any("Production of census (production) now points to v2, v3" in sentence for sentence in told)
    assert all("A rollout has the target reserved" in sentence for sentence in told)
    world.registry._put_stage(V2, "Archived")
    watch(world)
    assert kinds(world) == []
