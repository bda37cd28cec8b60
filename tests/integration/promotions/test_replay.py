"""A replay tells what another policy would have decided, from what was sealed then."""

from __future__ import annotations

import pytest

from services.policies.reading import parse_governance
from services.promotions.replay import Replayed, replay
from tests.integration.promotions.conftest import RULES
from tests.oversight_world import EVERYBODY, OLU, OversightWorld
from tests.simulators.basics import BEN, CHLOE


def promoted(world: OversightWorld) -> None:
    request = world.open()
    world.approve(request, CHLOE)
    world.approve(request, BEN)
    world.run()


def played(world: OversightWorld, old: str = "", new: str = "") -> list[Replayed]:
    assert old in RULES
    return list(replay(world.units, parse_governance(RULES.replace(old, new) if old else RULES), EVERYBODY))


def test_replay__same_policy__decides_the_same(strict: OversightWorld) -> None:
    promoted(strict)
    (found,) = played(strict)
    assert found.would_pass
    assert not found.differs


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("quorum: 2", "quorum: 3", "missing: 1 approval"),
        ("{discipline: risk}, {discipline: business}", "{discipline: risk, count: 2}", "1 from risk"),
        ("[{kind: tests_passed}, ", "[{kind: metric_floor, with: {metric: auc, at_least: 0.9}}, ", "auc is 0.8400"),
        ("    expires_after_days: 14", "    expires_after_days: 14\n    requesters: {people: [eve]}", "may not ask"),
        ('models: "*"', 'models: "other-*"', "no policy allows it"),
        ("[{kind: tests_passed}, ", "[{kind: model_card, with: {headings: [Ethics]}}, ", "below: Ethics"),
    ],
)
def test_replay__stricter_policy__says_why_it_would_have_refused(
    strict: OversightWorld, old: str, new: str, why: str
) -> None:
    promoted(strict)
    (found,) = played(strict, old, new)
    assert found.differs
    assert why in found.in_words()


def test_replay__check_that_was_not_sealed__is_said_and_not_guessed(strict: OversightWorld) -> None:
    promoted(strict)
    (found,) = played(strict, "[{kind: tests_passed}, ", "[{kind: safe_format}, ")
    assert found.would_pass
    assert any("was not sealed then" in note for note in found.notes)


def test_replay__looser_policy__says_that_it_would_have_passed(strict: OversightWorld) -> None:
    request = strict.open()
    strict.approve(request, CHLOE)
    strict.clock.advance(20 * 86_400)
    strict.desk.expire_due()
    (found,) = played(
        strict,
        "    quorum: 2\n    in_order: true\n    slots: [{discipline: risk}, {discipline: business}]",
        "    quorum: 1",
    )
    assert found.was.value == "expired"
    assert found.differs
    assert found.would_pass


def test_replay__broken_glass__would_not_have_passed_by_signatures(strict: OversightWorld) -> None:
    request = strict.open()
    strict.emergency.break_glass(OLU, request.id, seen=request.plan_digest, reason="Down.", idempotency_key="g")
    strict.run()
    (found,) = played(strict)
    assert not found.would_pass
    assert found.differs
