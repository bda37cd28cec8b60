"""Attacks on guard, gate and sign-in with single requests. Each is a name of something that somebody would try."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from dashboard import wiring
from dashboard.server import sign_in
from dashboard.server.cookies import ATTEMPTS, SESSION
from dashboard.server.gate import Gate
from dashboard.server.guard import Guard
from services.ports.identity import Attempt
from tests.fake_portal import fake_opened

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette's client prefers another HTTP library and says so at import
    from starlette.testclient import TestClient

INSIDE = "this is the inside"
HTTPS = "https://portal.example"


async def _inside(request: Request) -> PlainTextResponse:
    if request.url.path == "/broken":
        raise ValueError("the password is hunter2")
    return PlainTextResponse(INSIDE)


async def _socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(INSIDE)
    await websocket.close()


def client(public: str = "", **more: Any) -> TestClient:
    routes = [
        *sign_in.routes(), WebSocketRoute("/{path:path}", _socket),
        Route("/{path:path}", _inside, methods=["GET", "POST", "PUT", "DELETE", "PATCH"]),
    ]  # fmt: skip
    guard = Middleware(Guard, public_origin=lambda: public, **more)
    app = Starlette(routes=routes, middleware=[guard, Middleware(Gate)])
    return TestClient(app, base_url="http://portal.example", follow_redirects=False, raise_server_exceptions=False)


@pytest.fixture
def portal() -> Iterator[TestClient]:
    wiring.use(fake_opened())
    yield client()
    wiring.use(None)


@pytest.fixture
def secure() -> Iterator[TestClient]:
    opened = fake_opened()
    opened.settings = opened.settings.model_copy(update={"public_url": HTTPS})
    wiring.use(opened)
    yield client(HTTPS)
    wiring.use(None)


def enter(portal: TestClient) -> str:
    answer = portal.post("/sign-in", data={"person": "demo:ben"})
    name, _, rest = answer.headers["set-cookie"].partition("=")
    portal.cookies.clear()
    return f"{name}={rest.partition(';')[0]}"


PATHS = [
    "//api/v1/", "/api", "/api/", "/api/v2/x", "/API/v1/x", "/api/v1", "/api/v1/../media/x", "/static/../media/x.csv",
    "/static/..%2fmedia/x.csv", "/static/%2e%2e/media/x.csv", "/component/../../media/x", "/sign-inx", "/sign-in/",
    "/sign-in/../models", "/sign-out/../models", "/healthzz", "/healthz/", "/healthz/../models", "/favicon.ico/x",
    "/favicons", "/_stcore/health/", "/_stcore/healthx", "/_stcore/host-config/..", "/_stcore/upload_file/a/b",
    "/_STCORE/HEALTH", "/Static/x", "/media/abc.png", "/media/../static/x", "/models;/static/", "/models?/static/",
    "/%2fstatic/x", "/./static/x", "/models/%2e%2e/static/", "/app/static/x",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_path_trick__around_the_gate__gets_a_stranger_nowhere(portal: TestClient, path: str, method: str) -> None:
    scope = {
        "type": "http", "method": method, "path": path.partition("?")[0].replace("%2e", ".").replace("%2f", "/"),
        "raw_path": path.encode(), "query_string": b"", "headers": [(b"host", b"portal.example")],
        "scheme": "http", "server": ("portal.example", 80), "client": ("192.0.2.1", 1), "http_version": "1.1",
    }  # fmt: skip
    sent = _send_raw(portal, scope)
    start = next(message for message in sent if message["type"] == "http.response.start")
    body = b"".join(message.get("body", b"") for message in sent)
    assert start["status"] in {303, 401, 404, 405}
    assert INSIDE.encode() not in body
    assert b"content-security-policy" in dict(start["headers"])


@pytest.mark.parametrize(
    "path", ["/_stcore/stream", "//_stcore/stream", "/_stcore/health/", "/api/v1x", "/", "/media/x"]
)
def test_socket__of_a_stranger__never_opens_on_any_path(portal: TestClient, path: str) -> None:
    with pytest.raises(WebSocketDisconnect), portal.websocket_connect(path):
        pass


def _send_raw(portal: TestClient, scope: Scope) -> list[Message]:
    """Past the client's own tidying of paths."""
    import anyio

    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        await portal.app(scope, receive, send)

    anyio.run(run)
    return sent


