"""Attacks on the real server, byte by byte over a socket: no client tidies up what is sent."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import serving

PATIENCE = 10.0


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving() as address:
        yield address


def ask(server: str, head: str, body: str = "") -> str:
    """What comes back first, as text; lines of the head are given with plain line ends."""
    parts = urlsplit(server)
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=PATIENCE) as line:
        line.sendall((head.strip().replace("\n", "\r\n") + "\r\n\r\n" + body).encode("latin-1"))
        return line.recv(65_536).decode("latin-1")


def status(answer: str) -> int:
    return int(answer.split(" ", 2)[1])


def enter(server: str) -> str:
    body = "person=demo%3Aben"
    answer = ask(
        server,
        f"POST /sign-in HTTP/1.1\nHost: {urlsplit(server).netloc}\nContent-Length: {len(body)}\n"
        "Content-Type: application/x-www-form-urlencoded\nConnection: close",
        body,
    )
    line = next(line for line in answer.split("\r\n") if line.lower().startswith("set-cookie:"))
    return line.split(":", 1)[1].strip().partition(";")[0]


def handshake(server: str, *, cookie: str = "", origin: str | None = None, path: str = "/_stcore/stream") -> int:
    host = urlsplit(server).netloc
    lines = [
        f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: Upgrade", "Upgrade: websocket",
        "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        f"Origin: {server if origin is None else origin}",
    ]  # fmt: skip
    return status(ask(server, "\n".join(lines + ([f"Cookie: {cookie}"] if cookie else []))))


@pytest.mark.parametrize(
    "path", ["/static/../media/x", "/static/%2e%2e/media/x", "//media/x", "/media//x", "/%6dedia/x"]
)
def test_raw_path__round_the_gate__is_no_way_in(server: str, path: str) -> None:
    answer = ask(server, f"GET {path} HTTP/1.1\nHost: x\nConnection: close")
    assert status(answer) in {303, 401, 404}
    assert "content-security-policy" in answer.lower()


@pytest.mark.parametrize("target", ["http://evil.example/", "*", "/\x01", "/x HTTP/1.1\r\nX: y"])
def test_raw_target__that_is_no_path__gets_nothing(server: str, target: str) -> None:
    answer = ask(server, f"GET {target} HTTP/1.1\nHost: x\nConnection: close")
    assert status(answer) in {303, 400, 401, 404}


def test_socket__with_a_session__opens(server: str) -> None:
    assert handshake(server, cookie=enter(server)) == 101


@pytest.mark.parametrize("size", [9_000, 20_000, 60_000])
def test_socket__with_oversized_cookies__is_answered_and_never_hangs(server: str, size: int) -> None:
    cookie = f"{enter(server)}; other={'x' * size}"
    assert handshake(server, cookie=cookie) == 101


def test_socket__after_sign_out_with_the_kept_cookie__stays_closed(server: str) -> None:
    cookie = enter(server)
    ask(server, f"GET /sign-out HTTP/1.1\nHost: {urlsplit(server).netloc}\nCookie: {cookie}\nConnection: close")
    assert handshake(server, cookie=cookie) == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1", "http://localhost:1"])
def test_socket__of_another_site__is_refused_at_once_with_the_best_cookie(server: str, origin: str) -> None:
    """Streamlit itself would ask an outside host about it, inside the event loop, and stand still."""
    assert handshake(server, cookie=enter(server), origin=origin) == 403


@pytest.mark.parametrize(
    "path", ["/_stcore/agent/interact", "/_stcore/agent/mcp", "/_stcore/metrics", "/%5fstcore/agent/mcp"]
)
def test_remote_control__of_streamlit__is_closed_even_to_people(server: str, path: str) -> None:
    cookie = enter(server)
    assert status(ask(server, f"GET {path} HTTP/1.1\nHost: x\nCookie: {cookie}\nConnection: close")) == 404
    assert handshake(server, cookie=cookie, path=path) == 403


def test_upload__without_session__is_refused_and_with_it_needs_streamlits_token(server: str) -> None:
    head = "PUT /_stcore/upload_file/a/b HTTP/1.1\nHost: x\nContent-Length: 1\nConnection: close"
    assert status(ask(server, head, "x")) == 401
    assert status(ask(server, f"{head}\nCookie: {enter(server)}", "x")) in {400, 403}
