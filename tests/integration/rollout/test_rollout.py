"""A rollout happens exactly once and ends in a named state."""

from __future__ import annotations

from typing import Any

import pytest

from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.rollout import Rollout, RolloutState
from services.domain.registry import VersionKey
from services.domain.releases import RunResult
from tests.simulators.basics import CHLOE
from tests.world import MODEL, World, governance


class KilledError(BaseException):
    """Stands for kill -9: nothing of the program may catch it."""


def held(world: World) -> tuple[tuple[int, ...], int | None]:
    found = world.registry.holders(MODEL, stage="Production", alias="champion")
    return found.in_stage, found.alias_version


def rollout_of(world: World, request: PromotionRequest) -> Rollout:
    with world.units.read() as unit:
        found = unit.rollouts.of_request(request.id)
    assert found is not None
    return found


def test_rollout__approved__moves_registry_runs_pipeline_and_marks_live(world: World) -> None:
    request = world.approve(world.open())
    world.run()
    assert world.state(request) == "promoted"
    assert held(world) == ((2,), 2)
    assert world.registry.kept[VersionKey(MODEL, 1)].stage == "Archived"
    assert [s.parameters["modelVersion"] for s in world.pipelines.starts] == ["2"]
    with world.units.read() as unit:
        live = unit.deployments.of(model=MODEL, live_only=True)
    assert [(d.key.version, d.run_id) for d in live] == [(2, 100)]
    assert world.actions()[-2:] == ["registry:version:live", "promotion:request:promoted"]


def test_rollout__release_fails__restores_old_version_and_says_failed(world: World) -> None:
    world.pipelines.ends_with = RunResult.FAILED
    request = world.approve(world.open())
    world.run()
    assert world.state(request) == "failed"
    assert held(world) == ((1,), 1)
    assert world.registry.kept[VersionKey(MODEL, 2)].stage == "None"
    with world.units.read() as unit:
        rollout = unit.rollouts.of_request(request.id)
        assert unit.deployments.of(model=MODEL) == []
        assert unit.rollouts.target_holder(MODEL, "production") is None
    assert rollout is not None
    assert rollout.state is RolloutState.FAILED
    assert "ended failed" in rollout.error


def test_rollout__registry_after_release__failed_release_never_touches_registry(engine: Any, tmp_path: Any) -> None:
    world = World(engine, tmp_path, governance(registry="after"))
    world.pipelines.ends_with = RunResult.FAILED
    request = world.approve(world.open())
    world.run()
    assert world.state(request) == "failed"
    assert world.registry.writes == []


def test_rollout__lost_answer_of_start__finds_run_and_starts_no_second(world: World) -> None:
    world.pipelines.lose_answers = 1
    request = world.approve(world.open())
    world.run()
    assert world.state(request) == "promoted"
    assert len(world.pipelines.started) == 1


def test_rollout__lost_request_of_start__is_sent_again_only_after_settling(world: World) -> None:
    world.pipelines.drop_requests = 1
    request = world.approve(world.open())
    asked = world.clock.now()
    world.run()
    assert world.state(request) == "promoted"
    assert len(world.pipelines.started) == 1
    assert (world.clock.now() - asked).total_seconds() >= 30


def test_rollout__lost_answer_of_registry_write__is_finished_not_repeated(world: World) -> None:
    world.registry.lose_answer_of = {"set_alias", "move_stage"}
    request = world.approve(world.open())
    world.run()
    assert world.state(request) == "promoted"
    assert held(world) == ((2,), 2)


def test_rollout__pipeline_refused__turns_back(world: World) -> None:
    world.pipelines.refuse = True
    request = world.approve(world.open())
    world.run()
    assert world.state(request) == "failed"
    assert held(world) == ((1,), 1)


def test_rollout__azure_devops_away__waits_and_goes_on(world: World) -> None:
    request = world.approve(world.open())
    world.pipelines.is_down = True
    world.run(rounds=10)
    assert world.state(request) == "rolling_out"
    world.pipelines.is_down = False
    world.clock.advance(120)
    world.run()
    assert world.state(request) == "promoted"


