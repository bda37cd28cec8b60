"""Requests that an earlier release has sealed, or begun to roll out, are finished by this one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from services.database.tables.governance import rollout, rollout_step
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.rollout import RolloutState, RolloutStep, StepState
from services.domain.registry import VersionKey
from services.domain.releases import RunResult
from services.promotions.sealed import sealer as sealing
from tests.world import MODEL, World, governance

V3 = VersionKey(MODEL, 3)


@pytest.fixture(params=["before", "after"])
def world(engine: Engine, tmp_path: Path, request: pytest.FixtureRequest) -> World:
    return World(engine, tmp_path, governance(registry=request.param))


def sealed_by_the_release_before(world: World, monkeypatch: pytest.MonkeyPatch) -> PromotionRequest:
    """A plan without generation, target and release."""
    build = sealing.build_plan

    def older(*given: Any, **named: Any) -> Any:
        return replace(build(*given, **named), generation=None, target=None, release=None)

    with monkeypatch.context() as patch:
        patch.setattr(sealing, "build_plan", older)
        return world.open()


def details(world: World, request: PromotionRequest) -> str:
    with world.units.read() as unit:
        found = unit.rollouts.of_request(request.id)
    assert found is not None
    return " ".join(step.detail for step in found.steps)


def test_older_plan__approved_now__is_promoted_and_says_what_was_not_compared(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = world.approve(sealed_by_the_release_before(world, monkeypatch))
    world.run()
    assert world.state(request) == "promoted"
    assert "Not sealed in it, so not compared: the count of changes" in details(world, request)
    assert world.registry.holders(MODEL, stage="Production", alias="champion").in_stage == (2,)


def test_older_plan__release_fails__restores_the_old_version(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.pipelines.ends_with = RunResult.FAILED
    request = world.approve(sealed_by_the_release_before(world, monkeypatch))
    world.run()
    assert world.state(request) == "failed"
    assert world.registry.holders(MODEL, stage="Production", alias="champion").in_stage == (1,)
    assert world.registry.kept[VersionKey(MODEL, 2)].stage == "None"


def test_older_plan__somebody_else_in_the_stage__is_void(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    request = world.approve(sealed_by_the_release_before(world, monkeypatch))
    world.registry._put_stage(V3, "Production")
    world.run()
    assert (world.state(request), world.registry.writes) == ("void", [])


def test_rollout__begun_under_definition_1__is_compared_again_under_the_lock(world: World) -> None:
    request = world.approve(world.open())
    with world.engine.begin() as connection:
        connection.execute(rollout.update().values(definition_version=1))
        now = world.clock.now()
        connection.execute(
            rollout_step.insert().values(
                rollout_id="roll-1", name=RolloutStep.RECHECK.value, state=StepState.DONE.value,
                detail="The plan is as it was signed.", data={}, started=now, at=now,
            )
        )  # fmt: skip
    world.registry._put_stage(V3, "Production")
    world.run()
    assert (world.state(request), world.registry.writes) == ("void", [])


def test_rollout__moved_under_definition_1__goes_on_from_what_it_wrote_down(engine: Engine, tmp_path: Path) -> None:
    """The worker of the release before has moved everything, and was stopped before it wrote that down."""
    world = World(engine, tmp_path)
    request = world.approve(world.open())
    with world.engine.begin() as connection:
        connection.execute(rollout.update().values(definition_version=1))
        now = world.clock.now()
        intent = {"alias": 1, "stages": {"1": "Production", "2": "None"}}
        for step, state, data in (
            (RolloutStep.RECHECK, StepState.DONE, {}),
            (RolloutStep.RESERVE, StepState.DONE, {}),
            (RolloutStep.MOVE_REGISTRY, StepState.INTENT, intent),
        ):
            connection.execute(
                rollout_step.insert().values(
                    rollout_id="roll-1", name=step.value, state=state.value, detail="", data=data, started=now, at=now
                )
            )
    world.registry.hold(VersionKey(MODEL, 2), stage="Production", alias="champion")
    world.registry._put_stage(VersionKey(MODEL, 1), "Archived")
    world.run()
    assert (world.state(request), world.registry.writes) == ("promoted", [])


def test_rollout__of_an_unknown_definition__can_still_be_ended_by_a_person(world: World) -> None:
    request = world.approve(world.open())
    with world.engine.begin() as connection:
        connection.execute(rollout.update().values(definition_version=99))
    world.run()
    with world.units.read() as unit:
        found = unit.rollouts.of_request(request.id)
    assert found is not None
    assert found.state is RolloutState.NEEDS_HUMAN
    assert "begun under definition 99" in found.error
