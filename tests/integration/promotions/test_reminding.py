"""Reminders and mentions: from the date or the comment to the person's mailbox, each once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from services.domain.identity.people import Actor
from services.domain.identity.sessions import Identity
from services.domain.notices import Event, Schedule, Topic
from services.domain.promotions.oversight import NewFinding, Severity
from services.errors import InvalidInputError, NotAllowedError
from services.notices.desk import NoticeDesk, Subscription
from tests.oversight_world import EVE, EVERYBODY, OversightWorld
from tests.simulators.basics import ANA, BEN, CHLOE, DEV

DAY = 24 * 3600


@dataclass
class Mailbox:
    """A channel that keeps who was told what."""

    may_repeat: bool = False
    sent: list[tuple[str, str]] = field(default_factory=list)

    def send(self, events: Sequence[Event], *, person: str = "") -> None:
        self.sent += [(person.partition("@")[0], event.action) for event in events]


@pytest.fixture
def mailbox(strict: OversightWorld) -> Mailbox:
    with strict.units.begin() as unit:
        for actor in EVERYBODY:
            email = f"{actor.person.id}@example.com"
            unit.sessions.put_person(Identity(actor.person, actor.roles, email=email), strict.clock.now())
    return Mailbox()


@pytest.fixture
def notices(strict: OversightWorld, mailbox: Mailbox) -> NoticeDesk:
    wanted = Subscription("people", mailbox, frozenset(Topic), Schedule(), is_personal=True)
    desk = NoticeDesk(strict.units, strict.clock, [wanted])
    desk.beat()
    return desk


def told(mailbox: Mailbox, action: str) -> set[str]:
    return {person for person, what in mailbox.sent if what == action}


def test_expiry__before_it__tells_requester_and_those_it_waits_for(
    strict: OversightWorld, notices: NoticeDesk, mailbox: Mailbox
) -> None:
    request = strict.open()
    strict.assigning.defer(
        CHLOE, request.id, until=request.expires - timedelta(minutes=1), reason="Away.", idempotency_key="d"
    )
    assert strict.reminders.beat() == 0
    strict.clock.advance(11 * DAY)
    assert strict.reminders.beat() == 1
    assert strict.reminders.beat() == 0
    notices.beat()
    assert told(mailbox, "promotion:request:expiring") == {"ana.ruiz", "eve"}, "business signs after risk"
    strict.clock.advance(2 * DAY)
    assert strict.reminders.beat() == 1
    strict.clock.advance(2 * DAY)
    assert strict.desk.expire_due() == 1
    assert strict.reminders.beat() == 0
    assert strict.actions().count("promotion:request:expiring") == 2


def test_signature__in_the_order_of_the_disciplines__tells_those_whose_turn_it_is(
    strict: OversightWorld, notices: NoticeDesk, mailbox: Mailbox
) -> None:
    request = strict.open()
    strict.approve(request, CHLOE)
    notices.beat()
    assert told(mailbox, "promotion:decision:approved") == {"ana.ruiz", "ben.okafor"}
    with strict.units.read() as unit:
        entry = json.loads(list(unit.archive.stream(1, 2))[-1].body)
    assert entry["after"] == {"for": "risk", "waits_for": ["ben.okafor"]}
    strict.approve(request, BEN)
    notices.beat()
    assert told(mailbox, "promotion:decision:approved") == {"ana.ruiz", "ben.okafor"}, "nobody is left to sign"


def test_expiry__many_workers__write_one_reminder(strict: OversightWorld) -> None:
    strict.open()
    strict.clock.advance(13 * DAY)
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: strict.reminders.beat(), range(4))) == 1
    assert strict.actions().count("promotion:request:expiring") == 1


def test_re_review__due_and_overdue__is_told_to_reviewers_until_somebody_has_looked(
    strict: OversightWorld, notices: NoticeDesk, mailbox: Mailbox
) -> None:
    request = strict.open()
    strict.approve(request, CHLOE)
    strict.approve(request, BEN)
    strict.run()
    strict.clock.advance(77 * DAY)
    assert strict.reminders.beat() == 1
    notices.beat()
    assert told(mailbox, "registry:version:review_due") == {"ben.okafor", "chloe.martin", "eve", "ana.ruiz"}
    strict.clock.advance(14 * DAY)
    assert strict.reminders.beat() == 1
    strict.clock.advance(7 * DAY)
    assert strict.reminders.beat() == 1
    (due,) = strict.findings.reviews_due()
    strict.findings.record_review(CHLOE, due.deployment.id, reason="Looked at drift.", idempotency_key="r")
    assert strict.reminders.beat() == 0


def test_finding__due_and_overdue__is_told_to_its_owner(
    strict: OversightWorld, notices: NoticeDesk, mailbox: Mailbox
) -> None:
    request = strict.open()
    due = strict.clock.now() + timedelta(days=3)
    wanted = NewFinding("Calibration is off.", Severity.MEDIUM, "ana.ruiz", due, request.id)
    found = strict.findings.raise_finding(CHLOE, request.key, wanted, idempotency_key="f")
    notices.beat()
    assert "ana.ruiz" in told(mailbox, "watch:finding:opened")
    strict.clock.advance(2 * DAY)
    assert strict.reminders.beat() == 1
    strict.clock.advance(2 * DAY)
    assert strict.reminders.beat() == 1
    strict.findings.close_finding(BEN, found.id, resolution="Recalibrated; I looked at the curve.")
    strict.clock.advance(30 * DAY)
    assert strict.reminders.beat() == 0


def test_comment__that_names_people__tells_them(strict: OversightWorld, notices: NoticeDesk, mailbox: Mailbox) -> None:
    request = strict.open()
    found = strict.desk.comment(
        CHLOE, request.id, "@olu, is the endpoint ready? @nobody @champion", idempotency_key="1", tell=["eve"]
    )
    assert [person.id for person in found.people] == ["eve", "olu"]
    assert found.unknown == ("nobody", "champion")
    notices.beat()
    assert told(mailbox, "promotion:comment:added") == {"ana.ruiz", "eve", "olu"}
    (said,) = strict.desk.detail(CHLOE, request.id).comments
    assert said.mentions == ("eve", "olu")


def test_mention__until_it_is_answered_or_decided__stands_on_their_home(strict: OversightWorld) -> None:
    request, other = strict.open(2), strict.open(3)
    for number, target in enumerate((request, other)):
        strict.desk.comment(CHLOE, target.id, "@eve, what of the drift?", idempotency_key=f"q{number}")
    assert {r.id for r, _ in strict.desk.mentions(EVE)} == {request.id, other.id}
    assert not strict.desk.mentions(CHLOE)
    assert not strict.desk.mentions(BEN)
    strict.clock.advance(60)
    strict.desk.comment(EVE, request.id, "Below a tenth.", idempotency_key="a")
    assert [r.id for r, _ in strict.desk.mentions(EVE)] == [other.id]
    strict.desk.withdraw(ANA, other.id, reason="Not now.")
    assert not strict.desk.mentions(EVE)


def test_comment__for_somebody_unknown__is_refused_and_nothing_is_written(strict: OversightWorld) -> None:
    request = strict.open()
    with pytest.raises(InvalidInputError, match="does not know stranger"):
        strict.desk.comment(CHLOE, request.id, "Look.", idempotency_key="1", tell=["stranger"])
    assert not strict.desk.detail(CHLOE, request.id).comments


def test_comment__by_an_auditor__is_refused(strict: OversightWorld) -> None:
    with pytest.raises(NotAllowedError):
        strict.desk.comment(DEV, strict.open().id, "@ben.okafor", idempotency_key="1")


def test_comment__in_the_ledger__names_ids_and_never_the_text(strict: OversightWorld) -> None:
    strict.desk.comment(ANA, strict.open().id, "@ben.okafor confidential", idempotency_key="1")
    with strict.units.read() as unit:
        head = unit.archive.head()
        assert head is not None
        (entry,) = unit.archive.stream(head.size, head.size)
    assert json.loads(entry.body)["after"] == {"comment": "com-1", "mentions": ["ben.okafor"]}
    assert "confidential" not in entry.body


@pytest.mark.parametrize("who", [CHLOE, BEN])
def test_reassigned_request__tells_whoever_is_asked_now(
    strict: OversightWorld, notices: NoticeDesk, mailbox: Mailbox, who: Actor
) -> None:
    request = strict.open()
    strict.assigning.reassign(who, request.id, to="eve", reason="She knows it.", idempotency_key="r")
    notices.beat()
    assert told(mailbox, "promotion:request:reassigned") == {"ana.ruiz", "eve"}
