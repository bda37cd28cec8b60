"""When somebody is told, and of what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time

import pytest

from services.domain.identity.people import Person, Role
from services.domain.identity.sessions import Identity
from services.domain.notices import WORDS, Event, Rhythm, Schedule, recipients
from services.ledger.actions import Action

NIGHT = (time(22), time(7))
EVENT = Event(7, "promotion:request:opened", "2026-11-20T10:00:00.000000Z", "i|ana", "Ana", "census/5", "req-1")
ANA = Identity(Person("i|ana", "Ana"), frozenset({Role.DATA_SCIENTIST}), email="ana@example.com")
BEN = Identity(Person("i|ben", "Ben"), frozenset({Role.REVIEWER}), email="ben@example.com")
DEV = Identity(Person("i|dev", "Dev"), frozenset({Role.AUDITOR}), email="dev@example.com")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "now", "told"),
    [
        (Schedule(), "2026-11-20 10:00", "2026-11-20 10:00"),
        (Schedule(quiet=NIGHT), "2026-11-20 21:59", "2026-11-20 21:59"),
        (Schedule(quiet=NIGHT), "2026-11-20 22:00", "2026-11-21 07:00"),
        (Schedule(quiet=NIGHT), "2026-11-21 06:59", "2026-11-21 07:00"),
        (Schedule(quiet=(time(12), time(13))), "2026-11-20 12:30", "2026-11-20 13:00"),
        (Schedule(Rhythm.HOURLY), "2026-11-20 10:20", "2026-11-20 11:00"),
        (Schedule(Rhythm.HOURLY, NIGHT), "2026-11-20 21:20", "2026-11-21 07:00"),
        (Schedule(Rhythm.DAILY), "2026-11-20 07:59", "2026-11-20 08:00"),
        (Schedule(Rhythm.DAILY), "2026-11-20 08:00", "2026-11-21 08:00"),
        (Schedule(quiet=NIGHT, zone="Europe/Berlin"), "2026-11-20 21:30", "2026-11-21 06:00"),
        (Schedule(quiet=NIGHT, zone="Europe/Berlin"), "2026-07-20 20:30", "2026-07-21 05:00"),
    ],
)
def test_schedule__quiet_hours_and_digests__put_off_and_never_drop(schedule: Schedule, now: str, told: str) -> None:
    assert schedule.next_after(at(now)) == at(told)


def test_words__name_only_what_the_ledger_knows() -> None:
    assert set(WORDS) <= {action.value for action in Action}


def test_sentence__odd_names__stay_on_one_line() -> None:
    odd = replace(EVENT, actor_name="Ana\r\nBcc: all@example.com")
    assert odd.sentence() == "Ana Bcc: all@example.com requests the promotion of census v5"


def test_recipients__new_request__goes_to_reviewers_and_not_to_whoever_asked() -> None:
    both = Identity(ANA.person, frozenset({Role.REVIEWER}), email=ANA.email)
    assert recipients(EVENT, [both, BEN, DEV], "i|ana") == [BEN]


def test_recipients__decision__goes_to_the_requester() -> None:
    made = replace(EVENT, action="promotion:decision:approved", actor_id="i|ben")
    assert recipients(made, [ANA, BEN, DEV], "i|ana") == [ANA]
    assert recipients(made, [replace(ANA, email="")], "i|ana") == []


def test_sentence__of_a_signature_that_passes_the_turn_on__says_so() -> None:
    event = Event(1, "promotion:decision:approved", "", "chloe", "Chloé", "census/2", "req-1")
    assert event.sentence() == "Chloé approved census v2"
    assert replace(event, named=("ben",)).sentence() == "Chloé approved census v2; the next discipline can sign now"
