"""Nothing is promoted unsigned; a signature covers exactly what was seen; four eyes, on the server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.event import listen

from services.domain.identity.people import Actor, Person, Role
from services.domain.promotions.requests import DecisionKind, Participants, RequestState
from services.domain.registry import VersionKey
from services.errors import (
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    PortalError,
    RefusedError,
    UpstreamUnavailableError,
)
from tests.simulators.basics import ANA, BEN, CHLOE, DEV, PIPELINE
from tests.world import MODEL, World, governance

V2 = VersionKey(MODEL, 2)


def test_open__sealed__covers_artifact_metrics_tests_data_policy_and_holder(world: World) -> None:
    detail = world.desk.detail(CHLOE, world.open().id)
    plan = detail.plan
    assert plan.artifact_digest == world.registry.artifact_digest(V2)
    assert plan.metrics == {"auc": pytest.approx(0.84)}
    assert plan.test_results == {"tests/model.xml": "1 passed, 0 failed, 0 skipped"}
    assert plan.dataset_digests["adult-train (training)"] == "abc12345"
    assert plan.current_version == 1
    assert plan.policy_digest.startswith("sha256:")
    assert detail.consequences[0] == "move the alias champion from v1 to v2"


@pytest.mark.parametrize("who", [BEN, DEV, PIPELINE])
def test_open__by_role__only_who_may(world: World, who: Actor) -> None:
    if who is PIPELINE:
        assert world.desk.open(who, V2, "production", reason="trained").state is RequestState.OPEN
    else:
        with pytest.raises(NotAllowedError):
            world.desk.open(who, V2, "production", reason="no")


def test_open__twice__conflicts_with_the_live_one(world: World) -> None:
    world.open()
    with pytest.raises(ConflictError, match="live request"):
        world.open()


def test_open__no_policy__is_refused(engine: Engine, tmp_path: Path) -> None:
    rules = replace(governance(), policies=())
    with pytest.raises(RefusedError, match="No policy"):
        World(engine, tmp_path, rules).open()


def test_open__live_already__is_refused(world: World) -> None:
    with pytest.raises(RefusedError, match="already live in production"):
        world.open(1)


def test_open__mlflow_away__nothing_is_written(world: World) -> None:
    world.registry.is_down = True
    with pytest.raises(UpstreamUnavailableError):
        world.open()
    assert world.desk.find().total == 0


def test_open__without_reason__says_what_to_do(world: World) -> None:
    with pytest.raises(InvalidInputError, match="empty"):
        world.desk.open(ANA, V2, "production", reason="  ")


def test_approve__by_requester__is_refused(world: World) -> None:
    request = world.open()
    both = Actor(ANA.person, frozenset({Role.DATA_SCIENTIST, Role.REVIEWER}))
    with pytest.raises(RefusedError, match="You requested this"):
        world.approve(request, both)


def test_approve__by_author_of_run__is_refused(world: World) -> None:
    run = world.registry.logged["run-census-2"]
    world.registry.logged["run-census-2"] = replace(run, user="chloe.martin")
    request = world.open()
    with pytest.raises(RefusedError, match="author of the run"):
        world.approve(request, CHLOE)


def test_approve__by_registrar__is_refused(world: World) -> None:
    tagged = replace(world.registry.kept[V2], tags={"countersign.registered_by": "chloe.martin"})
    world.registry.kept[V2] = tagged
    request = world.open()
    with pytest.raises(RefusedError, match="registered this version"):
        world.approve(request, CHLOE)


@pytest.mark.parametrize("who", [DEV, PIPELINE])
def test_approve__without_right__is_refused(world: World, who: Actor) -> None:
    with pytest.raises(RefusedError):
        world.approve(world.open(), who)


def test_approve__one_person_twice_under_two_roles__counts_once(engine: Engine, tmp_path: Path) -> None:
    world = World(engine, tmp_path, governance(quorum=2))
    request = world.open()
    world.approve(request, CHLOE, key="one")
    twice = Actor(Person("chloe.martin", "Another Name"), frozenset({Role.REVIEWER, Role.OPERATOR}))
    with pytest.raises(RefusedError, match="counts once"):
        world.approve(request, twice, key="two")
    assert world.state(request) == "open"
    world.approve(request, BEN)
    assert world.state(request) == "rolling_out"


def test_approve__same_click_twice_at_once__is_one_signature(world: World) -> None:
    request = world.open()

    def click(_: int) -> Any:
        try:
            return world.approve(request, CHLOE, key="same")
        except PortalError as error:
            return error

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(click, range(4)))
    assert any(getattr(r, "state", None) is RequestState.ROLLING_OUT for r in results)
    assert len(world.desk.detail(CHLOE, request.id).decisions) == 1
    assert world.actions().count("promotion:decision:approved") == 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda w: w.registry.model_bytes.update({V2: b"other"}), "the digest of the model's files"),
        (lambda w: w.registry.logged.update({"run-census-2": replace(w.registry.logged["run-census-2"], metrics={"auc": 0.999})}), "metric auc"),
        (lambda w: w.registry.files.update({("run-census-2", "tests/model.xml"): b"<testsuite/>"}), "test report"),
        (lambda w: w.registry.hold(VersionKey(MODEL, 3), stage="Production", alias="champion"), "v1 was live when sealed; now v3 is"),
        (lambda w: w.registry.files.pop(("run-census-2", "evaluation/predictions.parquet")), "the digest of data set held-out"),
        (lambda w: setattr(w.sealer, "governance", governance(quorum=3)), "the digest of the policy"),
    ],
    ids=["files", "metric", "tests", "newer holder", "predictions", "policy"],
)  # fmt: skip
def test_approve__changed_after_sealing__voids_and_says_what(world: World, change: Any, expected: str) -> None:
    request = world.open()
    change(world)
    with pytest.raises(RefusedError, match=expected):
        world.approve(request)
    detail = world.desk.detail(CHLOE, request.id)
    assert expected in detail.request.stale[0]
    assert world.state(request) == "open"
    with pytest.raises(RefusedError, match="must reseal it"):
        world.approve(detail.request)


def test_approve__first_signature_then_change__first_signature_is_void(engine: Engine, tmp_path: Path) -> None:
    world = World(engine, tmp_path, governance(quorum=2))
    request = world.open()
    world.approve(request, CHLOE)
    world.registry.model_bytes[V2] = b"other"
    with pytest.raises(RefusedError):
        world.approve(request, BEN)
    decisions = world.desk.detail(CHLOE, request.id).decisions
    assert [bool(d.void_reason) for d in decisions] == [True]
    again = world.desk.reseal(ANA, request.id)
    assert again.plan_digest != request.plan_digest
    world.approve(again, BEN)
    assert world.state(request) == "open"
    world.approve(again, CHLOE, key="again")
    assert world.state(request) == "rolling_out"


def test_approve__on_a_digest_that_is_not_in_force__conflicts(world: World) -> None:
    request = world.open()
    with pytest.raises(ConflictError, match="resealed"):
        world.approve(replace(request, plan_digest="sha256:" + "0" * 64))


def test_approve__failed_check__blocks(world: World) -> None:
    world.registry.files[("run-census-2", "tests/model.xml")] = (
        b'<testsuite><testcase name="women"><failure message="AUC 0.87"/></testcase></testsuite>'
    )
    request = world.open()
    with pytest.raises(RefusedError, match="You can't approve: Tests"):
        world.approve(request)


def test_approve__missing_tests__are_unknown_and_block(world: World) -> None:
    del world.registry.files[("run-census-2", "tests/model.xml")]
    with pytest.raises(RefusedError, match="You can't approve: Tests"):
        world.approve(world.open())


def test_approve__mlflow_away__decision_waits_and_nothing_is_lost(world: World) -> None:
    request = world.open()
    world.registry.is_down = True
    with pytest.raises(UpstreamUnavailableError):
        world.approve(request)
    world.registry.is_down = False
    world.approve(request)
    assert world.state(request) == "rolling_out"


def test_reject__by_reviewer__ends_it_and_frees_the_place(world: World) -> None:
    request = world.open()
    world.desk.decide(
        CHLOE, request.id, DecisionKind.REJECT, seen=request.plan_digest, reason="No.", idempotency_key="k"
    )
    assert world.state(request) == "rejected"
    assert world.open().id != request.id


def test_request_changes__then_reseal__opens_again(world: World) -> None:
    request = world.open()
    world.desk.decide(
        CHLOE,
        request.id,
        DecisionKind.REQUEST_CHANGES,
        seen=request.plan_digest,
        reason="Add a card.",
        idempotency_key="k",
    )
    assert world.state(request) == "changes_requested"
    world.desk.reseal(ANA, request.id)
    assert world.state(request) == "open"


def test_withdraw__only_by_requester(world: World) -> None:
    request = world.open()
    with pytest.raises(RefusedError, match="Only the requester"):
        world.desk.withdraw(CHLOE, request.id, reason="mine now")
    assert world.desk.withdraw(ANA, request.id, reason="Found a bug.").state is RequestState.WITHDRAWN


def test_expire__time_over__counts_as_not_approved(world: World) -> None:
    request = world.open()
    world.clock.advance(15 * 86400)
    assert world.desk.expire_due() == 1
    assert world.state(request) == "expired"


def test_comment__same_key_twice__is_kept_once(world: World) -> None:
    request = world.open()
    for _ in range(2):
        world.desk.comment(CHLOE, request.id, "<b>bold</b> :red[no]", idempotency_key="c1")
    assert [c.text for c in world.desk.detail(ANA, request.id).comments] == ["<b>bold</b> :red[no]"]


def test_waiting_for__lists_what_this_person_could_decide(world: World) -> None:
    request = world.open()
    assert [r.id for r in world.desk.waiting_for(CHLOE)] == [request.id]
    assert world.desk.waiting_for(ANA) == []
    assert world.desk.waiting_for(DEV) == []


def test_waiting_for__hundreds_of_requests__are_all_there_and_no_evidence_is_read(world: World) -> None:
    first = world.open()
    with world.units.begin() as unit:
        for number in range(1000, 1300):
            expires = first.expires - timedelta(minutes=number)
            unit.requests.insert(replace(first, id=f"req-{number}", key=VersionKey(MODEL, number), expires=expires))
    statements: list[str] = []
    listen(world.engine, "before_cursor_execute", lambda *told: statements.append(str(told[2:4])))
    found = [request.key.version for request in world.desk.waiting_for(CHLOE)]
    assert found == [*range(1299, 999, -1), first.key.version], "the first to expire on top"
    assert len([found for found in statements if "SELECT" in found]) == 4, "requests, policies, signatures, assignments"
    assert first.evidence_digest not in "".join(statements)
    assert first.policy_digest in "".join(statements)


def test_find__of_one_person__is_theirs_alone_with_the_true_total(world: World) -> None:
    first = world.open()
    with world.units.begin() as unit:
        for number in range(1000, 1060):
            who = Participants(BEN.person if number % 2 else ANA.person)
            unit.requests.insert(replace(first, id=f"r-{number}", key=VersionKey(MODEL, number), participants=who))
    found = world.desk.find(states=[RequestState.OPEN], requester=ANA.person.id, page=2)
    assert (found.total, len(found.rows), found.page) == (31, 6, 2)
    assert {row.participants.requester for row in found.rows} == {ANA.person}


def test_detail__unknown_request__says_so(world: World) -> None:
    with pytest.raises(NotFoundError):
        world.desk.detail(ANA, "req-none")


def test_ledger__every_change__has_its_entry_in_the_same_transaction(world: World) -> None:
    request = world.open()
    world.approve(request)
    assert world.actions() == [
        "promotion:request:opened",
        "promotion:decision:approved",
        "promotion:request:approved",
        "rollout:run:started",
    ]
