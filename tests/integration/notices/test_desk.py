"""The outbox from the ledger to a real mail server and a real HTTP receiver."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from pydantic import SecretStr

from services.bootstrap.notices import check_channels, subscription
from services.domain.identity.people import Person, Role
from services.domain.identity.sessions import Identity
from services.domain.notices import Event, Rhythm, Schedule, Topic
from services.errors import SettingsError, UpstreamUnavailableError
from services.ledger.actions import Action
from services.ledger.tree.entry import Subject
from services.notices.desk import LEASE, MAX_ATTEMPTS, NoticeDesk, Subscription
from services.settings import NotifyChannel, load_settings
from tests.simulators.basics import ANA
from tests.simulators.receivers import MailServer, Receiver, http_receiver, mail_server
from tests.world import World

SECRET = "hook-secret-0123456789-0123456789"
ADDRESS = "https://portal.example"


class Recorder:
    """A channel that keeps what it gets, and fails as told."""

    def __init__(self, *, may_repeat: bool = False) -> None:
        self.may_repeat = may_repeat
        self.sent: list[tuple[str, list[int]]] = []
        self.errors: list[Exception] = []

    def send(self, events: Sequence[Event], *, person: str = "") -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.sent.append((person, [event.seq for event in events]))


def desk_of(world: World, channel: Any, *, schedule: Schedule | None = None, is_personal: bool = False) -> NoticeDesk:
    topics = frozenset(Topic) - {Topic.ACCESS}
    wanted = Subscription("team", channel, topics, schedule or Schedule(), is_personal)
    desk = NoticeDesk(world.units, world.clock, [wanted])
    desk.beat()
    return desk


def counts(world: World) -> dict[str, int]:
    with world.units.read() as unit:
        return unit.notices.counts()


def test_first_look__starts_with_what_comes__not_with_old_news(world: World) -> None:
    world.open()
    channel = Recorder()
    desk = desk_of(world, channel)
    desk.beat()
    assert channel.sent == []
    world.open(3)
    desk.beat()
    assert channel.sent == [("", [2])]


def test_event__rolled_back__is_never_told(world: World) -> None:
    channel = Recorder()
    desk = desk_of(world, channel)
    entry = Subject("model_version", "census/2")
    with suppress(ZeroDivisionError), world.units.begin() as unit:
        unit.ledger.append(ANA, Action.REQUEST_OPENED, entry)
        _ = 1 / 0
    desk.beat()
    assert channel.sent == []


def test_workers__many_at_once__send_each_event_once(world: World) -> None:
    channel = Recorder(may_repeat=True)
    desk = desk_of(world, channel)
    world.open(2)
    world.open(3)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: desk.beat(), range(6)))
    assert sorted(channel.sent) == [("", [1]), ("", [2])]
    assert counts(world) == {"sent": 2}


def test_channel__away__is_tried_again_with_growing_pauses_and_given_up_in_the_end(world: World) -> None:
    channel = Recorder()
    desk = desk_of(world, channel)
    channel.errors = [UpstreamUnavailableError("away")] * (MAX_ATTEMPTS + 5)
    world.open()
    pauses = []
    for _ in range(100):
        before = len(channel.errors)
        desk.beat()
        world.clock.advance(30)
        if len(channel.errors) < before:
            pauses.append(world.clock.now())
    gaps = [b - a for a, b in pairwise(pauses)]
    assert gaps == sorted(gaps)
    assert gaps[:3] == [timedelta(seconds=30), timedelta(seconds=60), timedelta(seconds=120)]
    for _ in range(MAX_ATTEMPTS):
        world.clock.advance(3600)
        desk.beat()
    assert counts(world) == {"failed": 1}
    assert len(channel.errors) == 5


def test_channel__back_again__gets_what_waited_in_one_message(world: World) -> None:
    channel = Recorder()
    desk = desk_of(world, channel)
    channel.errors = [UpstreamUnavailableError("away")]
    world.open(2)
    desk.beat()
    world.open(3)
    world.clock.advance(31)
    desk.beat()
    assert channel.sent == [("", [1, 2])]


def test_channel__with_a_bug__holds_up_nobody_else(world: World) -> None:
    bad, good = Recorder(), Recorder()
    bad.errors = [RuntimeError("bug")]
    topics = frozenset({Topic.REQUESTS})
    desk = NoticeDesk(
        world.units, world.clock, [Subscription("bad", bad, topics, Schedule()), Subscription("good", good, topics, Schedule())]
    )  # fmt: skip
    desk.beat()
    world.open()
    desk.beat()
    assert good.sent == [("", [1])]
    assert counts(world) == {"sent": 1, "waiting": 1}


@pytest.mark.parametrize(("may_repeat", "state"), [(False, "unknown"), (True, "sent")])
def test_sender__killed_in_the_middle__repeats_only_where_the_receiver_can_tell(
    world: World, may_repeat: bool, state: str
) -> None:
    channel = Recorder(may_repeat=may_repeat)
    desk = desk_of(world, channel)
    channel.errors = [KeyboardInterrupt()]  # type: ignore[list-item]  # as a kill ends the call
    world.open()
    with pytest.raises(KeyboardInterrupt):
        desk.beat()
    desk.beat()
    assert counts(world) == {"sending": 1}
    world.clock.advance(LEASE.total_seconds() + 1)
    desk.beat()
    assert counts(world) == {state: 1}


def test_digest__collects_and_topics_filter(world: World) -> None:
    channel = Recorder()
    desk = desk_of(world, channel, schedule=Schedule(Rhythm.HOURLY))
    world.open(2)
    world.open(3)
    desk.beat()
    assert channel.sent == []
    world.clock.advance(3600)
    desk.beat()
    assert channel.sent == [("", [1, 2])]


def test_people__get_mail_about_what_concerns_them(world: World) -> None:
    channel = Recorder()
    desk = desk_of(world, channel, is_personal=True)
    with world.units.begin() as unit:
        for name, role in (
            ("chloe.martin", Role.REVIEWER),
            ("ana.ruiz", Role.DATA_SCIENTIST),
            ("dev.patel", Role.AUDITOR),
        ):
            person = Identity(Person(name, name), frozenset({role}), email=f"{name}@example.com")
            unit.sessions.put_person(person, world.clock.now())
    request = world.open()
    desk.beat()
    assert channel.sent == [("chloe.martin@example.com", [1])]
    world.approve(request)
    desk.beat()
    assert channel.sent[1][0] == "ana.ruiz@example.com"


@pytest.fixture
def post_office() -> Iterator[MailServer]:
    with mail_server() as found:
        yield found


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as found:
        yield found


def channel_of(**values: Any) -> Subscription:
    return subscription(NotifyChannel(**values), ADDRESS)


def test_mail__through_a_real_server__says_what_happened_and_where_to_look(
    world: World, post_office: MailServer
) -> None:
    url = f"mailto://127.0.0.1:{post_office.port}?from=countersign@example.com&mode=insecure"
    wanted = channel_of(name="people", kind="people", url=url)
    desk = NoticeDesk(world.units, world.clock, [wanted])
    desk.beat()
    with world.units.begin() as unit:
        ben = Identity(Person("ben", "Ben"), frozenset({Role.REVIEWER}), email="ben+work@example.com")
        unit.sessions.put_person(ben, world.clock.now())
    request = world.open()
    assert desk.beat() == 1
    (letter,) = post_office.letters
    assert letter.to == ["ben+work@example.com"]
    assert letter.subject == "Countersign: Ana Ruiz requests the promotion of census v2"
    assert f"{ADDRESS}/request?id={request.id}" in letter.text
    assert "Better on women" not in letter.text
    assert desk.beat() == 0
    assert len(post_office.letters) == 1


def test_mail__server_refuses_or_is_away__waits_and_never_logs_the_password(
    world: World, post_office: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    post_office.refuse = "451 try later"
    url = f"mailto://127.0.0.1:{post_office.port}?from=a@example.com&to=team@example.com&mode=insecure&pass=hush-hush-1"
    desk = NoticeDesk(world.units, world.clock, [channel_of(name="team", url=url)])
    desk.beat()
    world.open()
    desk.beat()
    assert counts(world) == {"waiting": 1}
    post_office.refuse = ""
    world.clock.advance(31)
    desk.beat()
    assert counts(world) == {"sent": 1}
    assert [letter.to for letter in post_office.letters] == [["team@example.com"]]
    assert "hush-hush-1" not in caplog.text


def hook(receiver: Receiver) -> Subscription:
    return channel_of(name="hook", kind="webhook", url=f"{receiver.url}/in", secret=SECRET)


def test_webhook__signature__can_be_checked_with_the_documented_recipe(world: World, receiver: Receiver) -> None:
    desk = NoticeDesk(world.units, world.clock, [hook(receiver)])
    desk.beat()
    request = world.open()
    desk.beat()
    (post,) = receiver.posts
    head = post.headers
    message = f"{head['x-countersign-timestamp']}.{head['x-countersign-id']}.".encode() + post.body
    wanted = hmac.new(SECRET.encode(), message, hashlib.sha256).hexdigest()
    assert head["x-countersign-signature"] == f"v1={wanted}"
    told = json.loads(post.body)
    assert told["link"] == f"{ADDRESS}/request?id={request.id}"
    assert (told["seq"], told["action"], head["x-countersign-id"]) == (1, "promotion:request:opened", "evt-1")


def test_webhook__busy_receiver__gets_the_same_id_again_and_a_refusal_ends_it(world: World, receiver: Receiver) -> None:
    desk = NoticeDesk(world.units, world.clock, [hook(receiver)])
    desk.beat()
    receiver.statuses = [503, 200, 410]
    world.open()
    desk.beat()
    world.clock.advance(31)
    desk.beat()
    assert [post.headers["x-countersign-id"] for post in receiver.posts] == ["evt-1", "evt-1"]
    world.open(3)
    desk.beat()
    assert counts(world) == {"sent": 1, "failed": 1}


def test_webhook__redirect__is_not_followed(world: World, receiver: Receiver) -> None:
    desk = NoticeDesk(world.units, world.clock, [hook(receiver)])
    desk.beat()
    receiver.statuses = [302]
    world.open()
    desk.beat()
    assert [post.path for post in receiver.posts] == ["/in"]
    assert counts(world) == {"failed": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Bad Name", "url": "json://x"}, {"name": "a", "url": "http://h.example", "kind": "webhook", "secret": "s" * 40},
        {"name": "a", "url": "https://h.example", "kind": "webhook", "secret": "short"}, {"name": "a", "url": "json://x", "zone": "Mars"},
        {"name": "a", "url": "json://x", "quiet": "25:00-07:00"}, {"name": "a", "url": "json://x", "colour": "red"},
    ],
)  # fmt: skip
def test_settings__wrong_channel__is_refused_without_showing_its_secret(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(notify=[wrong])
    assert "h.example" not in refused.value.sentence()


def test_settings__url_that_apprise_cannot_read__is_found_by_the_doctor_before_anything_is_lost() -> None:
    settings = load_settings(notify=[{"name": "chat", "url": "nosuchservice://token-1234"}])
    with pytest.raises(SettingsError, match="chat") as refused:
        check_channels(settings)
    assert "token-1234" not in refused.value.sentence()
    assert "token-1234" not in repr(settings)
    check_channels(load_settings(notify=[{"name": "chat", "url": "json://127.0.0.1"}]))


def test_secret__of_a_channel__is_a_secret() -> None:
    channel = NotifyChannel(
        name="hook", kind="webhook", url=SecretStr("https://h.example/t0k3n"), secret=SecretStr(SECRET)
    )
    assert SECRET not in repr(channel)
    assert "t0k3n" not in repr(channel)
    assert replace(Event(1, "a:b:c", "", "", "", ""), seq=2).topic is None
