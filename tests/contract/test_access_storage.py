"""Sign-ins, tokens, the outbox and reads of evidence, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

from services.access.sessions import SessionDesk
from services.access.tokens import TokenDesk
from services.cli.access import administrator
from services.domain.identity.people import Person, Role
from services.domain.identity.sessions import Identity, SessionRules
from services.domain.identity.tokens import Scope
from services.domain.notices import Schedule, Topic
from services.notices.desk import NoticeDesk, Subscription
from tests.contract.test_storage import any_world  # noqa: F401 - fixture
from tests.integration.access.test_sessions import BEN, RULES, Reader
from tests.integration.notices.test_desk import Recorder
from tests.simulators.basics import DEV
from tests.world import World


def test_sessions__whole_life__is_the_same_on_either_database(any_world: World) -> None:  # noqa: F811 - fixture
    desk = SessionDesk(any_world.units, any_world.clock, rules=RULES, reread_every=timedelta(minutes=5))
    cookie, reader = desk.start(BEN, sealed="s"), Reader()
    reader.answer = replace(BEN, roles=frozenset({Role.READER}))
    any_world.clock.advance(301)
    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(lambda _: desk.reread_due(reader), range(3))) == 1
    desk.find(cookie)
    found = desk.find(cookie)
    assert found is not None
    assert (found.identity.roles, found.sealed, found.seen) == ({Role.READER}, "s+", any_world.clock.now())
    assert desk.end(cookie) is not None
    assert desk.find(cookie) is None
    any_world.clock.advance(9 * 24 * 3600)
    desk.reread_due(reader)


def test_tokens__use_and_revocation__are_kept(any_world: World) -> None:  # noqa: F811 - fixture
    desk = TokenDesk(any_world.units, clock=any_world.clock, ids=any_world.ids)
    token, secret = desk.issue(administrator(), "ci", scopes=[Scope.READ], lifetime=timedelta(days=1))
    desk.caller(secret)
    assert desk.find(administrator()) == [replace(token, last_used=any_world.clock.now())]
    assert desk.revoke(administrator(), token.id).revoked == any_world.clock.now()


def test_outbox__many_workers__send_each_event_once(any_world: World) -> None:  # noqa: F811 - fixture
    channel = Recorder(may_repeat=True)
    wanted = Subscription("team", channel, frozenset(Topic), Schedule())
    desk = NoticeDesk(any_world.units, any_world.clock, [wanted])
    desk.beat()
    any_world.open(2)
    any_world.open(3)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: desk.beat(), range(4)))
    assert sorted(channel.sent) == [("", [1]), ("", [2])]


def test_evidence__read_in_many_tabs_at_once__is_one_entry(any_world: World) -> None:  # noqa: F811 - fixture
    request = any_world.open()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: any_world.desk.detail(DEV, request.id), range(4)))
    assert any_world.actions().count("evidence:bundle:viewed") == 1


def test_person__signing_in_twice_at_once__is_one_person(any_world: World) -> None:  # noqa: F811 - fixture
    desk = SessionDesk(any_world.units, any_world.clock, rules=SessionRules(roles_max_age=None))
    ana = Identity(Person("ana", "Ana"), frozenset({Role.REVIEWER}))
    with ThreadPoolExecutor(4) as pool:
        cookies = list(pool.map(lambda _: desk.start(ana), range(4)))
    assert all(desk.find(cookie) for cookie in cookies)
