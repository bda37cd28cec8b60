"""A rollout that needs a person has four ways out; each closes the incident and is in the ledger with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from services.domain.identity.people import Actor, Person, Role
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.rollout import RecoveryAction, Rollout, RolloutState
from services.domain.registry import VersionKey
from services.domain.releases import RunResult
from services.errors import ConflictError, InvalidInputError, NotAllowedError, RefusedError
from services.promotions.gate import Gate, GateAnswer, GateQuestion
from services.rollout.recovery import RecoveryDesk
from tests.simulators.basics import CHLOE
from tests.world import MODEL, World, governance

OLGA = Actor(Person("olga", "Olga"), frozenset({Role.OPERATOR}))
V1, V2, V3 = (VersionKey(MODEL, version) for version in (1, 2, 3))
LEDGER = {
    RecoveryAction.RETRY: "rollout:run:retried", RecoveryAction.UNDO: "rollout:run:undo_chosen",
    RecoveryAction.GIVE_UP: "rollout:run:given_up",
}  # fmt: skip


def desk(world: World) -> RecoveryDesk:
    return RecoveryDesk(world.units, world.registry, world.pipelines, clock=world.clock, ids=world.ids)


def rollout_of(world: World, request: PromotionRequest) -> Rollout:
    with world.units.read() as unit:
        found = unit.rollouts.of_request(request.id)
    assert found is not None
    return found


def holder(world: World) -> str | None:
    with world.units.read() as unit:
        return unit.rollouts.target_holder(MODEL, "production")


def stuck(world: World) -> PromotionRequest:
    """A release that failed, with a hand in the registry meanwhile: nothing is touched, a person is asked."""
    world.pipelines.ends_with = None
    request = world.approve(world.open())
    world.run(rounds=5)
    world.registry.hold(V3, stage="Production", alias="champion")
    world.pipelines.ends_with = RunResult.FAILED
    world.run(rounds=10)
    assert rollout_of(world, request).state is RolloutState.NEEDS_HUMAN
    return request


def choose(world: World, request: PromotionRequest, action: RecoveryAction) -> Rollout:
    return desk(world).choose(OLGA, request.id, action, reason="Looked at it.")


def put_right(world: World) -> None:
    """The hand takes back what it did."""
    world.registry._put_stage(V3, "None")
    world.registry._put_alias(MODEL, "champion", 2)


def test_options__of_a_rollout_that_needs_a_person__are_open_to_operators(world: World) -> None:
    request = stuck(world)
    told = desk(world).options(OLGA, rollout_of(world, request))
    assert [option.action for option in told] == list(RecoveryAction)
    assert all(option.is_open for option in told)
    assert not any(option.is_open for option in desk(world).options(CHLOE, rollout_of(world, request)))
    assert desk(world).options(OLGA, None) == ()


def test_choice__by_somebody_else_or_without_a_reason__changes_nothing(world: World) -> None:
    request = stuck(world)
    with pytest.raises(NotAllowedError):
        desk(world).choose(CHLOE, request.id, RecoveryAction.GIVE_UP, reason="Enough.")
    with pytest.raises(InvalidInputError):
        desk(world).choose(OLGA, request.id, RecoveryAction.GIVE_UP, reason=" ")
    assert rollout_of(world, request).state is RolloutState.NEEDS_HUMAN


@pytest.mark.parametrize("action", [RecoveryAction.RETRY, RecoveryAction.UNDO, RecoveryAction.GIVE_UP])
def test_choice__of_each_action__closes_the_incident_and_is_in_the_ledger(world: World, action: RecoveryAction) -> None:
    request = stuck(world)
    choose(world, request, action)
    with world.units.read() as unit:
        assert unit.deployments.incidents() == []
        entries = [row.columns for row in unit.archive.stream(1, 10_000) if row.columns["actor_id"] == OLGA.person.id]
    assert {str(entry["action"]) for entry in entries} >= {LEDGER[action], "watch:incident:closed"}
    with pytest.raises(ConflictError):
        choose(world, request, action)


def test_undo__once_the_hand_has_put_it_right__restores_the_old_version_and_frees_the_target(world: World) -> None:
    request = stuck(world)
    put_right(world)
    choose(world, request, RecoveryAction.UNDO)
    assert holder(world) is not None
    world.run()
    rollout = rollout_of(world, request)
    assert (world.state(request), rollout.state, holder(world)) == ("failed", RolloutState.FAILED, None)
    assert "ended failed" in rollout.cause
    assert world.registry.holders(MODEL, stage="Production", alias="champion").in_stage == (1,)


def test_retry__of_a_rollout__goes_on_under_the_same_lock_to_its_end(world: World) -> None:
    """The registry was moved away while the run was followed: the retry finds the move whole and the run ended."""
    world.pipelines.ends_with = None
    request = world.approve(world.open())
    world.run(rounds=5)
    world.registry.hold(V3, stage="Production", alias="champion")
    world.pipelines.ends_with = RunResult.SUCCEEDED
    world.run(rounds=10)
    assert rollout_of(world, request).state is RolloutState.NEEDS_HUMAN
    lock = holder(world)
    put_right(world)
    choose(world, request, RecoveryAction.RETRY)
    assert holder(world) == lock is not None
    world.run()
    assert world.state(request) == "promoted"
    assert len(world.pipelines.started) == 1
    assert holder(world) is None


def test_accept__while_alias_stage_and_release_disagree__is_refused_and_says_what_is_there(world: World) -> None:
    request = stuck(world)
    with pytest.raises(RefusedError, match="the alias is at v3, Production is held by v2, v3"):
        choose(world, request, RecoveryAction.ACCEPT)
    assert rollout_of(world, request).state is RolloutState.NEEDS_HUMAN


def test_accept__of_the_old_version__ends_the_request_and_voids_what_was_sealed_before(world: World) -> None:
    request = stuck(world)
    for key, stage in ((V1, "Production"), (V2, "None"), (V3, "None")):
        world.registry._put_stage(key, stage)
    world.registry._put_alias(MODEL, "champion", 1)
    waiting = world.open(3)
    choose(world, request, RecoveryAction.ACCEPT)
    assert (rollout_of(world, request).state, world.state(request)) == (RolloutState.ACCEPTED, "failed")
    assert world.units.generation(MODEL, "production") == 1
    assert holder(world) is None
    with pytest.raises(RefusedError, match="the number of changes of what is live was 0, is now 1"):
        world.approve(waiting)


def test_give_up__leaves_everything_as_it_is_and_frees_the_target(world: World) -> None:
    request = stuck(world)
    writes = list(world.registry.writes)
    choose(world, request, RecoveryAction.GIVE_UP)
    world.run()
    assert (rollout_of(world, request).state, world.state(request)) == (RolloutState.GIVEN_UP, "failed")
    assert (holder(world), world.registry.writes) == (None, writes)


@pytest.fixture
def released(engine: Engine, tmp_path: Path) -> tuple[World, PromotionRequest]:
    """v1 went live by the portal; v2 is released, and its move in the registry met a hand's."""
    world = World(engine, tmp_path, governance(registry="after"))
    world.registry.hold(V3, stage="Production", alias="champion")
    world.registry._put_stage(V1, "None")
    world.approve(world.open(1))
    world.run()
    world.pipelines.ends_with = None
    request = world.approve(world.open(2))
    world.run(rounds=5)
    world.registry._put_alias(MODEL, "champion", 3)
    world.pipelines.ends_with = RunResult.SUCCEEDED
    world.run(rounds=10)
    rollout = rollout_of(world, request)
    assert rollout.state is RolloutState.NEEDS_HUMAN
    return world, request


