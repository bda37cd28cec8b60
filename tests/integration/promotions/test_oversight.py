"""Disciplines, delegation, deferral, break-glass, findings and re-reviews, over the real services."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from services.domain.identity.people import Actor
from services.domain.lineage import Certainty
from services.domain.policy import Governance
from services.domain.promotions.oversight import FindingKind, NewFinding, Severity
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.requests import DecisionKind, RequestState
from services.domain.promotions.rights import UserAction
from services.domain.registry import VersionKey
from services.errors import ConflictError, InvalidInputError, NotAllowedError, PortalError, RefusedError
from services.policies.reading import parse_governance
from services.promotions.gate import Gate, GateQuestion
from tests.integration.promotions.conftest import RULES
from tests.integration.why.scene import Scene, part
from tests.oversight_world import EVE, OLU, OversightWorld
from tests.simulators.basics import ANA, BEN, CHLOE, DEV, START
from tests.world import MODEL


def reason_closed(world: OversightWorld, actor: Actor, request: PromotionRequest, action: UserAction) -> str | None:
    return next(a.reason for a in world.desk.detail(actor, request.id).actions if a.action is action)


def decide(
    world: OversightWorld, actor: Actor, request: PromotionRequest, kind: DecisionKind, slot: str = ""
) -> PromotionRequest:
    return world.desk.decide(
        actor, request.id, kind, seen=request.plan_digest, reason="Looked at it.", slot=slot,
        idempotency_key=f"{actor.person.id}-{kind}-{request.plan_digest}",
    )  # fmt: skip


def other(world: OversightWorld, old: str, new: str) -> OversightWorld:
    rules = parse_governance(RULES.replace(old, new))
    return OversightWorld(world.engine, world.folder / "other", rules=rules)


def test_slots__in_order__the_second_waits_for_the_first(strict: OversightWorld) -> None:
    request = strict.open()
    assert reason_closed(strict, BEN, request, UserAction.APPROVE) == "risk must sign first."
    strict.approve(request, CHLOE)
    assert strict.desk.detail(BEN, request.id).missing == "1 from business, 1 approval in all"
    assert strict.approve(request, BEN).state is RequestState.ROLLING_OUT


def test_slots__quorum_without_the_discipline__is_not_enough(strict: OversightWorld) -> None:
    request = strict.open()
    strict.approve(request, CHLOE)
    assert "business must sign first" in str(reason_closed(strict, EVE, request, UserAction.APPROVE))
    with pytest.raises(RefusedError):
        strict.approve(request, EVE)
    assert strict.state(request) == "open"


def test_slots__another_discipline_chosen__is_refused(strict: OversightWorld) -> None:
    with pytest.raises(RefusedError, match="cannot sign for business"):
        decide(strict, CHLOE, strict.open(), DecisionKind.APPROVE, slot="business")


def test_review__fills_a_slot_for_reviews_and_never_the_quorum(engine: Engine, tmp_path: Path) -> None:
    text = RULES.replace("{discipline: risk}", "{discipline: risk, meaning: reviewed}").replace(
        "quorum: 2", "quorum: 1"
    )
    world = OversightWorld(engine, tmp_path, rules=parse_governance(text))
    request = world.open()
    assert decide(world, CHLOE, request, DecisionKind.REVIEW).state is RequestState.OPEN
    assert world.desk.detail(BEN, request.id).missing == "1 from business, 1 approval in all"
    assert world.approve(request, BEN).state is RequestState.ROLLING_OUT
    assert "promotion:decision:reviewed" in world.actions()


def test_delegate__reviewer_of_another_discipline__signs_in_the_place(strict: OversightWorld) -> None:
    request = strict.open()
    strict.approve(request, CHLOE)
    strict.assigning.delegate(BEN, request.id, to="eve", reason="On leave.", idempotency_key="d1")
    assert strict.desk.detail(EVE, request.id).slots == ("business",)
    assert request.id not in [r.id for r in strict.desk.waiting_for(BEN)]
    assert strict.approve(request, EVE).state is RequestState.ROLLING_OUT


@pytest.mark.parametrize("to", ["ana.ruiz", "olu", "nobody", "chloe.martin"])
def test_delegate__to_somebody_who_cannot_decide__is_refused(strict: OversightWorld, to: str) -> None:
    with pytest.raises(PortalError):
        strict.assigning.delegate(CHLOE, strict.open().id, to=to, reason="Please.", idempotency_key="d")


def test_delegate__by_somebody_without_the_discipline__is_closed(strict: OversightWorld) -> None:
    assert "no open signature" in str(reason_closed(strict, BEN, strict.open(), UserAction.DELEGATE))


def test_reassign__moves_the_ask(strict: OversightWorld) -> None:
    request = strict.open()
    strict.assigning.reassign(CHLOE, request.id, to="eve", reason="She knows it.", idempotency_key="r")
    assert not strict.desk.waiting_for(CHLOE)
    assert [r.id for r in strict.desk.waiting_for(EVE)] == [request.id]


def test_defer__hides_until_then_and_neither_blocks_nor_extends(strict: OversightWorld) -> None:
    request = strict.open()
    until = START + timedelta(days=2)
    strict.assigning.defer(CHLOE, request.id, until=until, reason="After the audit.", idempotency_key="f")
    assert not strict.desk.waiting_for(CHLOE)
    strict.clock.advance(timedelta(days=2).total_seconds())
    assert strict.desk.waiting_for(CHLOE)
    assert strict.desk.detail(CHLOE, request.id).request.expires == request.expires


@pytest.mark.parametrize("until", [START - timedelta(days=1), START + timedelta(days=30)])
def test_defer__outside_of_the_life_of_the_request__is_refused(strict: OversightWorld, until: datetime) -> None:
    with pytest.raises(InvalidInputError):
        strict.assigning.defer(CHLOE, strict.open().id, until=until, reason="Later.", idempotency_key="f")


def break_it(world: OversightWorld, request: PromotionRequest, actor: Actor = OLU) -> PromotionRequest:
    return world.emergency.break_glass(
        actor, request.id, seen=request.plan_digest, reason="Production is down.", idempotency_key=f"g-{request.id}"
    )


@pytest.mark.parametrize("who", [ANA, BEN, CHLOE, DEV, EVE])
def test_break_glass__without_the_right__is_refused(strict: OversightWorld, who: Actor) -> None:
    with pytest.raises(RefusedError, match="Break-glass is limited to: olu"):
        break_it(strict, strict.open(), who)


def test_break_glass__is_loud_and_owes_a_review_that_blocks(strict: OversightWorld) -> None:
    request = strict.open()
    assert break_it(strict, request).state is RequestState.ROLLING_OUT
    assert break_it(strict, request).state is RequestState.ROLLING_OUT
    strict.run()
    assert strict.state(request) == "promoted"
    (finding,) = strict.findings.findings()
    assert (finding.kind, finding.due) == (FindingKind.BREAK_GLASS, START + timedelta(days=2))
    with strict.units.read() as unit:
        assert [i.kind for i in unit.deployments.incidents()] == ["break_glass"]
    assert "access:break_glass:used" in strict.actions()
    following = strict.open(3)
    assert "Review the break-glass" in str(reason_closed(strict, CHLOE, following, UserAction.APPROVE))
    with pytest.raises(RefusedError):
        strict.findings.close_finding(OLU, finding.id, resolution="All fine, says who did it.")
    strict.findings.close_finding(CHLOE, finding.id, resolution="Looked at the logs; the model was right.")
    assert reason_closed(strict, CHLOE, following, UserAction.APPROVE) is None
    with strict.units.read() as unit:
        assert not unit.deployments.incidents()


def test_break_glass__at_the_gate__is_allowed_and_says_who_did_it(strict: OversightWorld) -> None:
    strict.pipelines.ends_with = None
    request, gate = strict.open(), Gate(strict.units, strict.registry)
    question = GateQuestion(request.id, request.key, "production", run=100)
    assert not gate.ask(question).allowed
    break_it(strict, request)
    strict.run(rounds=4)
    answer = gate.ask(question)
    assert (answer.allowed, answer.approvers, answer.glass_broken_by) == (True, (), "Olu Adeyemi")
    assert answer.why == "Glass broken, sealed, and under way."


def test_break_glass__asked_why__is_not_told_as_an_approval(strict: OversightWorld) -> None:
    scene = Scene(strict)
    request = strict.open(2)
    decide(strict, CHLOE, request, DecisionKind.APPROVE, slot="risk")
    break_it(strict, request)
    strict.run()
    answer = scene.ask(time=scene.spell(2).sure_from + timedelta(seconds=1), version=2)
    approved = part(answer, "Approved by")
    assert (approved.value, approved.certainty) == ("Chloé Martin, Olu Adeyemi by broken glass", Certainty.KNOWN)
    assert "was let through in an emergency by Chloé Martin, Olu Adeyemi by broken glass" in answer.sentence
    assert "approved by" not in answer.sentence


def test_break_glass__after_its_time__promotes_nothing(strict: OversightWorld) -> None:
    request = strict.open()
    break_it(strict, request)
    strict.clock.advance(timedelta(hours=5).total_seconds())
    strict.run()
    assert strict.state(request) == "failed"
    assert strict.registry.holders(MODEL, stage="Production", alias="champion").alias_version == 1


def test_break_glass__changed_since_it_was_seen__is_refused(strict: OversightWorld) -> None:
    request = strict.open()
    strict.registry.set_alias(MODEL, "champion", 3)
    with pytest.raises(RefusedError, match="has changed"):
        break_it(strict, request)


def new_finding(**changed: object) -> NewFinding:
    wanted = NewFinding("Women under 25 are scored too low.", Severity.HIGH, "ana.ruiz", START + timedelta(days=7))
    return replace(wanted, **changed)  # type: ignore[arg-type]  # fields of the class


def test_finding__open__blocks_until_somebody_else_closes_it(strict: OversightWorld) -> None:
    request = strict.open()
    found = strict.findings.raise_finding(EVE, VersionKey(MODEL, 2), new_finding(), idempotency_key="1")
    assert found.title in str(reason_closed(strict, CHLOE, request, UserAction.APPROVE))
    with pytest.raises(RefusedError, match="Only reviewers"):
        strict.findings.close_finding(ANA, found.id, resolution="Done.")
    strict.findings.close_finding(EVE, found.id, resolution="The slice is at 0.86 now; test added.")
    assert reason_closed(strict, CHLOE, request, UserAction.APPROVE) is None
    with pytest.raises(RefusedError, match="already closed"):
        strict.findings.close_finding(EVE, found.id, resolution="Again.")


def test_finding__low__does_not_block(strict: OversightWorld) -> None:
    request = strict.open()
    strict.findings.raise_finding(EVE, VersionKey(MODEL, 2), new_finding(severity=Severity.LOW), idempotency_key="1")
    assert reason_closed(strict, CHLOE, request, UserAction.APPROVE) is None


def test_finding__of_another_version__does_not_block(strict: OversightWorld) -> None:
    strict.findings.raise_finding(EVE, VersionKey(MODEL, 3), new_finding(), idempotency_key="1")
    assert reason_closed(strict, CHLOE, strict.open(), UserAction.APPROVE) is None


@pytest.mark.parametrize("change", [{"title": " "}, {"owner": "ghost"}, {"due": START - timedelta(days=1)}])
def test_finding__half_told__is_refused(strict: OversightWorld, change: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        strict.findings.raise_finding(EVE, VersionKey(MODEL, 2), new_finding(**change), idempotency_key="1")


def test_re_review__overdue__until_another_person_has_looked(strict: OversightWorld) -> None:
    request = strict.open()
    strict.approve(request, CHLOE)
    strict.approve(request, BEN)
    strict.run()
    (due,) = strict.findings.reviews_due()
    assert not due.is_overdue(strict.clock.now())
    strict.clock.advance(timedelta(days=91).total_seconds())
    assert due.is_overdue(strict.clock.now())
    with pytest.raises(NotAllowedError):
        strict.findings.record_review(ANA, due.deployment.id, reason="Mine.", idempotency_key="a")
    strict.findings.record_review(EVE, due.deployment.id, reason="Drift is small.", idempotency_key="b")
    (again,) = strict.findings.reviews_due()
    assert again.due == strict.clock.now() + timedelta(days=90)


def test_requesters__others__may_not_ask(engine: Engine, tmp_path: Path) -> None:
    text = RULES + "    requesters: {people: [somebody.else]}\n"
    world = OversightWorld(engine, tmp_path, rules=parse_governance(text))
    with pytest.raises(NotAllowedError, match="does not allow you to request"):
        world.open()


def test_window__closed__the_rollout_waits_and_goes_on_when_it_opens(engine: Engine, tmp_path: Path) -> None:
    text = RULES + "    freezes: [{from: 2026-11-01, to: 2026-11-21, reason: Audit}]\n"
    world = OversightWorld(engine, tmp_path, rules=parse_governance(text))
    request = world.open()
    world.approve(request, CHLOE)
    world.approve(request, BEN)
    world.run(rounds=3)
    assert world.state(request) == "rolling_out"
    with world.units.read() as unit:
        rollout = unit.rollouts.of_request(request.id)
    assert rollout is not None
    assert "Frozen until 2026-11-21" in rollout.error
    world.clock.advance(timedelta(days=1).total_seconds())
    world.run()
    assert world.state(request) == "promoted"


def test_reauthenticate__old_sign_in__does_not_sign(engine: Engine, tmp_path: Path) -> None:
    world = OversightWorld(engine, tmp_path, rules=parse_governance(RULES + "    reauthenticate: true\n"))
    request = world.open()
    with pytest.raises(RefusedError, match="fresh sign-in"):
        world.approve(request, CHLOE)
    old = replace(CHLOE, signed_in=START - timedelta(minutes=16))
    assert "fresh sign-in" in str(reason_closed(world, old, request, UserAction.APPROVE))
    world.approve(request, replace(CHLOE, signed_in=START - timedelta(minutes=14)))
    assert world.desk.detail(BEN, request.id).signatures == 1


def test_comment__answers_and_names_people(strict: OversightWorld) -> None:
    request = strict.open()
    strict.desk.comment(CHLOE, request.id, "Why v2, @ana.ruiz? mail a@b.c", idempotency_key="1")
    (first,) = strict.desk.detail(CHLOE, request.id).comments
    assert first.mentions == ("ana.ruiz",)
    strict.desk.comment(ANA, request.id, "Better on women.", idempotency_key="2", reply_to=first.id)
    assert strict.desk.detail(CHLOE, request.id).comments[1].reply_to == first.id
    with pytest.raises(InvalidInputError):
        strict.desk.comment(ANA, request.id, "?", idempotency_key="3", reply_to="com-99")


def test_rules__frozen__a_new_policy_file_voids_the_seal(strict: OversightWorld, rules: Governance) -> None:
    request = strict.open()
    changed = replace(rules.policies[0], quorum=1, slots=())
    strict.sealer.governance = replace(rules, policies=(changed,))
    with pytest.raises(RefusedError, match="the digest of the policy"):
        strict.approve(request, CHLOE)


def test_decide__kinds_that_are_no_decision__are_refused(strict: OversightWorld) -> None:
    with pytest.raises(InvalidInputError):
        decide(strict, OLU, strict.open(), DecisionKind.BREAK_GLASS)


def test_sign__digest_of_yesterday__conflicts(strict: OversightWorld) -> None:
    request = replace(strict.open(), plan_digest="sha256:" + "0" * 64)
    with pytest.raises(ConflictError):
        strict.approve(request, CHLOE)
