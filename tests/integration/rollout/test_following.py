"""Many releases are followed with few calls, and a classic release like a pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from services.domain.releases import ReleaseRun, RunKind, RunRef, RunStart, RunState, TimelineItem
from services.errors import NotFoundError
from services.policies.reading import parse_governance
from services.releases.desk import ReleaseDesk
from services.releases.following import DETAIL_EVERY, LOOK_EVERY, RunFollower
from tests.simulators.basics import START
from tests.simulators.pipelines import PipelinesSimulator
from tests.world import GOVERNANCE, World


class Counting(PipelinesSimulator):
    """Counts calls; a list may forget runs."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.hidden = False
        self.ends_with = None

    def get(self, ref: RunRef) -> ReleaseRun:
        self.calls["get"] += 1
        return super().get(ref)

    def get_many(self, refs: Sequence[RunRef]) -> Sequence[ReleaseRun]:
        self.calls["get_many"] += 1
        self._answer()
        return [] if self.hidden else [super(Counting, self).get(ref) for ref in refs]

    def timeline(self, ref: RunRef) -> Sequence[TimelineItem]:
        self.calls["timeline"] += 1
        return super().timeline(ref)

    def tests(self, ref: RunRef) -> Any:
        self.calls["tests"] += 1
        return super().tests(ref)


@pytest.fixture
def world(engine: Engine, tmp_path: Path) -> World:
    return World(engine, tmp_path, pipelines=Counting())


def started(world: World, count: int) -> list[RunRef]:
    starts = [RunStart("ml", 12, "main", f"r{n}", {"requestId": f"r{n}"}, START) for n in range(count)]
    return [world.pipelines.start(start).ref for start in starts]


def follower(world: World) -> tuple[RunFollower, Counter[str]]:
    assert isinstance(world.pipelines, Counting)
    world.pipelines.calls.clear()
    return RunFollower(world.pipelines, world.units, world.clock), world.pipelines.calls


def test_follower__many_looks_at_once__ask_together(world: World) -> None:
    refs = started(world, 20)
    followed, calls = follower(world)
    for ref in refs:
        followed.look(ref, None)
    calls.clear()
    for _ in range(12):
        world.clock.advance(LOOK_EVERY.total_seconds())
        for ref in refs * 3:
            followed.look(ref, None)
    assert calls["get_many"] == 12
    assert calls["timeline"] == 20
    assert calls["get"] == calls["tests"] == 0


def test_follower__run_ends__is_seen_at_the_next_look_with_a_whole_picture(world: World) -> None:
    ref = started(world, 1)[0]
    followed, calls = follower(world)
    assert not followed.look(ref, None).is_finished
    world.pipelines.ends_with = PipelinesSimulator().ends_with
    world.clock.advance(LOOK_EVERY.total_seconds())
    assert followed.look(ref, None).is_finished
    assert calls["tests"] == 2
    with world.units.read() as unit:
        kept = unit.deployments.release("ml", ref.number)
    assert kept is not None
    assert kept.state == RunState.COMPLETED.value


def test_follower__list_does_not_know_the_run_yet__asks_for_it_alone(world: World) -> None:
    ref = started(world, 1)[0]
    followed, _ = follower(world)
    assert isinstance(world.pipelines, Counting)
    world.pipelines.hidden = True
    assert followed.look(ref, None).ref == ref


def test_follower__run_is_gone__says_so(world: World) -> None:
    followed, _ = follower(world)
    assert isinstance(world.pipelines, Counting)
    world.pipelines.hidden = True
    with pytest.raises(NotFoundError):
        followed.look(RunRef("ml", 12, 999), None)


def test_follower__told_that_something_happened__asks_at_once(world: World) -> None:
    ref = started(world, 1)[0]
    followed, calls = follower(world)
    followed.look(ref, None)
    followed.look(ref, None)
    assert calls["get_many"] == 1
    followed.forget(ref)
    followed.look(ref, None)
    assert calls["get_many"] == 2


def test_page__watched_by_many__asks_once_in_two_seconds(world: World) -> None:
    ref = started(world, 1)[0]
    followed, calls = follower(world)
    followed.look(ref, None)
    calls.clear()
    desk = ReleaseDesk(world.units, world.pipelines, world.clock)
    world.clock.advance(3)
    for _ in range(10):
        assert desk.view("ml", ref.number).is_live
    assert calls["timeline"] == 1
    assert calls["tests"] == 0


def test_rollout__through_a_classic_release__starts_one_and_keeps_it_apart_from_runs(
    engine: Engine, tmp_path: Path
) -> None:
    text = GOVERNANCE.replace("id: 12}", "id: 12, kind: release}").replace("REGISTRY", "before").replace("QUORUM", "1")
    world = World(engine, tmp_path, rules=parse_governance(text))
    request = world.approve(world.open())
    world.run()
    assert world.state(request) == "promoted"
    start = world.pipelines.starts[0]
    assert (start.kind, len(world.pipelines.starts)) == (RunKind.RELEASE, 1)
    number = world.pipelines.started[0].ref.number
    assert number < 0
    with world.units.read() as unit:
        assert unit.deployments.release("ml", number) is not None
        assert unit.deployments.release("ml", -number) is None


@pytest.mark.parametrize("kind", list(RunKind))
def test_number__and_back__is_the_same_run(kind: RunKind) -> None:
    ref = RunRef("ml", 3, 7, kind)
    assert RunRef.of("ml", 3, ref.number) == ref


def test_pace__of_looks_and_pictures__is_sane() -> None:
    assert timedelta(0) < LOOK_EVERY < DETAIL_EVERY