def ask(world: World, request: PromotionRequest, number: int, *, version: int = 1) -> GateAnswer:
    question = GateQuestion(f"{request.id}-undo", VersionKey(MODEL, version), "production", run=number)
    return Gate(world.units, world.registry).ask(question)


def test_undo__of_a_deployed_release__releases_the_version_before_by_a_run_that_the_gate_lets_through(
    released: tuple[World, PromotionRequest],
) -> None:
    world, request = released
    world.registry._put_alias(MODEL, "champion", 1)
    world.registry._put_stage(V1, "Production")
    choose(world, request, RecoveryAction.UNDO)
    world.pipelines.ends_with = None
    world.run(rounds=6)
    again = world.pipelines.starts[-1]
    assert (again.request_id, again.parameters["modelVersion"]) == (f"{request.id}-undo", "1")
    number = world.pipelines.started[-1].ref.number
    assert ask(world, request, number).allowed
    assert not ask(world, request, number - 1).allowed
    assert not ask(world, request, number, version=2).allowed
    world.pipelines.ends_with = RunResult.SUCCEEDED
    world.pipelines.get(world.pipelines.started[-1].ref)
    world.run()
    assert rollout_of(world, request).state is RolloutState.VOID
    assert len(world.pipelines.starts) == 3
    assert holder(world) is None
