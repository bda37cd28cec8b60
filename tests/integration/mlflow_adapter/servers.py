"""Servers for the adapter's tests: one that answers like MLflow from a table, and one that misbehaves on the wire."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from services.adapters.mlflow import MlflowConfig, MlflowRegistry, build_registry

API = "/api/2.0/mlflow/"


@dataclass(frozen=True)
class Seen:
    """A request as the server saw it."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any


@dataclass
class Answer:
    """What to send back."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Reply = Answer | Callable[[Seen], Answer]


@dataclass
class FakeMlflow:
    """Answers by "METHOD path"; a list is used up from the front, its last answer stays."""

    url: str = ""
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def on(self, what: str, *replies: Reply) -> None:
        self.replies[what] = list(replies)

    def answer(self, seen: Seen) -> Answer:
        with self.lock:
            self.seen.append(seen)
            replies = self.replies.get(f"{seen.method} {seen.path.removeprefix(API)}")
            if not replies:
                return Answer(404, b"<html>no such page</html>")
            reply = replies.pop(0) if len(replies) > 1 else replies[0]
        return reply(seen) if callable(reply) else reply

    def paths(self) -> list[str]:
        return [seen.path.removeprefix(API) for seen in self.seen]


@contextmanager
def fake_mlflow() -> Iterator[FakeMlflow]:
    """The table server, running until the block ends."""
    fake = FakeMlflow()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65536  # head and body leave together; apart, each answer waits for a delayed ACK

        def serve(self) -> None:
            parts = urlsplit(self.path)
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(data) if data else None
            headers = {k.lower(): v for k, v in self.headers.items()}
            answer = fake.answer(Seen(self.command, parts.path, parse_qs(parts.query), headers, body))
            payload = answer.encoded()
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(payload)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_DELETE = serve  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Wire:
    """A scripted socket server: `script` gets each connection after the request's head was read.

    `clock` stands still until then, so that a slow machine never spends a call's time before it was sent.
    """

    def __init__(self, script: Callable[[socket.socket, Event], None], *, read_first: bool = True) -> None:
        self.requests = 0
        self.connections = 0
        self._script = script
        self._read_first = read_first
        self._stop = Event()
        self._began: float | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.02)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [Thread(target=self._accept)]
        self._threads[0].start()

    def clock(self) -> float:
        return 0.0 if self._began is None else time.monotonic() - self._began

    def note_request(self) -> None:
        self.requests += 1
        self._began = self._began or time.monotonic()

    def _accept(self) -> None:
        while not self._stop.is_set():
            with suppress(TimeoutError):
                connection, _ = self._listener.accept()
                self.connections += 1
                thread = Thread(target=self._talk, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(5)
            if self._read_first and connection.recv(65536):
                self.note_request()
            self._script(connection, self._stop)

    def close(self) -> None:
        self._stop.set()
        for thread in list(self._threads):
            thread.join()
        self._listener.close()


@contextmanager
def wire(script: Callable[[socket.socket, Event], None], *, read_first: bool = True) -> Iterator[Wire]:
    """A running `Wire`."""
    server = Wire(script, read_first=read_first)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def registry_at(url: str, *, clock: Callable[[], float] = time.monotonic, **settings: Any) -> Iterator[MlflowRegistry]:
    """The adapter for an address, closed at the end; short times unless told."""
    settings = {"call_seconds": 3, "connect_seconds": 1, "breaker_seconds": 0.001, **settings}
    registry = build_registry(MlflowConfig(url, **settings), monotonic=clock, sleep=lambda _: None)
    try:
        yield registry
    finally:
        registry.close()
