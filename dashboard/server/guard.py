"""The guard in front of pages, sockets and API: plain ASGI, so that it sees web sockets too.

- A foreign Origin is turned away before Streamlit sees it: its own check asks an outside host inside the event loop.
- Streamlit's remote-control and metrics addresses are closed.
- Bodies are capped in size and time; every answer, errors of the server included, carries a strict content security
  policy.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger("countersign.dashboard")

BODY_LIMIT = 2 * 1024 * 1024
"""Bytes of a request's body."""
BODY_SECONDS = 30.0
"""Within which it must be here: whoever sends a byte a minute holds nothing open."""
CLOSED = ("/_stcore/agent", "/_stcore/metrics")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)


class BodyTooLargeError(Exception):
    """The request has more bytes than allowed."""


class BodyTooSlowError(Exception):
    """The body was not complete in time."""


def inline_script_hashes(page: str) -> list[str]:
    """CSP sources for the inline scripts of an HTML page."""
    digests = (hashlib.sha256(script.encode()).digest() for script in _INLINE_SCRIPT.findall(page))
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def content_security_policy(page: str) -> str:
    """The policy: everything from this server only, no inline script but those of Streamlit's own page."""
    scripts = " ".join(["'self'", "'wasm-unsafe-eval'", *inline_script_hashes(page)])
    return "; ".join(
        (
            "default-src 'none'",
            "base-uri 'self'",
            "object-src 'none'",
            "frame-ancestors 'none'",
            "form-action 'self'",
            "connect-src 'self'",
            "manifest-src 'self'",
            f"script-src {scripts}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "worker-src 'self' blob:",
            "media-src 'self'",
            "frame-src 'self'",
        )
    )


def streamlit_page() -> str:
    """Streamlit's own HTML page."""
    import streamlit

    return (Path(streamlit.__file__).parent / "static" / "index.html").read_text("utf-8")


def security_headers(page: str) -> dict[str, str]:
    """Headers of every answer."""
    return {
        "content-security-policy": content_security_policy(page),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }


class Guard:
    """ASGI middleware. `public_origin` gives the address that people use, where it is not the Host header."""

    def __init__(
        self, app: ASGIApp, public_origin: Callable[[], str] = str, *, body_seconds: float = BODY_SECONDS
    ) -> None:
        self._app = app
        self._public_origin = public_origin
        self._body_seconds = body_seconds
        self._headers = security_headers(streamlit_page())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._is_foreign(scope) or scope["path"].startswith(CLOSED):
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = _Begun(self._with_headers(scope, send))
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, begun)
            return
        try:
            await self._app(scope, _capped(receive, self._body_seconds), begun)
        except Exception as error:
            if begun.is_so:
                raise
            await _failure(error)(scope, receive, begun)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        if scope["path"].startswith(CLOSED):
            return PlainTextResponse("Closed.", 404)
        length = Headers(scope=scope).get("content-length", "0")
        if length.isdigit() and int(length) > BODY_LIMIT:
            return _too_large()
        is_write = scope["method"] not in _SAFE_METHODS
        if is_write and self._is_foreign(scope):
            return PlainTextResponse("Requests from other sites are refused.", 403)
        return None

    def _is_foreign(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is None:
            return False
        public = self._public_origin().rstrip("/").lower()
        if public.startswith("https:"):
            # whoever can put plain http under our name must not write as us; and the Host header is the sender's word
            return origin.lower() != public
        own = {headers.get("host", "").lower(), urlsplit(public).netloc} - {""}
        return urlsplit(origin).netloc.lower() not in own

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                if self._public_origin().startswith("https:"):
                    headers["strict-transport-security"] = "max-age=31536000"
                if not _is_kept(scope["path"]):
                    headers["cache-control"] = "no-store"
            await send(message)

        return answer


def _is_kept(path: str) -> bool:
    """Only Streamlit's own files may be cached: what people see or download is not, not even by the browser."""
    return path.startswith(("/static/", "/component/"))


class _Begun:
    """Passes messages on, and records whether the answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.is_so = False

    async def __call__(self, message: Message) -> None:
        self.is_so = True
        await self._send(message)


def _too_large() -> PlainTextResponse:
    return PlainTextResponse(f"The request is larger than {BODY_LIMIT} bytes.", 413)


def _failure(error: Exception) -> PlainTextResponse:
    """The server's own answer would bypass this guard and lack its headers."""
    if isinstance(error, BodyTooLargeError):
        return _too_large()
    if isinstance(error, BodyTooSlowError):
        return PlainTextResponse("The request did not arrive in time.", 408, {"connection": "close"})
    reference = secrets.token_hex(4)
    LOG.error("Request failed, reference %s", reference, exc_info=error)
    return PlainTextResponse(f"Something went wrong here. Give your operator the reference {reference}.", 500)


def _capped(receive: Receive, seconds: float) -> Receive:
    """The body as it comes; raises as soon as it is more than the limit, or not complete in time.

    After the body, an application listens for the end of the connection, for as long as it likes.
    """
    seen, is_complete, until = 0, False, time.monotonic() + seconds

    async def capped() -> Message:
        nonlocal seen, is_complete
        if is_complete:
            return await receive()
        with anyio.move_on_after(max(0.0, until - time.monotonic())) as waiting:
            message = await receive()
        if waiting.cancelled_caught:
            raise BodyTooSlowError
        is_complete = not message.get("more_body", False)
        seen += len(message.get("body", b""))
        if seen > BODY_LIMIT:
            raise BodyTooLargeError
        return message

    return capped
