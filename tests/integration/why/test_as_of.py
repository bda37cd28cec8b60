from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from services.domain.releases import RunResult
from services.domain.why.live_history import Ground
from services.errors import InvalidInputError
from services.why.timeline import AsOf, parse_moment
from tests.integration.why.scene import Scene, between, key
from tests.world import MODEL, World

SECOND = timedelta(seconds=1)


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene(world)


def live(scene: Scene, at: object) -> list[tuple[int, bool]]:
    found = AsOf(scene.world.units).live_at(at, model=MODEL, environment="production")  # type: ignore[arg-type]
    return [(s.key.version, s.is_sure_at(at)) for s in found]  # type: ignore[arg-type]


def test_as_of__nothing_promoted__knows_nothing(scene: Scene) -> None:
    assert AsOf(scene.world.units).timeline().spells == ()


def test_as_of__two_promotions__tells_each_moment(scene: Scene) -> None:
    first, second = scene.promote(2), scene.promote(3)
    seen = scene.spell(1, Ground.SEEN)
    assert live(scene, seen.may_from - SECOND) == []
    assert live(scene, between(seen.sure_from, seen.sure_until)) == [(1, True)]
    assert live(scene, between(first.may_from, first.sure_from)) == [(1, False), (2, False)]
    assert live(scene, first.sure_from + SECOND) == [(2, True)]
    assert live(scene, second.sure_from) == [(2, False), (3, False)]
    assert live(scene, second.sure_from + timedelta(days=900)) == [(3, True)]


def test_as_of__deployment_table_emptied__still_knows(scene: Scene) -> None:
    spell = scene.promote(2)
    with scene.world.engine.begin() as connection:
        connection.execute(text("DELETE FROM deployment"))
    assert live(scene, spell.sure_from + SECOND) == [(2, True)]


def test_as_of__release_that_failed__both_were_possible_and_the_old_one_is_sure_again(scene: Scene) -> None:
    scene.promote(2)
    scene.world.pipelines.ends_with = RunResult.FAILED
    request = scene.request(3)
    assert scene.world.state(request) == "failed"
    attempt = scene.spell(3, Ground.ATTEMPT)
    assert live(scene, between(attempt.may_from, attempt.may_until)) == [(2, False), (3, False)]
    assert live(scene, attempt.may_until + SECOND) == [(2, True)]


def test_as_of__moved_round_the_portal_in_between__is_not_sure_of_that_time(scene: Scene) -> None:
    first = scene.promote(2)
    scene.world.clock.advance(3600)
    scene.world.registry.hold(key(1), stage="Production", alias="champion")
    scene.world.registry.hold(key(2), stage="Archived", alias="old")
    request_sealed = scene.world.clock.now()
    scene.promote(3)
    assert (2, True) not in live(scene, between(first.sure_from, request_sealed))
    assert {v for v, _ in live(scene, between(first.sure_from, request_sealed))} == {1, 2}


def test_as_of__entry_edited_in_the_database__is_named(scene: Scene) -> None:
    scene.promote(2)
    with scene.world.engine.begin() as connection:
        for name in ("ledger_entry_no_update",):
            connection.execute(text(f"DROP TRIGGER IF EXISTS {name}"))
        triggers = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
        for name in triggers:
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(
            text("UPDATE ledger_entry SET subject_id = :other WHERE action = 'registry:version:live'"),
            {"other": f"{MODEL}/9"},
        )
    assert any("subject_id" in problem for problem in AsOf(scene.world.units).timeline().problems)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-20T10:00:00", "2026-11-20T10:00:00+00:00"),
        ("2026-11-20T11:00:00+01:00", "2026-11-20T10:00:00+00:00"),
        ("2026-11-20", "2026-11-20T00:00:00+00:00"),
    ],
)
def test_moment__as_people_write_it__is_utc(written: str, meant: str) -> None:
    assert parse_moment(written).isoformat() == meant


def test_moment__nonsense__says_how_to_write_it() -> None:
    with pytest.raises(InvalidInputError):
        parse_moment("yesterday")
