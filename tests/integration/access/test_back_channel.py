"""Signing out at the provider, over the back channel."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.access.sessions import SessionDesk
from services.domain.identity.people import Person, Role
from services.domain.identity.sessions import Identity, SessionRules
from services.errors import NotAllowedError
from services.ports.identity import Ended
from tests.integration.access.conftest import Client
from tests.simulators.identity_provider import CLIENT, Provider
from tests.world import World

ISSUER = "https://id.example"
BEN = Identity(Person(f"{ISSUER}|ben", "Ben Okafor"), frozenset({Role.REVIEWER}))
EVENT = {"http://schemas.openid.net/event/backchannel-logout": {}}


def logout_token(provider: Provider, *, drop: str = "", header: dict[str, Any] | None = None, **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": provider.issuer, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": uuid.uuid4().hex,
        "events": EVENT, "sub": "ben", "sid": "s-1",
    } | changes  # fmt: skip
    return provider.sign({name: value for name, value in claims.items() if name != drop}, **(header or {}))


def test_logout_token__genuine__names_person_and_session(client: Client, other_side: Provider) -> None:
    ended = client().ended(logout_token(other_side))
    assert (ended.person_id, ended.provider_session) == (f"{other_side.issuer}|ben", "s-1")
    assert abs(ended.at - datetime.now(UTC)) < timedelta(seconds=30)


def test_logout_token__where_people_go_by_another_claim__counts_by_session_only(
    client: Client, other_side: Provider
) -> None:
    assert client(person_claim="oid").ended(logout_token(other_side)).person_id == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "somebody-else"}, {"iss": "https://evil.example"}, {"nonce": "n"}, {"events": {}}, {"events": "x"},
        {"iat": int(time.time()) - 4000, "exp": int(time.time()) + 60}, {"exp": int(time.time()) - 600},
        {"sub": "", "sid": ""}, {"drop": "jti"}, {"drop": "events"}, {"drop": "iat"},
    ],
)  # fmt: skip
def test_logout_token__forged_or_stale_or_an_id_token__signs_nobody_out(
    client: Client, other_side: Provider, changes: dict[str, Any]
) -> None:
    with pytest.raises(NotAllowedError):
        client().ended(logout_token(other_side, **changes))


def test_logout_token__signed_by_somebody_else__signs_nobody_out(client: Client, other_side: Provider) -> None:
    mine = client()
    mine.ended(logout_token(other_side))
    token = logout_token(other_side)
    head, body, signature = token.split(".")
    other = logout_token(other_side, sub="eve").split(".")[1]
    for forged in (f"{head}.{other}.{signature}", f"{head}.{body}.", "x", ""):
        with pytest.raises(NotAllowedError):
            mine.ended(forged)


@pytest.fixture
def desk(world: World) -> SessionDesk:
    return SessionDesk(world.units, world.clock, rules=SessionRules(issuer=ISSUER))


def test_back_channel__ends_the_providers_session_and_no_other(world: World, desk: SessionDesk) -> None:
    here = desk.start(BEN, provider_session="s-1")
    elsewhere = desk.start(BEN, provider_session="s-2")
    assert desk.end_at_provider(Ended("", "s-1", world.clock.now())) == 1
    assert desk.find(here) is None
    assert desk.find(elsewhere) is not None
    assert desk.end_at_provider(Ended(BEN.person.id, "", world.clock.now())) == 1
    assert world.actions()[-1] == "session:user:signed_out"


def test_back_channel__replayed_after_a_new_sign_in__ends_nothing(world: World, desk: SessionDesk) -> None:
    told = Ended(BEN.person.id, "", world.clock.now())
    desk.start(BEN)
    assert desk.end_at_provider(told) == 1
    world.clock.advance(120)
    again = desk.start(BEN)
    assert desk.end_at_provider(told) == 0
    assert desk.find(again) is not None


def test_back_channel__that_names_nobody__ends_nobody(world: World, desk: SessionDesk) -> None:
    cookie = desk.start(BEN)
    assert desk.end_at_provider(Ended("", "", world.clock.now() + timedelta(days=1))) == 0
    assert desk.find(cookie) is not None


def test_sign_in__session_of_the_provider__is_kept(client: Client, other_side: Provider, world: World) -> None:
    mine = client()
    other_side.id_token_extra = {"sid": "s-9"}
    attempt = mine.begin("/")
    arrival = mine.finish(other_side.authorize(attempt.url, "ben"), {attempt.name: attempt.secret})
    desk = SessionDesk(world.units, world.clock, rules=SessionRules(issuer=other_side.issuer))
    found = desk.find(desk.start(arrival.identity, provider_session=arrival.provider_session))
    assert found is not None
    assert found.provider_session == "s-9"