def test_error__of_the_server__carries_the_policy_and_no_detail(portal: TestClient) -> None:
    answer = portal.get("/broken", headers={"cookie": enter(portal)})
    assert answer.status_code == 500
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "hunter2" not in answer.text
    assert "reference" in answer.text


def test_slow_body__is_given_up_and_later_waiting_is_not(portal: TestClient) -> None:
    import anyio

    async def dripping() -> Message:
        await anyio.sleep(0.06)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def patient(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        first = await receive()  # the end of the connection, long after the body
        await PlainTextResponse(first["type"])(scope, receive, send)

    assert _status_of(client(body_seconds=0.2).app, dripping) == 408

    messages = iter([{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}])

    async def complete() -> Message:
        message = next(messages)
        if message["type"] == "http.disconnect":
            await anyio.sleep(0.3)
        return message

    assert _status_of(Guard(patient, body_seconds=0.1), complete) == 200


def _status_of(app: Any, receive: Receive) -> int:
    import anyio

    sent: list[Message] = []
    scope = {
        "type": "http", "method": "POST", "path": "/sign-in", "raw_path": b"/sign-in", "query_string": b"",
        "headers": [(b"host", b"portal.example")], "scheme": "http", "server": ("portal.example", 80),
        "client": ("192.0.2.1", 1), "http_version": "1.1", "root_path": "", "app": app,
    }  # fmt: skip

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        await app(scope, receive, send)

    anyio.run(run)
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    "name", ["x-forwarded-host", "x-forwarded-proto", "x-forwarded-for", "forwarded", "x-original-url"]
)
def test_forwarded_header__spoofed__changes_neither_redirect_nor_cookie(portal: TestClient, name: str) -> None:
    spoofed = {name: "https" if name.endswith("proto") else "evil.example"}
    plain, other = portal.get("/models"), portal.get("/models", headers=spoofed)
    assert other.headers["location"] == plain.headers["location"] == "/sign-in?next=%2Fmodels"
    answer = portal.post("/sign-in", data={"person": "demo:ben", "next": "/models"}, headers=spoofed)
    assert answer.headers["location"] == "/models"
    assert answer.headers["set-cookie"].startswith(f"{SESSION}=")


@pytest.mark.parametrize(
    "origin", ["http://portal.example", "https://portal.example.evil", "https://evil.example", "null"]
)
def test_origin__not_the_public_address__writes_nothing_and_opens_no_socket(secure: TestClient, origin: str) -> None:
    headers = {"origin": origin, "host": origin.partition("//")[2] or "portal.example", "cookie": enter(secure)}
    assert secure.post("/sign-in", headers=headers).status_code == 403
    with pytest.raises(WebSocketDisconnect), secure.websocket_connect("/_stcore/stream", headers=headers):
        pass


