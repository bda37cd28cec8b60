"""Releases that no rollout follows any more are still looked at, and what somebody asked for is seen at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from services.domain.identity.people import Actor, Person, Role
from services.domain.releases import ReleaseRun, RunRef, RunResult, RunStart, RunState
from services.errors import NotAllowedError
from services.hooks.inbox import HookInbox, HookWorker
from services.releases.desk import ReleaseDesk, keep_release, read_release
from services.releases.following import RunFollower
from services.releases.watch import OLD, AzureWatch
from tests.simulators.basics import START
from tests.world import World

OLGA = Actor(Person("olga", "Olga"), frozenset({Role.OPERATOR}))


@pytest.fixture
def world(engine: Engine, tmp_path: Path) -> World:
    return World(engine, tmp_path)


def running(world: World) -> ReleaseRun:
    world.pipelines.ends_with = None
    start = RunStart("ml", 12, "main", "r1", {"requestId": "r1"}, START)
    run = world.pipelines.start(start)
    keep_release(world.units, read_release(world.pipelines, run.ref), request=None, now=world.clock.now())
    return run


def kept(world: World, ref: RunRef) -> tuple[str, str | None]:
    with world.units.read() as unit:
        found = unit.deployments.release("ml", ref.number)
    assert found is not None
    return found.state, found.result


def watch(world: World) -> AzureWatch:
    return AzureWatch(world.pipelines, world.units, world.clock)


def test_watch__old_picture_of_a_running_release__is_renewed(world: World) -> None:
    run = running(world)
    world.pipelines.ends_with = RunResult.FAILED
    watch(world).beat()
    assert kept(world, run.ref)[0] == RunState.IN_PROGRESS.value
    world.clock.advance(OLD.total_seconds())
    watch(world).beat()
    assert kept(world, run.ref) == ("completed", "failed")


def test_watch__release_is_gone__ends_it_without_a_result_and_goes_on(world: World) -> None:
    run = running(world)
    world.pipelines.started.clear()
    world.clock.advance(OLD.total_seconds())
    watch(world).beat()
    assert kept(world, run.ref) == ("completed", "unknown")


def test_watch__azure_devops_away__keeps_the_picture(world: World) -> None:
    run = running(world)
    world.pipelines.is_down = True
    world.clock.advance(OLD.total_seconds())
    watch(world).beat()
    assert kept(world, run.ref)[0] == "inProgress"
    with world.units.read() as unit:
        assert not next(h for h in unit.catalogue.health() if h.system == "azure_devops").is_reachable


def test_retry__of_a_failed_release__shows_it_running_at_once(world: World) -> None:
    run = running(world)
    world.pipelines.ends_with = RunResult.FAILED
    desk = ReleaseDesk(world.units, world.pipelines, world.clock)
    world.clock.advance(10)
    assert desk.view("ml", run.ref.number).detail.run.result is RunResult.FAILED
    world.pipelines.started[:] = [run]
    world.pipelines.ends_with = None
    desk.retry_stage(OLGA, "ml", run.ref.number, "Deploy")
    assert kept(world, run.ref)[0] == "inProgress"
    assert "release:run:operated" in world.actions()


def test_cancel__by_somebody_without_the_right__sends_nothing(world: World) -> None:
    run = running(world)
    desk = ReleaseDesk(world.units, world.pipelines, world.clock)
    with pytest.raises(NotAllowedError):
        desk.cancel(Actor(Person("eve", "Eve"), frozenset()), "ml", run.ref.number)
    assert world.pipelines.cancelled == []


def test_hook__about_a_release_without_rollout__renews_its_picture(world: World) -> None:
    run = running(world)
    world.pipelines.ends_with = RunResult.SUCCEEDED
    inbox = HookInbox(world.units, world.clock)
    follower = RunFollower(world.pipelines, world.units, world.clock)
    worker = HookWorker(world.units, world.pipelines, follower, world.clock)
    body = f'{{"id": "e", "eventType": "build.complete", "resource": {{"id": {run.ref.run_id}}}}}'
    assert inbox.receive(body.encode())
    assert worker.beat() == 1
    assert kept(world, run.ref) == ("completed", "succeeded")


@pytest.mark.parametrize(
    ("body", "number"),
    [
        ('{"id": "1", "eventType": "ms.vss-pipelines.run-state-changed-event", "resource": {"run": {"id": 7}}}', 7),
        ('{"id": "2", "eventType": "build.complete", "resource": {"id": 8}}', 8),
        (
            (
                '{"id": "3", "eventType": "ms.vss-release.deployment-completed-event",'
                ' "resource": {"environment": {"releaseId": 0, "release": {"id": 9}}}}'
            ),
            -9,
        ),
        ('{"id": "4", "eventType": "git.push", "resource": {"id": 5}}', None),
        ('{"id": "5", "eventType": "build.complete", "resource": null}', None),
        ('{"id": "6", "eventType": "build.complete", "resource": {"id": 99999999999}}', None),
        ('{"id": "7", "eventType": "build.complete", "resource": {"id": true}}', None),
    ],
)
def test_event__of_each_kind__names_its_run(body: str, number: int | None) -> None:
    from services.hooks.events import read_event

    assert read_event(body.encode("utf-8-sig"), START).run_number == number
