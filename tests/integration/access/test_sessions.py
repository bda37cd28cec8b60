"""Sign-ins in the portal's database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from services.access.people import known_people, refuse_demo_on_real_data
from services.access.sessions import SessionDesk
from services.cli.access import administrator
from services.domain.identity.people import Person, Role
from services.domain.identity.sessions import Identity, SessionRules
from services.errors import SettingsError, UpstreamRefusedError, UpstreamUnavailableError
from tests.world import World

ISSUER = "https://login.example"
BEN = Identity(Person(f"{ISSUER}|ben", "Ben"), frozenset({Role.REVIEWER, Role.OPERATOR}), email="ben@example.com")
RULES = SessionRules(timedelta(hours=12), timedelta(hours=2), timedelta(hours=1), ISSUER)


class Reader:
    """The provider, as a test wants it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Identity | Exception = BEN

    def read_again(self, sealed: str) -> tuple[Identity, str]:
        self.asked.append(sealed)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer, sealed + "+"


@pytest.fixture
def desk(world: World) -> SessionDesk:
    return SessionDesk(world.units, world.clock, rules=RULES, reread_every=timedelta(minutes=5))


def test_session__cookie__opens_it_and_stands_nowhere_in_the_database(world: World, desk: SessionDesk) -> None:
    cookie = desk.start(BEN, sealed="s")
    found = desk.find(cookie)
    assert found is not None
    assert found.identity == BEN
    assert len(cookie) >= 43
    with world.engine.connect() as connection:
        stored = str(connection.execute(text("SELECT * FROM sign_in_session")).all())
    assert cookie not in stored
    assert found.id in stored
    assert desk.find(found.id) is None


def test_session__time_of_authentication__is_kept_and_no_reading_of_roles_renews_it(
    world: World, desk: SessionDesk
) -> None:
    asked = world.clock.now() - timedelta(minutes=3)
    cookie = desk.start(BEN, sealed="x", authenticated=asked)
    world.clock.advance(600)
    desk.reread_due(Reader())
    found = desk.find(cookie)
    assert found is not None
    assert found.authenticated == asked
    other = desk.find(desk.start(BEN))
    assert other is not None
    assert other.authenticated is None


@pytest.mark.parametrize("cookie", [None, "", "x", "0" * 43])
def test_session__unknown_cookie__is_nobody(desk: SessionDesk, cookie: str | None) -> None:
    assert desk.find(cookie) is None
    assert desk.end(cookie) is None


def test_session__maximum_age__ends_it_however_busy(world: World, desk: SessionDesk) -> None:
    cookie, reader = desk.start(BEN, sealed="s"), Reader()
    for _ in range(12 * 12 - 1):
        world.clock.advance(300)
        assert desk.find(cookie) is not None
        desk.reread_due(reader)
    world.clock.advance(300)
    assert desk.find(cookie) is None


def test_session__idle__ends_it_and_looks_that_nobody_asked_for_do_not_count(world: World) -> None:
    desk = SessionDesk(world.units, world.clock, rules=replace(RULES, roles_max_age=None))
    cookie = desk.start(BEN)
    world.clock.advance(3600)
    assert desk.find(cookie) is not None
    world.clock.advance(7100)
    assert desk.find(cookie, is_at_work=False) is not None
    world.clock.advance(200)
    assert desk.find(cookie) is None


def test_session__signed_out__is_worth_nothing_to_whoever_kept_the_cookie(desk: SessionDesk, world: World) -> None:
    cookie, other = desk.start(BEN, sealed="s"), desk.start(BEN)
    ended = desk.end(cookie)
    assert ended is not None
    assert ended.sealed == "s"
    assert desk.find(cookie) is None
    assert desk.end(cookie) is None
    assert desk.find(other) is not None
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT sealed FROM sign_in_session WHERE ended IS NOT NULL")).scalar() == ""
    assert world.actions() == ["session:user:signed_in"] * 2 + ["session:user:signed_out"]


def test_session__same_browser_again__ends_the_one_before(desk: SessionDesk) -> None:
    first = desk.start(BEN)
    second = desk.start(BEN, instead_of=first)
    assert desk.find(first) is None
    assert desk.find(second) is not None


def test_session__person_revoked__ends_everywhere(desk: SessionDesk) -> None:
    cookies = [desk.start(BEN) for _ in range(3)]
    ana = desk.start(replace(BEN, person=Person(f"{ISSUER}|ana", "Ana")))
    assert desk.end_all_of(administrator(), BEN.person.id) == 3
    assert [desk.find(cookie) for cookie in cookies] == [None] * 3
    assert desk.find(ana) is not None


def test_roles__removed_at_the_provider__are_gone_after_the_next_look(world: World, desk: SessionDesk) -> None:
    cookie, reader = desk.start(BEN, sealed="s"), Reader()
    assert desk.reread_due(reader) == 0
    world.clock.advance(301)
    reader.answer = replace(BEN, roles=frozenset({Role.READER}))
    assert desk.reread_due(reader) == 1
    found = desk.find(cookie)
    assert found is not None
    assert found.actor.roles == {Role.READER}
    assert found.sealed == "s+"
    assert world.actions()[1:] == ["access:role:granted", "access:role:revoked", "access:role:revoked"]
    assert known_people(world.units)[0].roles == {Role.READER}
    world.clock.advance(301)
    desk.reread_due(reader)
    assert reader.asked == ["s", "s+"]


def test_roles__account_closed__ends_the_session(world: World, desk: SessionDesk) -> None:
    cookie, reader = desk.start(BEN, sealed="s"), Reader()
    reader.answer = UpstreamRefusedError("invalid_grant")
    world.clock.advance(301)
    desk.reread_due(reader)
    assert desk.find(cookie) is None


def test_roles__provider_away__hold_for_their_maximum_age_and_no_longer(world: World, desk: SessionDesk) -> None:
    cookie, reader = desk.start(BEN, sealed="s"), Reader()
    reader.answer = UpstreamUnavailableError("away")
    for _ in range(11):
        world.clock.advance(310)
        desk.reread_due(reader)
        assert desk.find(cookie) is not None
    world.clock.advance(310)
    assert desk.find(cookie) is None


def test_roles__two_workers__ask_the_provider_once(world: World, desk: SessionDesk) -> None:
    desk.start(BEN, sealed="s")
    reader = Reader()
    world.clock.advance(301)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: desk.reread_due(reader), range(4)))
    assert reader.asked == ["s"]


def test_session__of_the_demo_or_another_provider__opens_nothing(world: World, desk: SessionDesk) -> None:
    demo = SessionDesk(world.units, world.clock, rules=SessionRules(roles_max_age=None))
    cookie = demo.start(Identity(Person("ana.ruiz", "Ana"), frozenset({Role.REVIEWER})))
    assert demo.find(cookie) is not None
    assert desk.find(cookie) is None
    assert demo.find(desk.start(BEN)) is None


def test_demo__on_a_database_of_real_people__refuses_to_start(world: World, desk: SessionDesk) -> None:
    refuse_demo_on_real_data(world.units)
    desk.start(BEN)
    with pytest.raises(SettingsError, match="identity provider"):
        refuse_demo_on_real_data(world.units)


def test_housekeeping__old_sign_ins__are_deleted_and_people_stay(world: World, desk: SessionDesk) -> None:
    desk.start(BEN, sealed="s")
    world.clock.advance(9 * 24 * 3600)
    desk.reread_due(Reader())
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM sign_in_session")).scalar() == 0
    assert [person.person.name for person in known_people(world.units)] == ["Ben"]
