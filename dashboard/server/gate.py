"""The gate: only signed-in users get a page, a file or a web socket. Plain ASGI, so that it sees web sockets too.

A page requested without sign-in leads to the sign-in and back; files answer 401; a socket is refused before it opens.
"""

from __future__ import annotations

from urllib.parse import quote

import anyio
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard import wiring
from dashboard.server import cookies
from dashboard.server.sign_in import BACK_CHANNEL, CALLBACK, PATH, SIGNED_OUT, demo_people

OPEN_PATHS = frozenset({
    PATH, CALLBACK, BACK_CHANNEL, "/sign-out", SIGNED_OUT, "/healthz", "/readyz", "/manifest.json", "/favicon.ico",
    "/favicon.png", "/_stcore/health", "/_stcore/host-config",
})  # fmt: skip
OPEN_FOLDERS = ("/api/v1/", "/static/", "/component/")
"""What needs no sign-in: the sign-in itself, health, Streamlit's own files, and the API, which has its own tokens.
Exactly these: whatever else is written like them is locked."""


class Gate:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] not in {"http", "websocket"} or not _is_locked(scope) or await _is_known(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _answer_stranger(scope)(scope, receive, send)


def _is_locked(scope: Scope) -> bool:
    path = scope["path"]
    is_open = path in OPEN_PATHS or (path.startswith(OPEN_FOLDERS) and "/.." not in path)
    return not is_open and wiring.is_open() and not wiring.fixed_person()


async def _is_known(scope: Scope) -> bool:
    if not demo_people() and wiring.provider() is None:
        return False
    cookie = cookies.session_of(HTTPConnection(scope).cookies, wiring.settings())
    found = await anyio.to_thread.run_sync(lambda: wiring.sessions().find(cookie, is_at_work=False))
    return found is not None


def _answer_stranger(scope: Scope) -> Response:
    if scope["path"].startswith(("/media/", "/_stcore/")) or scope["method"] not in {"GET", "HEAD"}:
        return PlainTextResponse("Sign in first.", 401)
    query = scope["query_string"].decode("latin-1")
    target = quote(scope["path"]) + (f"?{query}" if query else "")
    return RedirectResponse(f"{PATH}?next={quote(target, safe='')}", 303)
