"""People choose when they are told and what they do without; incidents and what names them come always."""

from __future__ import annotations

import argparse
from datetime import time, timedelta

import pytest

from services.cli import notices as command
from services.domain.identity.people import Actor, Person, Role
from services.domain.identity.sessions import Identity
from services.domain.notices import Event, Preferences, Rhythm, Schedule, Topic
from services.errors import InvalidInputError, NotAllowedError, UpstreamRefusedError
from services.notices.preferences import PreferenceDesk
from tests.integration.notices.test_desk import Recorder, desk_of
from tests.simulators.basics import ANA, CHLOE, DEV, PIPELINE
from tests.world import World

QUIET = Schedule(Rhythm.AT_ONCE, (time(20), time(7)), "Europe/Berlin")
DIGEST = Schedule(Rhythm.DAILY, None, "Europe/Berlin")
SOME = frozenset({Topic.REQUESTS})


@pytest.fixture
def wishes(world: World) -> PreferenceDesk:
    with world.units.begin() as unit:
        for actor in (CHLOE, ANA, DEV):
            email = f"{actor.person.id}@example.com"
            unit.sessions.put_person(Identity(actor.person, actor.roles, email=email), world.clock.now())
    return PreferenceDesk(world.units, world.clock, is_mailed=True)


@pytest.mark.parametrize(
    "wanted", [Preferences(), Preferences(QUIET), Preferences(DIGEST, SOME), Preferences(muted=SOME)]
)
def test_preferences__chosen__are_kept_and_replaced(wishes: PreferenceDesk, wanted: Preferences) -> None:
    wishes.choose(CHLOE, Preferences(QUIET, frozenset({Topic.DECISIONS})))
    wishes.choose(CHLOE, wanted)
    assert wishes.own(CHLOE).preferences == wanted
    assert wishes.own(CHLOE).email == "chloe.martin@example.com"
    assert wishes.own(DEV).preferences == Preferences()


def test_preferences__that_make_no_sense__are_refused(wishes: PreferenceDesk) -> None:
    with pytest.raises(InvalidInputError, match="Incident"):
        wishes.choose(CHLOE, Preferences(muted=frozenset({Topic.INCIDENTS})))
    with pytest.raises(InvalidInputError, match="time zone"):
        wishes.choose(CHLOE, Preferences(Schedule(zone="Mars/Base")))
    for actor in (PIPELINE, Actor(Person("x", "x"), frozenset({Role.ADMINISTRATOR}))):
        with pytest.raises(NotAllowedError):
            wishes.choose(actor, Preferences())


def test_digest__of_one_person__waits_for_its_hour_and_is_one_message(world: World, wishes: PreferenceDesk) -> None:
    channel = Recorder()
    desk = desk_of(world, channel, is_personal=True)
    wishes.choose(CHLOE, Preferences(DIGEST))
    request = world.open()
    world.desk.withdraw(ANA, request.id, reason="x")
    world.open(3)
    desk.beat()
    assert channel.sent == []
    world.clock.advance(timedelta(hours=22).total_seconds())
    desk.beat()
    assert channel.sent == [("chloe.martin@example.com", [1, 3])]


def test_muted_topic__is_not_mailed__unless_it_names_the_person(world: World, wishes: PreferenceDesk) -> None:
    channel = Recorder()
    desk = desk_of(world, channel, is_personal=True)
    wishes.choose(CHLOE, Preferences(muted=SOME))
    world.open()
    desk.beat()
    assert channel.sent == []
    named = Event(1, "promotion:comment:added", "", "x", "X", "census/1", named=(CHLOE.person.id,))
    assert Preferences(muted=SOME).wants(named, CHLOE.person.id)
    assert not Preferences(muted=SOME).wants(named, DEV.person.id)


def test_person__not_seen_for_long__gets_no_mail(world: World, wishes: PreferenceDesk) -> None:
    channel = Recorder()
    desk = desk_of(world, channel, is_personal=True)
    world.clock.advance(timedelta(days=91).total_seconds())
    world.open()
    desk.beat()
    assert channel.sent == []


def test_dead_letters__are_listed_with_the_reason_and_go_out_again(
    world: World, wishes: PreferenceDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    channel = Recorder()
    channel.errors = [UpstreamRefusedError("Channel team refuses: 400.", system="notifications")]
    desk = desk_of(world, channel)
    world.open()
    desk.beat()
    assert command.run(argparse.Namespace(action="list"), world.units, world.clock) == 1
    said = capsys.readouterr().out
    assert "Ana Ruiz requests the promotion of census v2" in said
    assert "refuses: 400" in said
    assert "1 not delivered, 0 waiting, 0 sent." in said
    assert command.run(argparse.Namespace(action="retry", id=99), world.units, world.clock) == 1
    assert command.run(argparse.Namespace(action="retry", id=None), world.units, world.clock) == 0
    desk.beat()
    assert channel.sent == [("", [1])]
    assert command.run(argparse.Namespace(action="list"), world.units, world.clock) == 0
