"""A lease is kept by heartbeats; one that fails, for whatever reason, is a lost lease."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from services.database.stores.rollouts import Claim, LeaseLostError
from services.rollout.lease import Lease, LeaseTimes, lease_of
from tests.world import World

SHORT = LeaseTimes(timedelta(seconds=2), timedelta(seconds=0.05))


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    assert holds()


def claimed(world: World) -> Claim:
    world.approve(world.open())
    with world.units.begin() as unit:
        claim = unit.rollouts.claim(SHORT.length, "first")
    assert claim is not None
    return claim


def is_due(world: World) -> bool:
    with world.units.read() as unit:
        return bool(unit.rollouts.waiting())


def is_lost(lease: Lease) -> bool:
    try:
        lease.demand_here()
    except LeaseLostError:
        return True
    return False


def test_lease__with_heartbeats__outlives_its_length(world: World) -> None:
    lease = Lease(claimed(world), world.units, SHORT)
    lease.keep()
    for _ in range(3):
        world.clock.advance(1.5)
        until(lambda: not is_due(world))
        time.sleep(0.2)
    lease.demand()
    lease.end()
    world.clock.advance(2.5)
    assert is_due(world)


def test_lease__taken_over__is_lost_at_the_next_heartbeat_and_at_every_test(world: World) -> None:
    lease = Lease(claimed(world), world.units, SHORT)
    world.clock.advance(3)
    with world.units.begin() as unit:
        assert unit.rollouts.claim(SHORT.length, "second") is not None
    with pytest.raises(LeaseLostError):
        lease.demand()
    lease.keep()
    until(lambda: is_lost(lease))
    lease.end()


def test_lease__database_away__a_failed_heartbeat_is_a_lost_lease(world: World) -> None:
    lease = Lease(claimed(world), world.units, SHORT)
    with world.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE rollout RENAME TO rollout_away")
    lease.keep()
    until(lambda: is_lost(lease))
    lease.end()
    with world.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE rollout_away RENAME TO rollout")
    with pytest.raises(LeaseLostError):
        lease.demand()


def test_lease__process_frozen_past_its_end__sends_nothing_without_asking_anybody(world: World) -> None:
    now = [0.0]
    lease = Lease(claimed(world), world.units, SHORT, clock=lambda: now[0])
    lease.demand_here()
    now[0] = 2.5
    with pytest.raises(LeaseLostError):
        lease.demand_here()


def test_lease__of_seconds__lasts_a_few_heartbeats_and_is_taken_up_within_15_seconds() -> None:
    times = lease_of(10)
    assert times.beat is not None
    assert times.length / times.beat == 4
    assert times.length + timedelta(seconds=2) <= timedelta(seconds=15)