def test_cookie__over_https__is_bound_to_host_and_encryption(secure: TestClient) -> None:
    answer = secure.post("/sign-in", data={"person": "demo:ben"}, headers={"origin": HTTPS})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"__Host-{SESSION}=")
    assert all(part in cookie for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"))
    assert "Domain" not in cookie
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_cookie__without_the_prefix__is_not_taken_over_https(secure: TestClient) -> None:
    value = enter(secure).partition("=")[2]
    assert secure.get("/models", headers={"cookie": f"{SESSION}={value}"}).status_code == 303
    assert secure.get("/models", headers={"cookie": f"__Host-{SESSION}={value}"}).text == INSIDE


def test_session__chosen_by_the_attacker_before_sign_in__is_never_adopted(portal: TestClient) -> None:
    fixed = "attacker-chose-this"
    portal.cookies.set(SESSION, fixed)
    answer = portal.post("/sign-in", data={"person": "demo:ben"})
    assert fixed not in answer.headers["set-cookie"]
    assert wiring.sessions().find(fixed) is None


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_sign_out__by_a_link_or_image_elsewhere__only_asks(portal: TestClient, site: str) -> None:
    cookie = {"cookie": enter(portal)}
    answer = portal.get("/sign-out", headers=cookie | {"sec-fetch-site": site})
    assert "Do you want to sign out?" in answer.text
    assert portal.get("/models", headers=cookie).text == INSIDE
    foreign = portal.post("/sign-out", headers=cookie | {"origin": "http://evil.example"})
    assert foreign.status_code == 403
    assert portal.post("/sign-out", headers=cookie | {"origin": "http://portal.example"}).status_code == 303
    assert portal.get("/models", headers=cookie).status_code == 303


TARGETS = [
    "//evil.example/x", "https://evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "///evil.example",
    "javascript:alert(1)", "data:text/html,x", "/x\r\nSet-Cookie: a=b", "/x\x00y", "http:evil.example", "", "models", "/%0d%0aX: y",
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
def test_deep_link__to_elsewhere_or_with_line_ends__stays_here_on_one_line(portal: TestClient, target: str) -> None:
    answer = portal.post("/sign-in", data={"person": "demo:ben", "next": target})
    location = answer.headers["location"]
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\", "/\t"))
    assert answer.headers.get_list("set-cookie") == [answer.headers["set-cookie"]]
    assert "x" not in answer.headers


def test_deep_link__with_markup__is_text_on_the_picker(portal: TestClient) -> None:
    page = portal.get("/sign-in", params={"next": '/a"><script>alert(1)</script>'}).text
    assert "<script" not in page


@pytest.mark.parametrize("path", ["/models", "/media/x", "/nowhere", "/_stcore/agent", "/sign-in", "/sign-in/callback"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "TRACE"])
def test_every_answer__whatever_was_asked__is_strict(portal: TestClient, path: str, method: str) -> None:
    headers = portal.request(method, path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "access-control-allow-origin" not in headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_session__left_by_a_demo__opens_nothing_once_nobody_vouches_for_it(portal: TestClient) -> None:
    cookie = enter(portal)
    opened = fake_opened(demo_people=())
    opened.sessions = wiring.sessions()  # type: ignore[assignment]  # the same database, other settings
    wiring.use(opened)
    assert portal.get("/models", headers={"cookie": cookie}).status_code == 303
    with pytest.raises(WebSocketDisconnect), portal.websocket_connect("/_stcore/stream", headers={"cookie": cookie}):
        pass


class Begins:
    """A provider that sends the browser away, and has nobody come back."""

    count = 0

    def begin(self, target: str, *, fresh: bool = False) -> Attempt:
        self.count += 1
        return Attempt(f"https://id.example/?{fresh}", f"attempt{self.count}", "s" * 600)


def test_sign_in__begun_again_and_again__never_fills_the_header(portal: TestClient) -> None:
    opened = fake_opened(demo_people=())
    opened.provider = Begins()  # type: ignore[assignment]  # nobody comes back
    wiring.use(opened)
    for _ in range(40):
        assert portal.get("/sign-in", params={"next": "/models"}).status_code == 303
    kept = {cookie.name for cookie in portal.cookies.jar}
    assert "countersign_attempt_attempt40" in kept
    assert len(kept) <= ATTEMPTS + 1


def test_back_channel__without_a_provider_or_token__does_nothing(portal: TestClient) -> None:
    cookie = enter(portal)
    assert portal.post("/sign-in/back-channel", data={"logout_token": "x.y.z"}).status_code == 404
    assert portal.get("/models", headers={"cookie": cookie}).text == INSIDE
