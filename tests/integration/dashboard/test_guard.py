"""The guard and the demo's sign-in, as plain ASGI."""

from __future__ import annotations

import base64
import hashlib
import warnings
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from dashboard import wiring
from dashboard.server import sign_in
from dashboard.server.cookies import SESSION as COOKIE
from dashboard.server.gate import Gate
from dashboard.server.guard import BODY_LIMIT, Guard, content_security_policy, streamlit_page
from tests.fake_portal import fake_opened

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette's client prefers another HTTP library and says so at import
    from starlette.testclient import TestClient


async def _echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"{request.url.path} {len(await request.body())}")


async def _socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("in")
    await websocket.close()


def _client(*, public: str = "") -> TestClient:
    routes = [
        *sign_in.routes(),
        Route("/{path:path}", _echo, methods=["GET", "POST"]),
        WebSocketRoute("/_stcore/stream", _socket),
        WebSocketRoute("/_stcore/agent/x", _socket),
    ]
    middleware = [Middleware(Guard, public_origin=lambda: public), Middleware(Gate)]
    return TestClient(
        Starlette(routes=routes, middleware=middleware), base_url="http://portal.example", follow_redirects=False
    )


@pytest.fixture
def demo() -> Iterator[TestClient]:
    wiring.use(fake_opened())
    yield _client()
    wiring.use(None)


@pytest.fixture
def production() -> Iterator[TestClient]:
    wiring.use(fake_opened(demo_people=()))
    yield _client()
    wiring.use(None)


@pytest.fixture
def inside() -> Iterator[TestClient]:
    """Somebody who is signed in: what is refused then is refused by the guard alone."""
    wiring.use(fake_opened())
    yield _signed_in(_client())
    wiring.use(None)


def _signed_in(client: TestClient) -> TestClient:
    client.post("/sign-in", data={"person": "demo:ben"})
    cookie = client.cookies[COOKIE]
    client.cookies.clear()
    client.headers["cookie"] = f"{COOKIE}={cookie}"
    return client


def test_guard__every_answer__carries_the_policy(production: TestClient) -> None:
    for path in ("/", "/healthz", "/_stcore/agent/mcp", "/sign-in"):
        headers = production.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"


def test_guard__policy__allows_only_streamlits_own_inline_script() -> None:
    page = streamlit_page()
    policy = content_security_policy(page)
    scripts = policy.split("script-src ")[1].split(";")[0]
    assert "unsafe-inline" not in scripts
    assert "unsafe-eval" not in scripts.replace("wasm-unsafe-eval", "")
    assert scripts.count("sha256-") == page.count("<script>")
    assert base64.b64encode(hashlib.sha256(b"evil()").digest()).decode() not in policy


@pytest.mark.parametrize("path", ["/_stcore/agent/interact", "/_stcore/agent", "/_stcore/metrics"])
def test_guard__remote_control_and_metrics__are_closed(inside: TestClient, path: str) -> None:
    assert inside.get(path).status_code == 404
    assert inside.post(path).status_code == 404


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "https://portal.example.evil", "null", "http://portal.example:81"]
)
def test_guard__foreign_origin__never_reaches_the_socket(inside: TestClient, origin: str) -> None:
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        inside.websocket_connect("/_stcore/stream", headers={"host": "portal.example", "origin": origin}),
    ):
        pass
    assert refused.value.code == 1008


@pytest.mark.parametrize("origin", ["http://portal.example", "HTTP://PORTAL.EXAMPLE", None])
def test_guard__own_origin__reaches_the_socket(inside: TestClient, origin: str | None) -> None:
    with inside.websocket_connect(
        "/_stcore/stream", headers={"host": "portal.example"} | ({"origin": origin} if origin else {})
    ) as socket:
        assert socket.receive_text() == "in"


def test_guard__public_address_behind_a_proxy__counts_as_own() -> None:
    wiring.use(fake_opened())
    client = _signed_in(_client(public="https://countersign.example/"))
    with client.websocket_connect("/_stcore/stream", headers={"origin": "https://countersign.example"}) as socket:
        assert socket.receive_text() == "in"
    wiring.use(None)


def test_guard__agent_socket__is_closed(inside: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), inside.websocket_connect("/_stcore/agent/x"):
        pass


