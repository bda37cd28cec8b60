"""A wall-clock limit for a whole HTTP call.

The read time-out of `requests` restarts with every byte, so a server that sends one byte a second blocks a caller
forever. Here each wait on the socket (connect, status line, headers, body) is given only what is left of the
call's time. Two things stay outside: the name resolver, which Python cannot interrupt, and the computing between waits.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection


class Deadline:
    """A moment on a monotonic clock, `seconds` from now."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self.seconds = seconds
        self._monotonic = monotonic
        self._end = monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left, 0 when it is over."""
        return max(0.0, self._end - self._monotonic())

    def capped(self, seconds: float) -> Deadline:
        """A deadline that ends in `seconds`, and never later than this one."""
        return Deadline(min(seconds, self.left()), self._monotonic)


class Call:
    """One HTTP exchange under way."""

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self.is_sent = False
        """True from the moment on which bytes of the request may have left."""


_CALL: ContextVar[Call] = ContextVar("mlflow_call")


@contextmanager
def under(call: Call) -> Iterator[None]:
    """Requests that start inside are bound by this call's deadline, also while their body is read later."""
    token = _CALL.set(call)
    try:
        yield
    finally:
        _CALL.reset(token)


class _BoundedReader(io.RawIOBase):
    """Reads from a socket's raw file; every wait is cut to what is left of the call's time."""

    def __init__(self, sock: Any, call: Call) -> None:
        self._sock = sock
        self._call = call
        self._silence = sock.gettimeout()
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._call.deadline.left()
        if left <= 0:
            raise TimeoutError("the call's time is over")
        self._sock.settimeout(left if self._silence is None else min(left, self._silence))
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _BoundedSocket:
    """A socket whose reader keeps the deadline; all else is the socket's own."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self.call: Call | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def makefile(self, mode: str = "rb", *args: Any, **kwargs: Any) -> Any:
        if self.call is None or mode != "rb":
            return self._sock.makefile(mode, *args, **kwargs)
        return io.BufferedReader(_BoundedReader(self._sock, self.call))


class _BoundedConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        """Connect; all addresses of the host share the time instead of each having its own."""
        try:
            found = socket.getaddrinfo(self._dns_host, self.port or 0, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(self.host, self, socket.gaierror(str(error))) from error
        deadline = _CALL.get().deadline
        deadline = deadline if self.timeout is None else deadline.capped(self.timeout)
        problem: OSError = TimeoutError("no time was left to connect")
        for *_, address in found:
            try:
                return self._try(str(address[0]), deadline.left())
            except OSError as error:
                problem = error
        if isinstance(problem, TimeoutError):
            raise ConnectTimeoutError(self, f"Connecting to {self.host} took too long.") from problem
        raise NewConnectionError(self, f"No connection: {problem}") from problem

    def _try(self, host: str, left: float) -> socket.socket:
        if left <= 0:
            raise TimeoutError("no time was left to connect")
        return create_connection(
            (host, self.port or 0), left, source_address=self.source_address, socket_options=self.socket_options
        )

    def connect(self) -> None:
        super().connect()
        self.sock: Any = _BoundedSocket(self.sock)
        self._begin()

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:
            self._begin()
        super().putrequest(*args, **kwargs)

    def _begin(self) -> None:
        call = _CALL.get()
        call.is_sent = True
        self.sock.call = call


class _BoundedTlsConnection(_BoundedConnection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _BoundedConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _BoundedTlsConnection


class BoundedAdapter(HTTPAdapter):
    """Carries requests over connections that keep the deadline; never retries by itself."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """As in the parent, with our connections."""
        super().init_poolmanager(*args, **kwargs)
        _use_bounded_pools(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """As in the parent, with our connections."""
        manager = super().proxy_manager_for(*args, **kwargs)
        _use_bounded_pools(manager)
        return manager


def _use_bounded_pools(manager: Any) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
