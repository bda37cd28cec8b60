"""A TCP proxy that can fail as networks and gateways do: silence, a closed door, an HTML page where JSON belongs."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum

PIECE = 64 * 1024
PAGE = b"<!doctype html><html><head><title>Sign in</title></head><body><h1>Maintenance &amp; more</h1></body></html>"
RUBBISH = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n" % len(PAGE) + PAGE
)


class Mode(Enum):
    """What the proxy does with a connection."""

    PASS = "pass"
    STALL = "stall"
    RUBBISH = "rubbish"
    REFUSE = "refuse"


class Proxy:
    """Passes on to a port of 127.0.0.1 until `become` says otherwise; open connections end then."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._mode = Mode.PASS
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def become(self, mode: Mode) -> None:
        """From now on."""
        with self._lock:
            self._mode, ending = mode, list(self._open)
        for connection in ending:
            _end(connection)

    def close(self) -> None:
        _end(self._listener)
        self.become(Mode.REFUSE)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            mode = self._mode
            self._open.add(connection)
        try:
            with suppress(OSError):
                self._answer(connection, mode)
        finally:
            with self._lock:
                self._open.discard(connection)
            _end(connection)

    def _answer(self, connection: socket.socket, mode: Mode) -> None:
        if mode is Mode.STALL:
            while connection.recv(PIECE):
                pass
        elif mode is Mode.RUBBISH:
            connection.recv(PIECE)
            connection.sendall(RUBBISH)
        elif mode is Mode.PASS:
            self._pass_on(connection)

    def _pass_on(self, connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._target), timeout=10) as beyond:
            beyond.settimeout(None)
            with self._lock:
                self._open.add(beyond)
            back = threading.Thread(target=_copy, args=(beyond, connection), daemon=True)
            back.start()
            _copy(connection, beyond)
            back.join()
            with self._lock:
                self._open.discard(beyond)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(PIECE):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


@contextmanager
def proxy_to(port: int) -> Iterator[Proxy]:
    """A proxy while the block lasts."""
    found = Proxy(port)
    try:
        yield found
    finally:
        found.close()