def test_guard__writing_from_another_site__is_refused(inside: TestClient) -> None:
    assert inside.post("/x", headers={"origin": "http://evil.example"}).status_code == 403
    assert inside.post("/x", headers={"origin": "http://portal.example"}).status_code == 200
    assert inside.post("/x").status_code == 200


def test_guard__body_over_the_limit__is_refused_with_and_without_a_length(inside: TestClient) -> None:
    big = b"x" * (BODY_LIMIT + 1)
    assert inside.post("/x", content=big).status_code == 413
    assert inside.post("/x", content=iter([big[:1000], big])).status_code == 413
    assert inside.post("/x", content=b"x" * 1000).status_code == 200


def test_sign_in__outside_the_demo__does_not_exist_and_nothing_is_open(production: TestClient) -> None:
    answer = production.get("/sign-in")
    assert (answer.status_code, "Nobody can sign in yet" in answer.text) == (404, True)
    assert production.post("/sign-in", data={"person": "demo:ben"}).status_code == 404
    assert production.get("/models").status_code == 303
    assert production.get("/media/a.csv").status_code == 401


def test_sign_in__deep_link__survives_it(demo: TestClient) -> None:
    first = demo.get("/version?model=a%26b&version=5")
    assert first.status_code == 303
    page = demo.get(first.headers["location"])
    assert "Ben Okafor" in page.text
    assert "&lt;chi&gt;" in page.text
    target = page.text.split('name="next" value="')[1].split('"')[0].replace("&amp;", "&")
    answer = demo.post("/sign-in", data={"person": "demo:ben", "next": target})
    assert answer.headers["location"] == "/version?model=a%26b&version=5"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert demo.get("/version?model=a%26b&version=5").text.startswith("/version")


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "", "/a\r\nSet-Cookie: x=y"]
)
def test_sign_in__target_on_another_host__leads_to_the_start(demo: TestClient, target: str) -> None:
    answer = demo.post("/sign-in", data={"person": "demo:ben", "next": target})
    assert answer.headers["location"] == "/"


def test_sign_in__unheard_of_person__gets_no_session(demo: TestClient) -> None:
    answer = demo.post("/sign-in", data={"person": "demo:root"})
    assert COOKIE not in answer.headers.get("set-cookie", "")
    assert demo.get("/").status_code == 303


def test_sign_in__another_person__ends_the_session_before(demo: TestClient) -> None:
    demo.post("/sign-in", data={"person": "demo:ben"})
    before = demo.cookies[COOKIE]
    demo.post("/sign-in", data={"person": "demo:chi"})
    assert wiring.sessions().find(before) is None
    now = wiring.sessions().find(demo.cookies[COOKIE])
    assert now is not None
    assert now.identity.person.id == "demo:chi"


def test_sign_out__token_used_again__is_worth_nothing(demo: TestClient) -> None:
    demo.post("/sign-in", data={"person": "demo:ben"})
    token = demo.cookies[COOKIE]
    demo.get("/sign-out")
    assert wiring.sessions().find(token) is None
    assert demo.get("/", headers={"cookie": f"{COOKIE}={token}"}).status_code == 303


def test_media__without_a_session__is_refused(demo: TestClient) -> None:
    assert demo.get("/media/abc.csv").status_code == 401


def test_socket__without_a_session__is_refused_before_it_opens(demo: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect) as refused, demo.websocket_connect("/_stcore/stream"):
        pass
    assert refused.value.code == 1008
    demo.post("/sign-in", data={"person": "demo:ben"})
    cookie = {"cookie": f"{COOKIE}={demo.cookies[COOKIE]}"}
    with demo.websocket_connect("/_stcore/stream", headers=cookie) as socket:
        assert socket.receive_text() == "in"


def test_uploads__without_a_session__are_refused_and_health_is_open(demo: TestClient) -> None:
    assert demo.post("/_stcore/upload_file/a/b").status_code == 401
    assert demo.get("/_stcore/health").status_code == 200


def test_dashboard__has_no_folder_that_streamlit_would_serve_by_itself() -> None:
    """A folder `pages` beside the script is run by Streamlit on a deep link, past sign-in and navigation."""
    from pathlib import Path

    import dashboard

    assert not (Path(dashboard.__file__).parent / "pages").exists()