def test_rollout__files_changed_after_approval__is_void_before_any_effect(world: World) -> None:
    request = world.approve(world.open())
    world.registry.model_bytes[VersionKey(MODEL, 2)] = b"poisoned"
    world.run()
    assert world.state(request) == "void"
    assert "the digest of the model's files was sha256:" in rollout_of(world, request).cause
    assert world.registry.writes == []
    assert world.pipelines.starts == []


def test_rollout__somebody_moves_registry_meanwhile__nothing_is_touched_and_a_person_is_asked(world: World) -> None:
    """Before the protocol of ADR 9 the old version was put back beside what the hand had moved: two were live."""
    world.pipelines.ends_with = None
    request = world.approve(world.open())
    world.run(rounds=5)
    world.registry.hold(VersionKey(MODEL, 3), stage="Production", alias="champion")
    writes = list(world.registry.writes)
    world.pipelines.ends_with = RunResult.FAILED
    world.run()
    rollout = rollout_of(world, request)
    assert rollout.state is RolloutState.NEEDS_HUMAN
    assert "ended failed" in rollout.cause
    assert "Read: alias champion at v3; Production: v2, v3. Nothing was touched." in rollout.error
    assert world.registry.writes == writes


def test_rollout__two_into_one_target__second_waits_and_finds_its_plan_broken(world: World) -> None:
    first = world.open(2)
    second = world.open(3)
    world.approve(first)
    world.pipelines.ends_with = None
    world.run(rounds=5)
    with pytest.raises(Exception, match="changed"):
        world.approve(second)
    world.pipelines.ends_with = RunResult.SUCCEEDED
    world.run()
    assert world.state(first) == "promoted"
    assert world.state(second) == "open"


POINTS = [
    ("reserve_target", "lock"), ("recheck_plan", "compare"),
    *(("move_registry", operation) for operation in ("intent", "look", "test_token", "write")),
    *(("start_run", op) for op in ("intent", "probe_run", "compare", "test_token", "send_start", "note_run")),
    ("follow_run", "look_at_run"), ("mark_live", "look"), ("mark_live", "commit"),
]  # fmt: skip
"""The operations of the protocol: to die before one is to die after the one before it."""


@pytest.mark.parametrize("turn", [1, 2])
@pytest.mark.parametrize("point", POINTS, ids=".".join)
def test_rollout__killed_before_any_operation__is_finished_by_another_worker_exactly_once(
    world: World, point: tuple[str, str], turn: int
) -> None:
    request = world.approve(world.open())
    seen: list[tuple[str, str]] = []

    def kill(_: str, step: str, operation: str) -> None:
        seen.append((step, operation))
        if seen.count(point) == turn and (step, operation) == point:
            raise KilledError

    world.observe = kill
    for _ in range(20):
        try:
            if not world.worker().run_once():
                world.clock.advance(5)
        except KilledError:
            world.clock.advance(60 * 6)
    assert point in seen
    world.run()
    assert world.state(request) == "promoted"
    assert len(world.pipelines.started) == 1
    assert held(world) == ((2,), 2)
    assert world.actions().count("registry:version:live") == 1
    assert len(world.registry.writes) == 3


def test_rollout__two_reviewers_at_once__one_rollout(world: World) -> None:
    request = world.open()
    world.approve(request, CHLOE)
    with pytest.raises(Exception, match="rolling out"):
        world.approve(request, type(CHLOE)(type(CHLOE.person)("ben.okafor", "Ben"), CHLOE.roles))
    world.run()
    assert len(world.pipelines.started) == 1


def test_rollout__unknown_definition__is_refused_visibly(world: World) -> None:
    request = world.approve(world.open())
    with world.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE rollout SET definition_version = 99")
    world.run()
    with world.units.read() as unit:
        rollout = unit.rollouts.of_request(request.id)
        incidents = unit.deployments.incidents()
    assert rollout is not None
    assert rollout.state is RolloutState.NEEDS_HUMAN
    assert incidents[0].kind == "rollout_needs_human"
