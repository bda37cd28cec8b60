"""A small HTTP server that a test scripts: what a cloud's API answers, and a list of what it was asked."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]]


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    body: Any
    headers: dict[str, str]


@dataclass
class Answering:
    """A running server."""

    url: str
    asked: list[Asked] = field(default_factory=list)

    def of(self, method: str) -> list[Asked]:
        return [one for one in self.asked if one.method == method]


@contextmanager
def answering(handle: Callable[[Asked], Answer], *, tls: ssl.SSLContext | None = None) -> Iterator[Answering]:
    """Serve `handle` on a free port at 127.0.0.1 until the block ends; a body that is no text is sent as JSON."""
    told = Answering("")

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            raw = self.rfile.read(length)
            body = json.loads(raw) if raw and "json" in self.headers.get("content-type", "json") else raw.decode()
            asked = Asked(self.command, self.path, body, {k.lower(): v for k, v in self.headers.items()})
            told.asked.append(asked)
            status, value, *more = handle(asked)
            sent = value.encode() if isinstance(value, str) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "text/html" if isinstance(value, str) else "application/json")
            self.send_header("content-length", str(len(sent)))
            for name, text in (more[0] if more else {}).items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815 - names of the standard library

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()
