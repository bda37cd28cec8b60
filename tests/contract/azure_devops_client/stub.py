"""A server that answers from a table, for answers that the local Azure DevOps never gives."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from azure_devops_server.http.locations import locations


@dataclass
class Reply:
    """What to send back; `body` is bytes, or anything that JSON can say; `drip` is seconds between bytes.

    `chunk` bytes at a time are sent in chunked encoding; 0 sends the length instead.
    """

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drip: float = 0
    chunk: int = 0

    def encoded(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Stub:
    """Answers each request by `answer`; OPTIONS by `rows`."""

    url: str = ""
    answer: Callable[[str, str], Reply] = lambda method, path: Reply({})
    rows: list[list[dict[str, Any]]] = field(default_factory=lambda: [locations("main", on_premises=True)])
    """Location rows of the first, second, … OPTIONS; the last one stays."""
    seen: list[tuple[str, str]] = field(default_factory=list)

    def reply(self, method: str, path: str) -> Reply:
        self.seen.append((method, path))
        if method != "OPTIONS":
            return self.answer(method, path)
        rows = self.rows.pop(0) if len(self.rows) > 1 else self.rows[0]
        return Reply({"count": len(rows), "value": rows})


def _chunked(body: bytes, size: int) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@contextmanager
def stubbed() -> Iterator[Stub]:
    """A stub on a free port."""
    stub = Stub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            reply = stub.reply(self.command, self.path)
            body = reply.encoded()
            self.send_response(reply.status)
            size = {"Transfer-Encoding": "chunked"} if reply.chunk else {"Content-Length": str(len(body))}
            headers = {"Content-Type": "application/json", **reply.headers, **size}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self._write(_chunked(body, reply.chunk) if reply.chunk else body, reply.drip)

        def _write(self, body: bytes, drip: float) -> None:
            try:
                for start in range(0, len(body), 1 if drip else len(body) or 1):
                    self.wfile.write(body[start : start + 1] if drip else body)
                    self.wfile.flush()
                    time.sleep(drip)
            except OSError:
                self.close_connection = True

        do_GET = do_POST = do_PATCH = do_PUT = do_OPTIONS = _any  # noqa: N815 - names of http.server

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_address[1]}/demo"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
