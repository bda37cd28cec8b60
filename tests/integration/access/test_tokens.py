"""Service tokens, and the API as it lets callers in."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from services.access.tokens import Callers, TokenDesk
from services.api.app import build_api
from services.cli.access import administrator
from services.domain.identity.people import PERMISSIONS, Permission
from services.domain.identity.tokens import PERMISSIONS_OF, Scope
from services.domain.promotions.requests import DecisionKind
from services.errors import InvalidInputError, NotAllowedError, NotFoundError, RefusedError
from services.promotions.gate import Gate
from tests.fake_portal import fake_opened
from tests.integration.access.conftest import Client
from tests.simulators.basics import ANA, BEN, DEV
from tests.simulators.identity_provider import Provider
from tests.world import MODEL, World

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette's client prefers another HTTP library and says so at import
    from starlette.testclient import TestClient

YEAR = timedelta(days=365)


@pytest.fixture
def desk(world: World) -> TokenDesk:
    return TokenDesk(world.units, clock=world.clock, ids=world.ids)


def issue(desk: TokenDesk, *scopes: Scope, lifetime: timedelta = YEAR) -> str:
    return desk.issue(administrator(), "pipelines", scopes=scopes or list(Scope), lifetime=lifetime)[1]


def test_token__secret__is_shown_once_and_only_its_hash_is_kept(world: World, desk: TokenDesk) -> None:
    secret = issue(desk)
    assert secret.startswith("csn_")
    assert len(secret) >= 47
    with world.engine.connect() as connection:
        stored = str(connection.execute(text("SELECT * FROM service_token")).all())
        stored += str(connection.execute(text("SELECT body FROM ledger_entry")).all())
    assert secret not in stored
    assert secret[4:] not in stored
    assert world.actions() == ["access:token:issued"]


def test_token__each_use__is_noted(world: World, desk: TokenDesk) -> None:
    secret = issue(desk)
    assert desk.find(administrator())[0].last_used is None
    world.clock.advance(60)
    assert desk.caller(secret).person.id == "service:pipelines"
    assert desk.find(administrator())[0].last_used == world.clock.now()


@pytest.mark.parametrize("end", ["expired", "revoked", "unknown"])
def test_token__no_longer_good__is_refused_and_says_why(world: World, desk: TokenDesk, end: str) -> None:
    secret = issue(desk, lifetime=timedelta(days=1))
    desk.caller(secret)
    if end == "expired":
        world.clock.advance(24 * 3600)
    elif end == "revoked":
        desk.revoke(administrator(), "tok-1")
    else:
        secret = secret[:-1] + ("a" if secret[-1] != "a" else "b")
    with pytest.raises(NotAllowedError, match=end) as refused:
        desk.caller(secret)
    assert refused.value.code == "unauthenticated"


def test_token__scopes__never_reach_a_decision() -> None:
    deciding = {Permission.DECIDE, Permission.COMMENT, Permission.OPERATE_RELEASE, Permission.MANAGE_ACCESS}
    assert not any(PERMISSIONS_OF[scope] & deciding for scope in Scope)


def test_token__of_a_service__opens_a_request_and_decides_nothing(world: World, desk: TokenDesk) -> None:
    service = desk.caller(issue(desk))
    from services.domain.registry import VersionKey

    request = world.desk.open(service, VersionKey(MODEL, 2), "production", reason="Trained tonight.")
    assert request.participants.requester.id == "service:pipelines"
    for kind in (DecisionKind.APPROVE, DecisionKind.REJECT, DecisionKind.REQUEST_CHANGES):
        with pytest.raises(RefusedError, match="people decide"):
            world.desk.decide(service, request.id, kind, seen=request.plan_digest, reason="x", idempotency_key=kind)
    with pytest.raises(NotAllowedError):
        world.desk.comment(service, request.id, "hello", idempotency_key="c")


def test_token__for_reading_only__opens_no_request(world: World, desk: TokenDesk) -> None:
    from services.domain.registry import VersionKey

    reader = desk.caller(issue(desk, Scope.READ))
    with pytest.raises(NotAllowedError):
        world.desk.open(reader, VersionKey(MODEL, 2), "production", reason="x")


@pytest.mark.parametrize("actor", [ANA, BEN, DEV])
def test_tokens__for_people_at_work__are_out_of_reach(desk: TokenDesk, actor: Any) -> None:
    assert Permission.MANAGE_ACCESS not in frozenset[Permission]().union(*(PERMISSIONS[r] for r in actor.roles))
    for attempt in (
        lambda: desk.issue(actor, "mine", scopes=[Scope.READ], lifetime=YEAR),
        lambda: desk.find(actor),
        lambda: desk.revoke(actor, "tok-1"),
    ):
        with pytest.raises(NotAllowedError):
            attempt()


@pytest.mark.parametrize(
    "wrong",
    [{"name": "With Spaces"}, {"name": ""}, {"scopes": []}, {"lifetime": timedelta(0)}, {"lifetime": timedelta(days=400)}],
)  # fmt: skip
def test_token__that_makes_no_sense__is_not_issued(world: World, desk: TokenDesk, wrong: dict[str, Any]) -> None:
    values = {"name": "pipelines", "scopes": [Scope.READ], "lifetime": YEAR} | wrong
    with pytest.raises(InvalidInputError):
        desk.issue(administrator(), values.pop("name"), **values)
    assert world.actions() == []


def test_token__revoking_an_unknown_one__says_so(desk: TokenDesk) -> None:
    with pytest.raises(NotFoundError):
        desk.revoke(administrator(), "tok-99")


@pytest.fixture
def api(world: World, desk: TokenDesk, client: Client) -> Iterator[TestClient]:
    callers = Callers(desk, client(), has_audience=True)
    with TestClient(build_api(fake_opened().portal, Gate(world.units, world.registry), callers)) as found:
        yield found


def ask(api: TestClient, authorization: str, path: str = "/versions") -> Any:
    return api.get(path, headers={"authorization": authorization} if authorization else {})


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer csn_x", "Bearer a.b.c", "Basic eDp5", "Bearer x", "csn_x"])
def test_api__without_a_good_token__answers_401_and_nothing_else(api: TestClient, shown: str) -> None:
    answer = ask(api, shown)
    assert answer.status_code == 401
    assert set(answer.json()) == {"code", "message", "hint"}


def test_api__service_token_or_the_providers__lets_in(api: TestClient, desk: TokenDesk, other_side: Provider) -> None:
    assert ask(api, f"Bearer {issue(desk, Scope.READ)}").status_code == 200
    person = other_side.sign(other_side.claims("ben", aud="api://countersign"))
    assert ask(api, f"bearer {person}").status_code == 200
    stranger = other_side.sign(other_side.claims("nobody", aud="api://countersign"))
    assert ask(api, f"Bearer {stranger}").status_code == 403


def test_api__provider_away__answers_503_and_service_tokens_go_on(
    api: TestClient, desk: TokenDesk, other_side: Provider
) -> None:
    token = other_side.sign(other_side.claims("ben", aud="api://countersign"))
    other_side.broken["/.well-known/openid-configuration"] = b"<html>"
    assert ask(api, f"Bearer {token}").status_code == 503
    assert ask(api, f"Bearer {issue(desk)}").status_code == 200


def test_api__no_audience_set__takes_no_token_of_the_provider(
    world: World, desk: TokenDesk, client: Client, other_side: Provider
) -> None:
    callers = Callers(desk, client(), has_audience=False)
    with pytest.raises(NotAllowedError):
        callers.identify(f"Bearer {other_side.sign(other_side.claims('ben'))}")
