"""One winner from one sealed state, and what is released is what was sealed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.rollout import Rollout, RolloutState
from services.domain.registry import VersionKey
from services.domain.releases import RunResult
from services.health.desk import HealthDesk
from tests.world import MODEL, World

V1, V2, V3 = (VersionKey(MODEL, version) for version in (1, 2, 3))


def rollout_of(world: World, request: PromotionRequest) -> Rollout:
    with world.units.read() as unit:
        found = unit.rollouts.of_request(request.id)
    assert found is not None
    return found


def test_rollouts__two_from_one_sealed_state__the_second_is_void_with_both_states(world: World) -> None:
    first, second = world.open(2), world.open(3)
    world.approve(first)
    world.approve(second)
    world.run()
    assert sorted([world.state(first), world.state(second)]) == ["promoted", "void"]
    lost = first if world.state(first) == "void" else second
    rollout = rollout_of(world, lost)
    assert rollout.state is RolloutState.VOID
    assert "the registry was alias champion at v1; Production: v1, is now alias champion at v" in rollout.cause
    assert world.actions().count("registry:version:live") == 1
    with world.units.read() as unit:
        assert unit.rollouts.target_holder(MODEL, "production") is None


def test_rollouts__values_put_back_by_hand_in_between__the_generation_still_tells(world: World) -> None:
    first, second = world.open(2), world.open(3)
    world.approve(first)
    world.approve(second)
    while world.state(first) != "promoted":
        world.run(rounds=1)
    for key, stage in ((V1, "Production"), (V2, "None")):
        world.registry._put_stage(key, stage)
    world.registry._put_alias(MODEL, "champion", 1)
    world.run()
    assert world.state(second) == "void"
    assert "the number of changes of what is live was 0, is now 1" in rollout_of(world, second).cause


@pytest.mark.parametrize("version", [V1, V2])
def test_rollout__version_created_again_under_its_number__is_void(world: World, version: VersionKey) -> None:
    request = world.approve(world.open())
    old = world.registry.kept[version]
    world.registry.kept[version] = replace(old, created=world.clock.now(), stage=old.stage)
    world.run()
    assert world.state(request) == "void"
    assert world.registry.writes == []


def test_rollout__stage_moved_alone__is_void(world: World) -> None:
    request = world.approve(world.open())
    world.registry._put_stage(V3, "Production")
    world.run()
    assert world.state(request) == "void"
    assert "Production: v1, is now alias champion at v1; Production: v1, v3" in rollout_of(world, request).cause


def test_rollout__yaml_changed_after_the_approval__stops_before_the_start(world: World) -> None:
    request = world.approve(world.open())
    world.pipelines.defined = replace(world.pipelines.defined, yaml_digest="sha256:" + "2" * 64)
    world.run()
    assert (world.state(request), world.pipelines.starts) == ("void", [])
    assert "the digest of the pipeline's YAML" in rollout_of(world, request).cause


def test_rollout__service_connection_replaced_under_its_name__stops_before_the_start(world: World) -> None:
    request = world.approve(world.open())
    world.pipelines.defined = replace(world.pipelines.defined, connections={"portal": "id-2 https://portal"})
    world.run()
    assert (world.state(request), world.pipelines.starts) == ("void", [])


def test_rollout__start__is_at_the_sealed_commit_and_tagged(world: World) -> None:
    request = world.approve(world.open())
    world.run()
    assert world.state(request) == "promoted"
    assert [start.commit for start in world.pipelines.starts] == ["c" * 40]
    assert world.pipelines.tags[100] == (f"req-{request.id}",)


def test_rollout__answer_of_the_start_lost__the_run_is_tagged_when_found(world: World) -> None:
    world.pipelines.lose_answers = 1
    request = world.approve(world.open())
    world.run()
    assert world.state(request) == "promoted"
    assert f"req-{request.id}" in world.pipelines.tags[100]


def test_rollout__run_read_back_at_another_commit__is_not_noted_and_stopped(world: World) -> None:
    request = world.approve(world.open())
    world.pipelines.ends_with = None
    world.pipelines.defined = replace(world.pipelines.defined, commit="d" * 40)
    world.pipelines.definition = lambda *_: replace(world.pipelines.defined, commit="c" * 40)  # type: ignore[method-assign]  # the head moved after it was read
    world.run()
    rollout = rollout_of(world, request)
    assert (rollout.state, rollout.run_id) == (RolloutState.VOID, None)
    assert f"commit: {'c' * 40} → {'d' * 40}" in rollout.cause
    assert len(world.pipelines.cancelled) == 1
    assert world.registry.holders(MODEL, stage="Production", alias="champion").in_stage == (1,)


def test_rollout__later_trouble__does_not_overwrite_the_first_cause(world: World) -> None:
    world.pipelines.ends_with = RunResult.FAILED
    request = world.approve(world.open())
    world.run(rounds=1)
    assert rollout_of(world, request).state is RolloutState.COMPENSATING
    world.registry.is_down = True
    world.run(rounds=5)
    rollout = rollout_of(world, request)
    assert "ended failed" in rollout.cause
    assert "MLflow cannot be reached" in rollout.error
    world.registry.is_down = False
    world.clock.advance(120)
    world.run()
    assert "ended failed" in rollout_of(world, request).error


def test_rollout__no_worker_running__is_reported_with_the_time_since_when(world: World) -> None:
    health = HealthDesk(world.units)
    request = world.approve(world.open())
    since = world.clock.now()
    world.clock.advance(10)
    assert health.waiting_for_worker() == []
    world.clock.advance(10)
    waiting = health.waiting_for_worker()
    assert [(r.request_id, r.waits_for_worker_since) for r in waiting] == [(request.id, since)]
    assert rollout_of(world, request).waits_for_worker_since == since
    figures = health.figures()
    assert (figures.waiting, figures.waits_seconds) == (1, 20)
    world.run()
    assert health.waiting_for_worker() == []
    assert health.figures().waits_seconds == 0
