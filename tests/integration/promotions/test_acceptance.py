"""How four-eyes engines went wrong elsewhere, one test each: the names say what must hold here."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, timedelta
from threading import Barrier

import pytest
from sqlalchemy import text

from services.catalogue.sync import CatalogueSync
from services.domain.coverage import Gap
from services.domain.identity.people import Actor, Person, Role
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.requests import DecisionKind, RequestState, quorum_reached
from services.domain.registry import VersionKey
from services.errors import PortalError, RefusedError
from tests.oversight_world import OversightWorld
from tests.simulators.basics import ANA, BEN, CHLOE
from tests.world import MODEL, World

V1, V2, V3 = (VersionKey(MODEL, n) for n in (1, 2, 3))


def promoted(world: OversightWorld, version: int = 2) -> PromotionRequest:
    request = world.open(version)
    world.approve(request, CHLOE)
    world.approve(request, BEN)
    world.run()
    assert world.state(request) == "promoted"
    return request


def sync(world: OversightWorld) -> None:
    world.clock.advance(60)
    assert CatalogueSync(
        world.registry, world.units, clock=world.clock, sweep_every=timedelta(seconds=1)
    ).beat()  # fmt: skip


def incidents(world: OversightWorld) -> list[tuple[str, str, str]]:
    with world.units.read() as unit:
        return [(i.subject, i.before, i.after) for i in unit.deployments.incidents()]


def test_edit_after_approval__voids_it(strict: OversightWorld) -> None:
    request = strict.open()
    strict.approve(request, CHLOE)
    strict.registry.set_alias(MODEL, "champion", 3)
    with pytest.raises(RefusedError, match="v1 was live when sealed; now v3 is"):
        strict.approve(request, BEN)
    detail = strict.desk.detail(BEN, request.id)
    assert detail.signatures == 0
    assert detail.decisions[0].void_reason == "v1 was live when sealed; now v3 is"
    assert detail.request.stale == ("v1 was live when sealed; now v3 is",)


@pytest.mark.parametrize("part", ["requester", "author", "registrar"])
def test_author_trainer_and_requester__are_refused_on_the_server(strict: OversightWorld, part: str) -> None:
    """Each of them is a reviewer of the right discipline, so only four eyes stand in the way."""
    chloe = Actor(CHLOE.person, CHLOE.roles | {Role.DATA_SCIENTIST}, frozenset({"chloe@example.com"}))
    if part == "author":
        run = strict.registry.version(V2).run_id
        strict.registry.logged[run] = replace(strict.registry.runs([run])[run], user="Chloe@example.com")
    if part == "registrar":
        strict.registry.set_version_tag(V2, "countersign.registered_by", "chloe@example.com")
    who = chloe if part == "requester" else ANA
    request = strict.desk.open(who, V2, "production", reason="Better.")
    for kind in (DecisionKind.APPROVE, DecisionKind.REVIEW, DecisionKind.REJECT):
        with pytest.raises(RefusedError, match="another person must decide"):
            strict.desk.decide(chloe, request.id, kind, seen=request.plan_digest, reason="x", idempotency_key=str(kind))
    assert not strict.desk.detail(chloe, request.id).decisions


def test_person_in_two_groups__counts_once(strict: OversightWorld) -> None:
    both = Actor(CHLOE.person, CHLOE.roles | {Role.OPERATOR}, groups=frozenset({"a", "b"}))
    request = strict.open()
    strict.approve(request, both, key="one")
    with pytest.raises(RefusedError, match="each person counts once"):
        strict.desk.decide(
            both, request.id, DecisionKind.REVIEW, seen=request.plan_digest, reason="again", idempotency_key="two"
        )
    assert strict.desk.detail(BEN, request.id).signatures == 1


@pytest.mark.parametrize("quorum", [None, 0, -1])
def test_quorum_not_configured__refuses(strict: OversightWorld, quorum: int | None) -> None:
    request = strict.open()
    strict.approve(request, CHLOE)
    with strict.units.read() as unit:
        assert not quorum_reached(unit.requests.decisions(request.id), request.plan_digest, quorum)


def _delete(world: OversightWorld) -> None:
    world.registry.delete_alias(MODEL, "champion")


def _move(world: OversightWorld) -> None:
    world.registry.set_alias(MODEL, "champion", 3)


@pytest.mark.parametrize(("change", "after"), [(_delete, "nobody"), (_move, "v3")])
def test_champion_deleted_or_moved_with_the_plain_client__is_reported(
    strict: OversightWorld, change: Callable[[OversightWorld], None], after: str
) -> None:
    promoted(strict)
    sync(strict)
    assert strict.watch.beat() == 0
    change(strict)
    sync(strict)
    assert strict.watch.beat() == 1
    assert incidents(strict) == [(f"{MODEL}: alias champion", "v2", after)]
    assert strict.watch.beat() == 0
    strict.registry.set_alias(MODEL, "champion", 2)
    sync(strict)
    strict.watch.beat()
    assert incidents(strict) == []
    assert strict.actions()[-1] == "watch:incident:closed"


def test_stage_moved_with_the_plain_client__is_reported(strict: OversightWorld) -> None:
    promoted(strict)
    strict.registry.move_stage(V3, "Production")
    sync(strict)
    strict.watch.beat()
    assert incidents(strict) == [(f"{MODEL}: stage Production", "v2", "v2, v3")]


def test_user_removed_from_the_directory__is_still_named_in_old_decisions(strict: OversightWorld) -> None:
    request = promoted(strict)
    stranger = Actor(Person("new.reader", "New Reader"), frozenset({Role.READER}))
    named = {d.person.name for d in strict.desk.detail(stranger, request.id).decisions}
    assert named == {"Chloé Martin", "Ben Okafor"}
    with strict.engine.connect() as connection:
        foreign = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = 'decision'")).scalar_one()
    assert "REFERENCES known_person" not in foreign


def test_model_deleted__its_decisions_are_still_readable(strict: OversightWorld) -> None:
    request = promoted(strict)
    strict.registry.kept.clear()
    strict.registry.registered.clear()
    sync(strict)
    detail = strict.desk.detail(CHLOE, request.id)
    assert len(detail.decisions) == 2
    assert detail.plan.metrics


def test_double_click_and_retry__give_one_pipeline_run(strict: OversightWorld) -> None:
    request = strict.open()
    strict.approve(request, CHLOE, key="same")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: _quietly(lambda: strict.approve(request, BEN, key="ben")), range(4)))
    strict.run()
    assert strict.actions().count("rollout:run:started") == 1
    assert strict.actions().count("promotion:decision:approved") == 2


@pytest.mark.parametrize("racers", [(CHLOE, BEN), (BEN, BEN)], ids=["two people", "two tabs"])
def test_two_approvals_racing__are_one_promotion(world: World, racers: tuple[Actor, Actor]) -> None:
    request, together = world.open(), Barrier(2)

    def sign(number: int) -> None:
        together.wait(30)
        _quietly(lambda: world.approve(request, racers[number], key=str(number)))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(sign, range(2)))
    world.run()
    for action in ("decision:approved", "request:approved", "request:promoted"):
        assert world.actions().count(f"promotion:{action}") == 1
    assert world.actions().count("rollout:run:started") == 1


def _quietly(run: Callable[[], object]) -> None:
    try:
        run()
    except PortalError:
        return


def test_azure_devops_fails_after_the_alias_moved__is_visible_and_repaired(strict: OversightWorld) -> None:
    strict.pipelines.refuse = True
    request = strict.open()
    strict.approve(request, CHLOE)
    strict.approve(request, BEN)
    strict.run()
    assert strict.state(request) == "failed"
    assert strict.registry.holders(MODEL, stage="Production", alias="champion").alias_version == 1
    assert "registry:version:restored" in strict.actions()


def test_pending_request__made_stale_by_a_newer_champion__is_suspended(strict: OversightWorld) -> None:
    older = strict.open(3)
    strict.approve(older, CHLOE)
    promoted(strict, 2)
    detail = strict.desk.detail(BEN, older.id)
    assert detail.request.stale == ("v1 was live when sealed; now v2 is",)
    assert detail.signatures == 0
    with pytest.raises(RefusedError, match="changed since it was sealed"):
        strict.approve(older, BEN)
    again = strict.desk.reseal(ANA, older.id)
    assert (again.stale, again.state) == ((), RequestState.OPEN)
    assert "promotion:request:suspended" in strict.actions()


def test_clock_and_zones__everything_stored_is_utc(strict: OversightWorld) -> None:
    request = promoted(strict)
    detail = strict.desk.detail(CHLOE, request.id)
    moments = [detail.request.created, detail.request.expires, *(d.at for d in detail.decisions)]
    assert {moment.tzinfo for moment in moments} == {UTC}


def test_coverage__promoted_by_quorum__has_no_gap_in_approval(strict: OversightWorld) -> None:
    promoted(strict)
    sync(strict)
    rows = {row.key.version: row.gaps for row in strict.coverage.rows()}
    assert Gap.APPROVAL not in rows[2]
    strict.registry.set_alias(MODEL, "champion", 3)
    sync(strict)
    rows = {row.key.version: row.gaps for row in strict.coverage.rows()}
    assert Gap.APPROVAL in rows[3]
