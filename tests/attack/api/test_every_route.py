"""Attacks on the HTTP API: every route of its OpenAPI document, by everybody who should not, with everything that is odd.

The whole way is real: guard, gate, API, use cases, database, and tokens of a provider that signs them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import quote

import httpx
import jwt
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount

from dashboard import wiring
from dashboard.server.gate import Gate as PageGate
from dashboard.server.guard import Guard
from services.access.tokens import Callers, TokenDesk
from services.adapters.azure_devops import AzureDevOpsConfig
from services.adapters.azure_devops.auth import PersonalAccessToken
from services.adapters.azure_devops.callbacks import AzureCheckCallbacks
from services.adapters.oidc.config import OidcConfig, Sealer
from services.adapters.oidc.provider import OidcProvider
from services.api.app import build_api
from services.api.azure_devops import AzureInboxes, add_azure
from services.catalogue.browse import CatalogueBrowser
from services.catalogue.sync import CatalogueSync
from services.domain.identity.people import Actor, Person, Role
from services.domain.identity.tokens import Scope
from services.hooks.checks import CheckInbox
from services.hooks.inbox import HookInbox
from services.portal import Portal
from services.promotions.gate import Gate
from tests.asgi import AsgiClient
from tests.fake_portal import fake_opened
from tests.integration.catalogue.test_sync import NoLinks
from tests.simulators.identity_provider import CLIENT, SECRET, Provider, running_provider
from tests.world import MODEL, World

AUDIENCE = "api://countersign"
HOOK_SECRET = "hook-secret-hook-secret"
GROUPS = {Role.REVIEWER: ("g-review",), Role.AUDITOR: ("g-audit",), Role.DATA_SCIENTIST: ("g-science",)}
LEAKS = ("traceback", "sqlalchemy", "sqlite", "site-packages", 'file "', "csn_", HOOK_SECRET, SECRET)
HUGE, NUL, HALF = 10**30, "a\x00b", "\ud83d"


@dataclass
class Place:
    """The API as it is served, and whom it knows."""

    world: World
    client: AsgiClient
    provider: Provider
    tokens: TokenDesk
    request_id: str

    def bearer(self, sub: str, **more: Any) -> str:
        return self.provider.sign(self.provider.claims(sub, **({"aud": AUDIENCE} | more)))

    def service(self, *scopes: Scope) -> tuple[str, str]:
        """Id and secret of a new token."""
        root = Actor(Person("root", "Root"), frozenset({Role.ADMINISTRATOR}))
        token, secret = self.tokens.issue(root, "job", scopes=scopes, lifetime=timedelta(days=1))
        return token.id, secret

    def written(self) -> dict[str, int]:
        """Rows of everything that an attack could add."""
        tables = ("promotion_request", "decision", "comment", "ledger_entry", "rollout", "azure_event", "azure_check")
        with self.world.engine.connect() as connection:
            return {t: connection.execute(text(f"SELECT count(*) FROM {t}")).scalar_one() for t in tables}

    def routes(self) -> list[tuple[str, str]]:
        """Method and path of all that the document describes."""
        paths = self.client.get("/api/v1/openapi.json").json()["paths"]
        return [(method.upper(), path) for path, found in paths.items() for method in found]


@pytest.fixture
def place(world: World) -> Iterator[Place]:
    CatalogueSync(world.registry, world.units, clock=world.clock, sweep_every=timedelta(minutes=10)).beat()
    tokens = TokenDesk(world.units, clock=world.clock, ids=world.ids)
    wiring.use(fake_opened(demo_people=()))
    with running_provider() as provider:
        provider.groups = {"rev": ["g-review"], "dee": ["g-audit"], "ana": ["g-science"], "out": ["canteen"]}
        api = _api(world, tokens, provider)
        guard = Middleware(Guard, public_origin=lambda: "http://portal.test")
        app = Starlette(routes=[Mount("/api/v1", app=api)], middleware=[guard, Middleware(PageGate)])
        yield Place(world, AsgiClient(app), provider, tokens, world.open().id)
    wiring.use(None)


def _api(world: World, tokens: TokenDesk, provider: Provider) -> Any:
    config = OidcConfig(
        issuer=provider.issuer, client_id=CLIENT, client_secret=SecretStr(SECRET), api_audience=AUDIENCE,
        redirect_uri="http://portal.test/sign-in/callback", after_sign_out="http://portal.test/signed-out",
        session_secret=SecretStr("x" * 40), groups=GROUPS,
    )  # fmt: skip
    callers = Callers(tokens, OidcProvider(config), has_audience=True)
    figures = fake_opened().portal
    portal = SimpleNamespace(
        catalogue=CatalogueBrowser(world.units, NoLinks()), promotions=world.desk, health=figures.health,
        ledger=figures.ledger,
    )  # fmt: skip
    api = build_api(cast("Portal", portal), Gate(world.units, world.registry), callers)
    organization = AzureDevOpsConfig("http://127.0.0.1:9/org", PersonalAccessToken(SecretStr("any")))
    checks = CheckInbox(world.units, AzureCheckCallbacks(organization), Sealer(SecretStr(SECRET), "test"), world.clock)
    add_azure(api, AzureInboxes(HookInbox(world.units, world.clock), checks, SecretStr(HOOK_SECRET)))
    return api


def sound(answer: httpx.Response) -> httpx.Response:
    """No answer is a breakdown, says what is inside, or can be taken for a page."""
    assert answer.status_code < 500, (answer.request.url, answer.status_code, answer.text[:300])
    assert not [leak for leak in LEAKS if leak in answer.text.lower()], answer.text[:300]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    return answer


def body(**more: object) -> dict[str, object]:
    return {"model": MODEL, "version": 3, "environment": "production", "reason": "Better.", **more}


def query(**more: object) -> dict[str, object]:
    return {"request_id": "req-1", "model": MODEL, "version": 2, **more}


def call(place: Place, method: str, path: str, headers: dict[str, str], **more: Any) -> httpx.Response:
    """As its own client would, with all that the route needs."""
    more.setdefault("params", query())
    if method == "POST" and "content" not in more:
        more.setdefault("json", body())
    address = "/api/v1" + path.replace("{request_id}", place.request_id)
    return sound(place.client.request(method, address, headers=headers, **more))


def strangers(place: Place) -> dict[str, str]:
    """Authorization headers that open nothing."""
    gone, revoked = place.service(Scope.READ, Scope.OPEN_REQUESTS)
    place.tokens.revoke(Actor(Person("root", "Root"), frozenset({Role.ADMINISTRATOR})), gone)
    claims = place.provider.claims("rev", aud=AUDIENCE)
    hour = int(time.time()) - 3600
    return {
        "nobody": "",
        "no kind": "csn_x",
        "unknown": "Bearer csn_" + "x" * 43,
        "revoked": f"Bearer {revoked}",
        "basic": "Basic cm9vdDpyb290",
        "hook secret": f"Bearer {HOOK_SECRET}",
        "huge": "Bearer " + "x" * 100_000,
        "injected": "Bearer ' OR 1=1 --",
        "rubbish": "Bearer a.b.c",
        "alg none": f"Bearer {jwt.encode(claims, None, 'none')}",
        "shared secret": f"Bearer {jwt.encode(claims, 'k' * 40, 'HS256', headers={'kid': place.provider.kid})}",
        "expired": f"Bearer {place.bearer('rev', exp=hour)}",
        "not yet": f"Bearer {place.bearer('rev', nbf=int(time.time()) + 3600)}",
        "other audience": f"Bearer {place.bearer('rev', aud='api://payroll')}",
        "id token": f"Bearer {place.bearer('rev', aud=CLIENT)}",
        "other issuer": f"Bearer {place.bearer('rev', iss='https://evil.example')}",
    }


def headers_of(authorization: str) -> dict[str, str]:
    return {"Authorization": authorization} if authorization else {}


def test_stranger__with_any_token_that_opens_nothing__gets_401_everywhere_and_writes_nothing(place: Place) -> None:
    routes, tried = place.routes(), strangers(place)
    before = place.written()
    assert len(routes) >= 6
    for (method, path), (who, shown) in product(routes, tried.items()):
        answer = call(place, method, path, headers_of(shown))
        assert answer.status_code == 401, (who, method, path, answer.text)
        assert set(answer.json()) == {"code", "message", "hint"}
    assert place.written() == before


def test_token__after_its_end__opens_nothing(place: Place) -> None:
    _, secret = place.service(Scope.READ, Scope.OPEN_REQUESTS)
    assert call(place, "GET", "/versions", headers_of(f"Bearer {secret}")).status_code == 200
    place.world.clock.advance(86_400)
    for method, path in place.routes():
        assert call(place, method, path, headers_of(f"Bearer {secret}")).status_code == 401


def test_person__without_a_role__is_let_in_nowhere(place: Place) -> None:
    before = place.written()
    for method, path in place.routes():
        answer = call(place, method, path, headers_of(f"Bearer {place.bearer('out')}"))
        assert answer.status_code == (401 if path.startswith("/azure") else 403), (method, path)
    assert place.written() == before


def test_auditor__reads_every_route_and_writes_by_none(place: Place) -> None:
    before, auditor = place.written(), headers_of(f"Bearer {place.bearer('dee')}")
    for method, path in place.routes():
        answer = call(place, method, path, auditor)
        wanted = 401 if path.startswith("/azure") else 200 if method == "GET" else 403
        assert answer.status_code == wanted, (method, path, answer.text)
    read = before | {"ledger_entry": before["ledger_entry"] + 1}
    assert place.written() == read, "that the evidence was read is on record, and nothing else"


@pytest.mark.parametrize("scopes", [(Scope.READ,), (Scope.OPEN_REQUESTS,), tuple(Scope)])
def test_service_token__of_any_scope__has_no_action_of_a_reviewer(place: Place, scopes: tuple[Scope, ...]) -> None:
    _, secret = place.service(*scopes)
    found = call(place, "GET", "/requests/{request_id}", headers_of(f"Bearer {secret}")).json()
    assert not [action["action"] for action in found["actions"] if action["is_open"]]
    opened = call(place, "POST", "/requests", headers_of(f"Bearer {secret}"))
    assert opened.status_code == (201 if Scope.OPEN_REQUESTS in scopes else 403), opened.text


def test_other_methods__on_every_route__do_nothing(place: Place) -> None:
    _, secret = place.service(*Scope)
    before = place.written()
    routes = place.routes()
    for (_, path), method in product(routes, ("PUT", "PATCH", "DELETE", "POST", "TRACE", "X-EVIL")):
        if (method, path) not in routes:
            assert call(place, method, path, headers_of(f"Bearer {secret}")).status_code == 405, (method, path)
    assert place.written() == before


ODD: tuple[Any, ...] = (
    HUGE, -HUGE, 2**31, 2**63, 0, -1, "1.5", "NaN", "", NUL, "../../etc/passwd", "%00", "' OR '1'='1", "<script>alert(1)</script>",
    "x" * 5000, "\U0001f6b2", 10**9, "\u202e", "{{7*7}}", "${jndi:ldap://x}", "line\r\nSet-Cookie: a=b",
)  # fmt: skip


def test_odd_values__in_every_parameter_of_every_route__are_answered_and_never_break(place: Place) -> None:
    _, secret = place.service(*Scope)
    who, before = headers_of(f"Bearer {secret}"), place.written()
    described = place.client.get("/api/v1/openapi.json").json()["paths"]
    for (method, path), odd in product(place.routes(), ODD):
        for name in (found["name"] for found in described[path][method.lower()].get("parameters", ())):
            call(place, method, path, who, params=query(**{name: odd}), json=None)
        if "{request_id}" in path:
            call(place, method, f"/requests/{quote(str(odd), safe='')}", who)
    assert place.written() == before | {"ledger_entry": place.written()["ledger_entry"]}


def test_odd_bodies__on_every_route_that_takes_one__are_refused_and_never_break(place: Place) -> None:
    _, secret = place.service(*Scope)
    who, before = headers_of(f"Bearer {secret}"), place.written()
    values = [body(**{name: odd}) for odd, name in product(ODD, ("model", "version", "environment"))]
    contents = [json.dumps(value).encode() for value in (*values, [], "x", 7, None, body(extra=1, version=[1]))]
    contents += [
        json.dumps(body(**{name: HALF})).encode() for name in ("model", "version", "environment", "reason", HALF)
    ]
    contents += [b"", b"{", b"\xff\xfe", b'{"version": 1e400}', b'{"version": NaN}', b"[" * 50_000, b"0" * 5000]
    for (method, path), content in product(place.routes(), contents):
        if method == "POST":
            answer = call(place, method, path, who | {"Content-Type": "application/json"}, content=content)
            assert answer.status_code in {400, 401, 404, 409, 422}, (path, content[:80], answer.text)
            assert set(answer.json()) == {"code", "message", "hint"}
    assert place.written() == before


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_content__of_another_kind__opens_no_request(place: Place, kind: str) -> None:
    _, secret = place.service(*Scope)
    before = place.written()
    headers = headers_of(f"Bearer {secret}") | ({"Content-Type": kind} if kind else {})
    answer = call(place, "POST", "/requests", headers, content=json.dumps(body()).encode())
    assert answer.status_code == 422
    assert place.written() == before


def test_body__over_the_limit__is_refused_before_anything_reads_it(place: Place) -> None:
    _, secret = place.service(*Scope)
    for method, path in place.routes():
        if method == "POST":
            large = json.dumps(body(reason="x" * 3_000_000)).encode()
            assert call(place, method, path, headers_of(f"Bearer {secret}"), content=large).status_code == 413


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://portal.test.evil.example", "http://portal.test:81"]
)
def test_origin__of_another_site__writes_nothing_even_with_a_good_token(place: Place, origin: str) -> None:
    _, secret = place.service(*Scope)
    before = place.written()
    for method, path in place.routes():
        if method == "POST":
            headers = headers_of(f"Bearer {secret}") | {"Origin": origin}
            assert call(place, method, path, headers).status_code == 403
    assert place.written() == before


AZURE: dict[str, Callable[[], dict[str, str]]] = {
    "nothing": dict,
    "wrong": lambda: {"X-Countersign-Secret": "wrong"},
    "empty": lambda: {"X-Countersign-Secret": ""},
    "basic rubbish": lambda: {"Authorization": "Basic !!!"},
    "basic wrong": lambda: {"Authorization": "Basic eDp4"},
}


@pytest.mark.parametrize("who", AZURE)
def test_azure__with_a_wrong_secret__keeps_nothing(place: Place, who: str) -> None:
    before = place.written()
    for path in ("/azure/hooks", "/azure/check"):
        assert call(place, "POST", path, AZURE[who]()).status_code == 401
    assert place.written() == before


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'"x"', b"null", b'{"id": 1}', b'{"id": {}, "eventType": []}', b"[" * 100_000]
)
def test_azure__with_the_secret_and_rubbish__is_refused_and_never_breaks(place: Place, content: bytes) -> None:
    before = place.written()
    for path in ("/azure/hooks", "/azure/check"):
        answer = call(place, "POST", path, {"X-Countersign-Secret": HOOK_SECRET}, content=content)
        assert answer.status_code == 422, answer.text
    assert place.written() == before
